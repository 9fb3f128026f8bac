"""The server `paste`: a pool of threads, in pure Python."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import InFlight, WaitingConnections, discard
from bottle.serving.environ import ServerNames, drop_ambiguous, framing_fault, latin1_path, terminate_input

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.types import WSGIApplication

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
        handler_class = _handler_class(connections, ServerNames(sockets))
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


def _handler_class(connections: WaitingConnections, names: ServerNames) -> type:
    """Return a request handler whose idle connections can be ended and whose environ follows PEP 3333."""
    from paste import httpserver

    class Handler(httpserver.WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
        wbufsize = -1

        def handle_one_request(self) -> None:
            with connections.waiting(self.connection):
                self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            if fault := framing_fault(self.headers):
                self.send_error(400, fault)
            else:
                self.wsgi_execute()
                discard(self.body, self.connection)

        def wsgi_write_chunk(self, chunk: bytes) -> None:
            super().wsgi_write_chunk(chunk)
            self.wfile.flush()  # what goes out together with the head

        def wsgi_setup(self, environ: dict[str, Any] | None = None) -> None:
            super().wsgi_setup(environ)
            mended = self.wsgi_environ
            mended['PATH_INFO'] = latin1_path(self.path)
            drop_ambiguous(mended, self.headers)
            mended.update(names.of(self.connection))
            continues = self.headers.get('Expect', '').lower() == '100-continue'
            raw = httpserver.ContinueHook(self.rfile, self.connection.sendall) if continues else self.rfile
            terminate_input(mended, raw)
            self.body = mended['wsgi.input']

    return Handler


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return PasteServer
