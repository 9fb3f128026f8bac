"""The built-in server: the standard library's, with threads and drain; the core reads and writes the messages."""

from __future__ import annotations

import socketserver
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    import socket

    from bottle.serving.exchange import Exchange, Response
    from bottle.serving.messages import Request
    from bottle.serving.types import WSGIApplication

IDLE_TIMEOUT = 60.0  # seconds that a client may stay silent


class RequestHandler(WSGIRequestHandler):
    """Answers the requests of one connection."""

    timeout = IDLE_TIMEOUT
    server: SimpleServer

    def handle(self) -> None:
        """Answer one request after the other; without threads one alone, because nobody else is served meanwhile."""
        serve, threaded, reused = self.server.exchange.serve, self.server.threaded, False
        while serve(
            self.connection,
            self.rfile,
            self.client_address,
            reused=reused,
            may_persist=lambda: threaded,
            report=self._report if self.server.logs_requests else None,
        ):
            reused = True

    def _report(self, request: Request | None, response: Response) -> None:
        """Let the standard library log what was answered, as a handler of somebody else's may have redefined it."""
        self.requestline, self.command = '-', ''
        if request is not None:
            self.command, self.path, self.request_version, self.headers = request
            self.requestline = f'{request.method} {request.target} {request.version}'
        self.log_request(response.status.partition(' ')[0], response.sent)

    def log_message(self, format: str, *args: Any) -> None:  # the name is the standard library's
        """Write a line to the log, unless the server is quiet."""
        if not self.server.quiet:
            super().log_message(format, *args)


class SimpleServer(socketserver.ThreadingMixIn, WSGIServer):
    """A wsgiref server on sockets that somebody else has bound and accepts on.

    Parameters:
        handler: the WSGI application.
        handler_class: answers the requests of a connection.
        exchange: reads and writes the messages.
        threaded: whether each connection gets a thread of its own.
        quiet: whether nothing is logged.

    Attributes:
        logs_requests: whether requests are logged, unless it is quiet.
    """

    logs_requests = True

    def __init__(
        self,
        handler: WSGIApplication,
        handler_class: Any,
        exchange: Exchange,
        *,
        threaded: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__(('localhost', 0), handler_class, bind_and_activate=False)
        self.socket.close()
        self.exchange = exchange
        self.threaded = threaded
        self.quiet = quiet
        self.server_name, self.server_port = 'localhost', 0
        self.setup_environ()
        self.set_app(handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection: in a thread of its own, or here and now.

        Parameters:
            request: the connected socket.
            client_address: its address; a unix socket has none.
        """
        process = super().process_request if self.threaded else self.process_request_thread
        process(request, client_address or ('', 0))

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Print what a handler raised, unless it is only that the client went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
