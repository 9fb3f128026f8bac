"""The server `bjoern`: one request after the other, in an event loop written in C."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from bottle.errors import ServerError
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.accepted import UNIX_NAMES, AcceptedConnections, has_queue, heed_alarm, require_main_thread
from bottle.serving.environ import ServerNames
from bottle_server_bjoern.handler import MendedApplication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bottle.serving.types import WSGIApplication

TICK = 0.02  # seconds between two looks at what has changed
INTERRUPT = {signal.SIGINT}  # what makes bjoern accept no more, and end when its connections have ended


class BjoernServer(ServerAdapter):
    """Bjoern, with a drain that ends idle connections, which by itself it waits for without end."""

    name = 'bjoern'
    backend = Backend('bjoern', 'bjoern')
    native_call = 'bjoern.server_run'
    marks_chunked = True
    capabilities = Capabilities(
        concurrency='event-loop',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        file_wrapper=True,
    )
    _stopping = _ended = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve one socket from the main thread until stopped, then until the last connection has ended."""
        import bjoern

        if len(sockets) != 1:
            raise ServerError(f'bjoern listens on one address, not on {len(sockets)}: start a server for each')
        require_main_thread(self.name)
        descriptor = os.dup(sockets[0].fileno())
        # Bjoern takes SIGINT for itself and raises it once more in the end: only `_watch` may send it, or see it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT)
        previous = signal.signal(signal.SIGINT, lambda *_: None)
        watcher = threading.Thread(target=self._watch, args=(sockets[0], descriptor, callable(previous)), daemon=True)
        try:
            if not self._stopping or has_queue(sockets):
                watcher.start()
                unknown = {} if sockets[0].family == socket.AF_INET else {'REMOTE_ADDR': ''}  # it knows IPv4 alone
                names = {**(ServerNames(sockets).of(sockets[0]) or UNIX_NAMES), **unknown}
                application = MendedApplication(handler, names, descriptor, lambda: self._stopping)
                bjoern.server_run(descriptor, application)
                self._ended = True
                watcher.join()
        finally:
            signal.signal(signal.SIGINT, previous)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            os.close(descriptor)

    def stop(self) -> None:
        """Let the watching thread see it when it looks next."""
        self._stopping = True

    def native_options(self) -> tuple[str, ...]:
        """Return no names: there is nothing to choose."""
        return ()

    def _watch(self, listener: socket.socket, descriptor: int, interruptible: bool) -> None:
        """Stop bjoern when nobody waits in the queue any more, then end idle connections; pass Ctrl-C on."""
        connections, interrupted = AcceptedConnections([listener]), False
        while not self._ended:
            time.sleep(TICK)
            if signal.sigpending() & INTERRUPT and signal.sigwait(INTERRUPT) and interruptible:
                os.kill(os.getpid(), signal.SIGTERM)
            if self._stopping and not interrupted and not has_queue([listener]):
                interrupted = True
                with closing(listener), socket.socket() as nobody:
                    os.dup2(nobody.fileno(), descriptor, inheritable=False)  # who comes now is refused
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT)
                    signal.raise_signal(signal.SIGINT)
                    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT)
            if interrupted:
                connections.end_idle()
                heed_alarm(lambda: self._ended)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return BjoernServer
