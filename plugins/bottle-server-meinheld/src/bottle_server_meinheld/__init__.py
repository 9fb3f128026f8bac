"""The server `meinheld`: one request after the other, in an event loop written in C."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.accepted import AcceptedConnections, has_queue, heed_alarm, require_main_thread
from bottle.serving.environ import ServerNames
from bottle_server_meinheld.handler import MendedApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bottle.serving.types import WSGIApplication

TICK = 0.02  # seconds between two looks at idle connections
LARGEST = (1 << 31) - 1  # bytes: the core has a limit on bodies of its own, and meinheld none that is larger
INSTALL = 'python -m pip install greenlet && python -m pip install --no-deps --no-build-isolation meinheld'


class MeinheldServer(ServerAdapter):
    """Meinheld, with a drain that neither cuts what takes more than a second nor waits for idle connections."""

    name = 'meinheld'
    backend = Backend('meinheld', 'meinheld.server', install=INSTALL)
    native_call = 'meinheld.server.run'
    marks_chunked = True
    capabilities = Capabilities(
        concurrency='event-loop',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        chunked_requests=True,
        streaming=True,
        graceful_drain=True,
        file_wrapper=True,
    )
    _stopping = _scheduled = _ended = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve from the main thread until stopped, then until the last connection has ended."""
        from meinheld import server

        require_main_thread(self.name)
        for name, value in {'max_content_length': LARGEST, **self.options}.items():
            getattr(server, f'set_{name}')(value)
        if self.quiet or not self.logs_requests:
            server.set_access_logger(None)
        self._listeners, self._descriptors = sockets, [os.dup(each.fileno()) for each in sockets]
        server.set_listen_socket(self._descriptors)
        previous = signal.signal(signal.SIGURG, lambda *_: None)  # it does nothing but wake the loop
        server.schedule_call(0, self._accept_at_once)
        self._scheduled = bool(server.schedule_call(0, self._look))  # before the first request
        threading.Thread(target=self._watch, args=(server.schedule_call,), daemon=True).start()
        try:
            server.run(MendedApplication(handler, ServerNames(sockets)), silent=True)
        finally:
            self._ended = True
            signal.signal(signal.SIGURG, previous)

    def stop(self) -> None:
        """Let the loop see it when it looks next."""
        self._stopping = True

    def native_options(self) -> Collection[str]:
        """Return the names of meinheld's settings."""
        return ('client_body_buffer_size', 'keepalive', 'max_content_length', 'picoev_max_fd')

    def _watch(self, schedule: Callable[..., object]) -> None:
        """Let the loop look for signals and `stop` all the time; in a drain, wake it and end idle connections."""
        connections = AcceptedConnections(self._listeners)
        while not self._ended:
            if not self._scheduled:
                self._scheduled = True
                schedule(0, self._look)
            for _ in range(2):  # the loop ends at a wake-up at which nothing is scheduled
                if self._stopping:
                    connections.end_idle()
                    heed_alarm(lambda: self._ended)
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)
                time.sleep(TICK)

    def _accept_at_once(self) -> None:
        """Undo what meinheld has asked for: a drain cannot end connections that the system keeps until data comes."""
        for listener in self._listeners:
            if listener.family != socket.AF_UNIX:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 0)

    def _look(self) -> None:
        """Handle signals; when stopped, accept no more once nobody waits in the queue. Called by the loop."""
        from meinheld import server

        self._scheduled = False
        for number in () if self._stopping else (signal.SIGINT, signal.SIGTERM):  # meinheld has taken them
            signal.signal(number, signal.getsignal(number))
        if self._stopping and self._descriptors and not has_queue(self._listeners):
            for descriptor, listener in zip(self._descriptors, self._listeners, strict=False):
                server.cancel_wait(descriptor)
                os.close(descriptor)
                listener.close()
            self._descriptors.clear()  # else meinheld would close them again, whoever has these numbers then


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return MeinheldServer
