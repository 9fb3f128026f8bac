"""The server `paste`: a pool of threads, in pure Python."""

from __future__ import annotations

import inspect
from contextlib import closing
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import InFlight
from bottle.serving.exchange import Exchange

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterable, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

OURS = {'application', 'host', 'port', 'handler', 'request_queue_size', 'start_loop', 'use_threadpool'}
OURS |= {'protocol_version', 'ssl_context', 'ssl_pem'}  # and Paste's own TLS needs a module that pyOpenSSL has dropped
SILENCE = 60.0  # seconds that a client may hold a thread without sending anything


class PasteServer(AcceptingAdapter):
    """Paste's pool of threads; the core reads and writes the messages."""

    name = 'paste'
    backend = Backend('Paste', 'paste.httpserver')
    native_call = 'paste.httpserver.serve'
    native_names: ClassVar = {'threads': 'threadpool_workers'}
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        graceful_drain=True,
        threads_option=True,
        file_wrapper=True,
    )

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Accept connections and hand them to Paste's pool until stopped, then until the pool is idle."""
        from paste import httpserver

        running = InFlight()
        fewest = min(5, self.options.get('threadpool_workers', 5))  # by itself Paste asserts that there are 5
        pool_options = {'spawn_if_under': fewest, **(self.options.get('threadpool_options') or {})}
        options = {**self.options, 'threadpool_options': pool_options}
        silence = options.pop('socket_timeout', None) or SILENCE  # Paste drops fractions
        software = options.pop('server_version', None) or httpserver.WSGIHandler.server_version
        server = httpserver.serve(handler, '127.0.0.1', 0, start_loop=False, **options)
        server.socket.close()  # Paste insists on binding one
        pool, tls = server.thread_pool, self.ssl_context is not None
        application = _known_to(pool, handler)
        exchange = Exchange(application, sockets, software, tls=tls, multiprocess=self.shares_sockets)

        def respond(connection: socket.socket, address: Any) -> None:
            with closing(connection), connection.makefile('rb') as stream:
                exchange.serve(connection, stream, address, may_persist=bool)  # which would occupy a thread

        def queue(connection: socket.socket, address: Any) -> None:
            connection.settimeout(silence)
            pool.add_task(running.counted(partial(respond, connection, address)))

        self.accept(sockets, queue)
        exchange.idle.drain()
        running.wait()
        pool.shutdown()

    def native_options(self) -> Collection[str]:
        """Return the parameters of Paste's `serve`."""
        from paste import httpserver

        return inspect.signature(httpserver.serve).parameters.keys() - OURS

    def try_options(self) -> None:
        """Refuse a pool without threads, on which Paste fails when it listens already."""
        workers = self.options.get('threadpool_workers', 10)
        if not (isinstance(workers, int) and workers > 0):
            raise ValueError(f'paste needs at least one thread: threadpool_workers is {workers!r}')


def _known_to(pool: Any, application: WSGIApplication) -> WSGIApplication:
    """Return an application whose environ Paste's pool knows, for its pages about threads that hang."""

    def told(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ['paste.httpserver.thread_pool'] = pool
        pool.worker_tracker[get_ident()][1] = environ
        return application(environ, start_response)

    return told


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return PasteServer
