"""The server `rocket`, also called `rocket3`: a pool of threads, in pure Python."""

from __future__ import annotations

import queue
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.exchange import Exchange
from bottle.serving.messages import incoming

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager
    from socket import socket

    from bottle.serving.types import WSGIApplication

OPTIONS = {'min_threads': 10, 'max_threads': 0, 'timeout': 600}
MOST_FILES = 1024  # Rocket waits with select(), which knows no more
PATIENT, IMPATIENT = 1.0, 0.1  # seconds that a silent connection may occupy a thread: if there are enough, and else


class RocketServer(AcceptingAdapter):
    """Rocket's threads and its monitor of silent connections; the core reads and writes the messages."""

    name = 'rocket'
    backend = Backend('rocket3', 'rocket3')
    native_call = 'rocket3.Rocket3'
    native_names: ClassVar = {'threads': 'min_threads'}
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
        """Hand accepted connections to Rocket's pool until stopped, then wait until the last one is closed."""
        import rocket3

        fewest, most, timeout = {**OPTIONS, **self.options}.values()
        software, tls = f'Rocket3/{rocket3.__version__}', self.ssl_context is not None
        exchange = Exchange(handler, sockets, software, tls=tls, multiprocess=self.shares_sockets)
        connection_class, worker_class = _mended(exchange, fewest)
        active: queue.Queue[Any] = queue.Queue()
        silent: queue.Queue[Any] = queue.Queue()
        pool = rocket3.ThreadPool(worker_class, {}, active, silent, fewest, most)
        monitor = rocket3.Monitor(silent, active, timeout, pool, daemon=True)
        pool.start()
        monitor.start()
        try:
            self.accept(sockets, lambda *accepted: active.put(connection_class(*accepted)))
            exchange.drain()
        finally:
            monitor.stop()
            pool.stop()

    def native_options(self) -> Collection[str]:
        """Return the parameters of Rocket that are about threads and silence."""
        return OPTIONS


def _mended(exchange: Exchange, threads: int) -> tuple[Any, Any]:
    """Return a connection that knows whether it is silent, and a worker that leaves messages to the core."""
    import rocket3

    class Connection(rocket3.Connection):  # type: ignore[misc]  # the type of the base class is not known
        idle: AbstractContextManager[None] = nullcontext()
        reused = False

        def __init__(self, accepted: socket, address: Any) -> None:
            super().__init__((accepted, address or ('', '')), 0)
            self.secure = self.ssl
            self.stream = incoming(accepted)
            exchange.open.add(self)
            if accepted.fileno() >= MOST_FILES:
                self.close()

        def is_silent(self) -> bool:
            self.idle = exchange.idle.waiting(self.socket, reused=self.reused)
            self.socket.settimeout(PATIENT if len(exchange.open) <= threads else IMPATIENT)
            silent = False
            try:
                self.stream.peek(1)
            except OSError as error:  # whoever reads is told of any other
                silent = isinstance(error, TimeoutError)
            self.socket.settimeout(rocket3.SOCKET_TIMEOUT)
            return silent

        def close(self) -> None:
            with self.idle:
                super().close()
            exchange.open.discard(self)

    class Worker(rocket3.Worker):  # type: ignore[misc]  # the type of the base class is not known
        def run_app(self, conn: Connection) -> None:
            self.closeConnection = True
            if conn.is_silent():
                raise rocket3.SocketTimeout  # which hands it to the monitor
            address, reused, conn.reused = (conn.client_addr, conn.client_port), conn.reused, True
            self.closeConnection = not exchange.serve(conn.socket, conn.stream, address, reused=reused)

    return Connection, Worker


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return RocketServer
