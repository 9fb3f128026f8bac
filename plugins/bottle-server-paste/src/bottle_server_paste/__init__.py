"""The server `paste`: a pool of threads, in pure Python."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import InFlight, WaitingConnections, discard
from bottle.serving.environ import ServerNames, terminate_input, threaded_environ
from bottle.serving.messages import MAX_LINE, Continue, take_request

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.types import Environ, WSGIApplication

OURS = {'application', 'host', 'port', 'handler', 'request_queue_size', 'start_loop', 'use_threadpool'}
OURS |= {'ssl_context', 'ssl_pem'}  # Paste's TLS needs a module that pyOpenSSL has dropped
SILENCE = 60.0  # seconds that a client may hold a thread without sending anything


class PasteServer(AcceptingAdapter):
    """Paste's HTTP server, which by itself loses chunked bodies, and running requests when it is stopped."""

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
    )

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Accept connections and hand them to Paste's pool until stopped, then until the pool is idle."""
        from paste import httpserver

        connections, running = WaitingConnections(), InFlight()
        fewest = min(5, self.options.get('threadpool_workers', 5))  # by itself Paste asserts that there are 5
        pool = {'spawn_if_under': fewest, **(self.options.get('threadpool_options') or {})}
        always = threaded_environ(httpserver.WSGIHandler.server_version, multiprocess=self.shares_sockets)
        handler_class = _handler_class(connections, ServerNames(sockets), always)
        options = {**self.options, 'threadpool_options': pool, 'handler': handler_class}
        silence = options.pop('socket_timeout', None) or SILENCE  # Paste drops fractions
        server = httpserver.serve(handler, '127.0.0.1', 0, start_loop=False, **options)
        server.socket.close()  # Paste insists on binding one

        def queue(connection: socket.socket, address: Any) -> None:
            connection.settimeout(silence)
            respond = partial(server.process_request_in_thread, connection, address or ('', 0))
            server.thread_pool.add_task(running.counted(respond))

        self.accept(sockets, queue)
        connections.drain()
        running.wait()
        server.thread_pool.shutdown()

    def native_options(self) -> Collection[str]:
        """Return the parameters of Paste's `serve`."""
        from paste import httpserver

        return inspect.signature(httpserver.serve).parameters.keys() - OURS

    def try_options(self) -> None:
        """Refuse a pool without threads, on which Paste fails when it listens already."""
        workers = self.options.get('threadpool_workers', 10)
        if not (isinstance(workers, int) and workers > 0):
            raise ValueError(f'paste needs at least one thread: threadpool_workers is {workers!r}')


def _handler_class(connections: WaitingConnections, names: ServerNames, always: Environ) -> type:
    """Return a request handler whose idle connections can be ended and whose environ follows PEP 3333."""
    from paste import httpserver

    class Handler(httpserver.WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
        wbufsize = -1

        def handle_one_request(self) -> None:
            with connections.waiting(self.connection):
                self.raw_requestline = self.rfile.readline(MAX_LINE)
            if request := take_request(self):
                self.request = request
                self.wsgi_execute()
                discard(self.wsgi_environ['wsgi.input'], self.connection)

        def wsgi_write_chunk(self, chunk: bytes) -> None:
            super().wsgi_write_chunk(chunk)
            self.wfile.flush()  # what goes out together with the head

        def wsgi_setup(self, _: dict[str, Any] | None = None) -> None:
            self.wsgi_curr_headers, self.wsgi_headers_sent = None, False
            told = {'REMOTE_ADDR': self.client_address[0], 'wsgi.errors': sys.stderr}
            pool = {'paste.httpserver.thread_pool': self.server.thread_pool}
            found = {**always, **self.request.variables(), **names.of(self.connection), **told, **pool}
            self.wsgi_environ = self.server.thread_pool.worker_tracker[get_ident()][1] = found
            asking = Continue(self.rfile, self.connection)
            terminate_input(self.wsgi_environ, asking if self.request.expects_to_be_asked else self.rfile)

    return Handler


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return PasteServer
