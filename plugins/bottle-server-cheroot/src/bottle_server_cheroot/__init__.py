"""The server `cheroot`: a pool of threads, in pure Python; the HTTP server of CherryPy."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from functools import partial
from socket import AF_UNIX, SOCK_DGRAM, socket
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from bottle.serving.types import WSGIApplication

OURS = {'bind_addr', 'wsgi_app', 'request_queue_size', 'reuse_port', 'shutdown_timeout'}


class CherootServer(AcceptingAdapter):
    """Cheroot's threads and its watch over silent connections; the core reads and writes the messages."""

    name = 'cheroot'
    backend = Backend('cheroot', 'cheroot.wsgi')
    native_call = 'cheroot.wsgi.Server'
    native_names: ClassVar = {'threads': 'numthreads'}
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        threads_option=True,
        file_wrapper=True,
    )

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Hand accepted connections to cheroot's pool until stopped, then wait until the last one is closed."""
        from cheroot.wsgi import Server

        self.feed(fed(Server)('', handler, **self.options), handler, sockets)

    def feed(self, server: Any, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Accept connections for a server of a class that `fed` has made, until stopped."""
        tls, name = self.ssl_context is not None, server.server_name
        server.exchange = Exchange(handler, sockets, name, tls=tls, multiprocess=self.shares_sockets)
        server.prepare()
        keeper = Thread(target=server.serve, name=f'bottle-{self.name}', daemon=True)
        keeper.start()
        try:
            self.accept(sockets, server.take)
            server.exchange.drain()
        finally:
            server.stop()
            keeper.join()

    def native_options(self) -> Collection[str]:
        """Return the parameters of cheroot's server."""
        from cheroot.wsgi import Server

        return inspect.signature(Server).parameters.keys() - OURS - {'peercreds_enabled', 'peercreds_resolve_enabled'}


def fed(base: Any) -> Any:
    """Return a server like one of cheroot's, but that is handed its connections and leaves messages to the core."""
    from cheroot import connections, server

    class Connection(server.HTTPConnection):
        address: Any
        serve: Callable[..., bool]
        idle: AbstractContextManager[None] = nullcontext()
        reused = False

        def communicate(self) -> bool:
            reused, self.reused = self.reused, True
            has_place = partial(getattr, self.server, 'can_add_keepalive_connection')
            return bool(self.serve(self.socket, self.rfile, self.address, reused=reused, may_persist=has_place))

        def close(self) -> None:
            with self.idle:
                super().close()
            self.server.exchange.open.discard(self)

    class Server(base):  # type: ignore[misc]  # the type of the base class is not known
        expiration_interval = 0.1  # seconds between two looks at the end and at connections that were kept for too long
        keep_alive_conn_limit = None  # cheroot counts in silent ones that have sent nothing yet

        def prepare(self) -> None:
            self.socket = socket(AF_UNIX, SOCK_DGRAM)  # in the place of one that it would accept on
            self._connections = connections.ConnectionManager(self)
            self.requests.start()
            self.ready = True

        def take(self, accepted: socket, address: Any) -> None:
            accepted.settimeout(self.timeout)
            connection = Connection(self, accepted)
            connection.serve, connection.address = self.exchange.serve, address
            self.exchange.open.add(connection)
            self.put_conn(connection)  # it costs no thread until there is something to read

        def put_conn(self, connection: Connection) -> None:
            connection.idle = self.exchange.idle.waiting(connection.socket, reused=connection.reused)
            unseen = getattr(connection.socket, 'pending', int)()  # which TLS has decrypted
            (self.process_conn if unseen else super().put_conn)(connection)

    return Server


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return CherootServer
