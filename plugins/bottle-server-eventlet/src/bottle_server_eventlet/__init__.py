"""The server `eventlet`: a green thread for each connection."""

from __future__ import annotations

import os
import select
import threading
import warnings
from contextlib import closing, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import OUT_OF_FILES, PAUSE_WHEN_OUT_OF_FILES, connection_limit
from bottle.serving.exchange import Exchange

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')  # the README says so
TICK = 0.1  # seconds: the hub may sleep through a signal that comes just before it waits
SILENCE = 60.0  # seconds that a client may stay silent


class EventletServer(ServerAdapter):
    """Green threads and green sockets of eventlet, whose own server has bodies without end and buffers what is yielded.

    The command line patches the process; without that, an application that blocks blocks everybody.
    """

    name = 'eventlet'
    backend = Backend('eventlet', 'eventlet.greenio')
    native_call = 'eventlet.GreenPool.spawn'
    native_names: ClassVar = {'ssl_context': 'ssl_context'}
    capabilities = Capabilities(
        concurrency='greenlets',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        file_wrapper=True,
    )
    _stopping = False

    def serve(self, handler: Any, sockets: Sequence[socket.socket]) -> None:
        """Serve every socket from one pool of green threads until stopped, then until the pool is empty."""
        import eventlet
        from eventlet import greenio, patcher

        shared, tls = self.shares_sockets, 'ssl_context' in self.options
        self._exchange = Exchange(handler, sockets, 'eventlet', tls=tls, multiprocess=shared)
        pool = eventlet.GreenPool(self.options.get('max_size', connection_limit()))
        real = patcher.original('socket').socket
        listeners = [greenio.GreenSocket(real(fileno=os.dup(each.fileno()))) for each in sockets]
        accepting = [eventlet.spawn(self._accept, each, pool) for each in listeners]
        while not self._stopping:
            eventlet.sleep(TICK)
        vars(select).update(poll=patcher.original('select').poll)  # the drain asks it, and never waits
        for green_thread, listener, each in zip(accepting, listeners, sockets, strict=True):
            green_thread.kill()
            listener.setblocking(False)
            with closing(listener), closing(each), suppress(OSError):  # until the queue of the socket is empty
                while True:
                    pool.spawn_n(self._handle, *listener.accept())
        self._exchange.idle.drain(eventlet.sleep)
        pool.waitall()

    def stop(self) -> None:
        """Let the serving green thread see it when it looks next."""
        self._stopping = True

    def native_options(self) -> Collection[str]:
        """Return the options of the adapter; those of eventlet's own server are about what it does not do."""
        return ('max_size', 'socket_timeout', 'ssl_context')

    def _accept(self, listener: Any, pool: Any) -> None:
        import eventlet

        while True:
            try:
                pool.spawn_n(self._handle, *listener.accept())
            except OSError as error:
                eventlet.sleep(PAUSE_WHEN_OUT_OF_FILES if error.errno in OUT_OF_FILES else 0)

    def _handle(self, connection: Any, address: Any) -> None:
        from eventlet.green.ssl import GreenSSLSocket

        connection.settimeout(silence := self.options.get('socket_timeout', SILENCE))
        with closing(connection), suppress(OSError):
            if context := self.options.get('ssl_context'):
                connection = GreenSSLSocket(connection, server_side=True, _context=context)
                connection.do_handshake()
            with closing(connection), connection.makefile('rb') as stream:
                reused = False
                while self._exchange.serve(connection, stream, address, reused=reused, may_persist=lambda: True):
                    reused = True
                    connection.settimeout(silence)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return EventletServer


@hookimpl
def bottle_prepare_process() -> None:
    """Replace the blocking parts of the standard library, so that every wait lets other green threads run."""
    import eventlet

    import_module('bottle.serving.tls')  # stands on the sockets of the standard library
    eventlet.monkey_patch()
    vars(import_module('bottle.serving.sockets')).update(socket=eventlet.patcher.original('socket'))
    vars(threading).update(_main_thread=threading.current_thread())  # eventlet has given it another object
