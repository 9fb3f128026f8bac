"""The built-in server: the standard library's wsgiref with threads, drain, and the faults of its environ mended."""

from __future__ import annotations

import socketserver
import sys
from typing import IO, TYPE_CHECKING, Any, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from bottle.serving.connections import WaitingConnections, discard
from bottle.serving.environ import ServerNames, terminate_input
from bottle.serving.messages import MAX_LINE, Continue, take_request

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bottle.serving.messages import Request
    from bottle.serving.types import Environ, WSGIApplication

IDLE_TIMEOUT = 60.0  # seconds that a client may stay silent in the middle of a request


class ResponseWriter(ServerHandler):
    """Writes one HTTP/1.1 response and announces the end of the connection (RFC 9112, section 9.6)."""

    http_version = '1.1'
    headers: Any
    _unsent = b''

    def cleanup_headers(self) -> None:
        """Add the header that tells the client not to send another request."""
        super().cleanup_headers()
        self.headers['Connection'] = 'close'

    def _write(self, data: bytes) -> None:
        self._unsent += data

    def _flush(self) -> None:
        """Send the head together with the first piece of the body, then each piece by itself."""
        unsent, self._unsent = self._unsent, b''
        if unsent:
            super()._write(unsent)

    def finish_content(self) -> None:
        """Send the head also when there is no body."""
        super().finish_content()
        self._flush()

    def log_exception(self, exc_info: Any) -> None:
        """Log what the application raised; a client that went away is not worth a traceback."""
        if not issubclass(exc_info[0], ConnectionError):
            super().log_exception(exc_info)


class RequestHandler(WSGIRequestHandler):
    """Reads one request and answers it."""

    protocol_version = 'HTTP/1.1'
    timeout = IDLE_TIMEOUT
    server: SimpleServer

    def handle(self) -> None:
        """Read one request, call the application and discard what it left unread."""
        try:
            with self.server.connections.waiting(self.connection):
                self.raw_requestline = self.rfile.readline(MAX_LINE)
            if request := take_request(self):
                self._respond(request)
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _respond(self, request: Request) -> None:
        names, client = self.server.names.of(self.connection), {'REMOTE_ADDR': self.client_address[0]}
        environ: Environ = {**self.server.base_environ, **request.variables(), **names, **client}
        expects = request.expects_to_be_asked
        terminate_input(environ, Continue(self.rfile, self.connection) if expects else self.rfile)
        body: IO[bytes] = environ['wsgi.input']
        writer = ResponseWriter(
            body, cast('IO[bytes]', self.wfile), self.get_stderr(), environ, multithread=self.server.threaded
        )
        writer.os_environ = {}  # a variable HTTP_PROXY of this process would pass for a header
        writer.request_handler = self  # type: ignore[attr-defined]  # for the log; the stub lacks the attribute
        writer.run(self.server.handler)
        discard(body, self.connection)

    def log_request(self, code: int | str = '-', size: int | str = '-') -> None:
        """Write a line about the request to the log, unless somebody else does."""
        if self.server.logs_requests:
            super().log_request(code, size)

    def log_message(self, format: str, *args: Any) -> None:  # the name is the standard library's
        """Write a line to the log, unless the server is quiet."""
        if not self.server.quiet:
            super().log_message(format, *args)


class SimpleServer(socketserver.ThreadingMixIn, WSGIServer):
    """A wsgiref server on sockets that somebody else has bound and accepts on.

    Parameters:
        handler: the WSGI application.
        handler_class: reads requests and answers them.
        threaded: whether each connection gets a thread of its own.
        quiet: whether nothing is logged.
        sockets: the listening sockets, where they are known.

    Attributes:
        logs_requests: whether requests are logged, unless it is quiet.
    """

    logs_requests = True

    def __init__(
        self,
        handler: WSGIApplication,
        handler_class: Any = RequestHandler,
        *,
        threaded: bool = True,
        quiet: bool = False,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        super().__init__(('localhost', 0), handler_class, bind_and_activate=False)
        self.socket.close()
        self.threaded = threaded
        self.quiet = quiet
        self.connections = WaitingConnections()
        self.names = ServerNames(sockets)
        self.server_name, self.server_port = 'localhost', 0
        self.setup_environ()
        self.handler = handler
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
