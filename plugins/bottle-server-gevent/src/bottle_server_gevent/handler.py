"""What gevent does with one connection, with heads and bodies that are read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gevent.pywsgi import WSGIHandler, _InvalidClientInput

from bottle.bodies import BodyError, NoBody
from bottle.serving.connections import stands_behind
from bottle.serving.environ import terminate_input
from bottle.serving.messages import Continue, read_request

if TYPE_CHECKING:
    from bottle.serving.connections import WaitingConnections
    from bottle.serving.messages import Request


class Handler(WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
    """Reads the requests of a connection and answers them."""

    connections: WaitingConnections
    request: Request
    response_headers: Any
    _stream: Any
    _body: Any

    @property
    def wsgi_input(self) -> Any:
        """What gevent asks to `_discard` what the application has left of the body."""
        return self

    def read_requestline(self) -> Any:
        """Wait for a request; a drain may end it meanwhile."""
        connection = getattr(self.socket, '_sock', self.socket)
        with self.connections.waiting(connection, reused=self.requestline is not None):
            return super().read_requestline()

    def read_request(self, raw_requestline: str) -> bool:
        """Read the head."""
        self.request = request = read_request(raw_requestline.encode('latin-1'), self.rfile.readline)
        self.command, self.path, self.request_version, self.headers = request
        self.requestline = f'{request.method} {request.target} {request.version}'
        self.close_connection = not request.is_persistent
        return True

    def get_environ(self) -> dict[str, Any]:
        """Return the environ of the request."""
        environ = {**self.server.get_environ(), **self.request.variables()}
        if isinstance(self.client_address, tuple):
            environ.update(REMOTE_ADDR=str(self.client_address[0]), REMOTE_PORT=str(self.client_address[1]))
        self._stream = Continue(self.rfile, self.socket) if self.request.expects_to_be_asked else self.rfile
        terminate_input(environ, self._stream)
        self._body = environ['wsgi.input']
        if 'HTTP_UPGRADE' in environ and type(self._body) is NoBody and self._connection_upgrade_requested():
            environ.update({'wsgi.input': self.rfile, 'wsgi.input_terminated': False})  # for what follows 101
        return environ

    def run_application(self) -> None:
        """Let a body that cannot be read be answered with 400."""
        try:
            super().run_application()
        except BodyError as error:
            raise _InvalidClientInput(str(error)) from error

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Take the head; gevent holds a Content-Length of 304 to be an error (RFC 9110, section 8.6)."""
        if status.startswith('304'):
            headers = [each for each in headers if each[0].lower() != 'content-length']
        return super().start_response(status, headers, exc_info)

    def finalize_headers(self) -> None:
        """Say that the connection is closed, where it is (RFC 9112, section 9.6)."""
        super().finalize_headers()
        self.response_use_chunked &= self.command != 'HEAD'
        if self.connection_upgraded:
            self.close_connection = True
        elif self.close_connection or self.connections.draining or not self._was_asked() or self._is_endless():
            self.close_connection = True
            kept = [each for each in self.response_headers if each[0].lower() != b'connection']
            self.response_headers = [*kept, (b'Connection', b'close')]

    def _write(self, data: bytes) -> None:
        if self.command != 'HEAD':  # gevent's own answers to errors have a body for it, too
            super()._write(data)

    def _was_asked(self) -> bool:
        return getattr(self._stream, 'asked', True)  # one who was not asked for the body may send it, or not

    def _is_endless(self) -> bool:
        has_length = self.provided_content_length is not None or hasattr(self.result, '__len__')
        return not has_length and self.request_version == 'HTTP/1.0'

    def _discard(self) -> None:
        if type(self._body) is not NoBody:
            self.close_connection |= not (self._was_asked() and stands_behind(self._body, self.socket))


def handler_class(connections: WaitingConnections) -> type:
    """Return a request handler whose idle connections can be ended.

    Parameters:
        connections: those that are idle.
    """
    return type('Handler', (Handler,), {'connections': connections})
