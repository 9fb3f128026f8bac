"""What gevent does with one connection, with heads that are read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gevent.pywsgi import Input, WSGIHandler

from bottle.serving.messages import read_request

if TYPE_CHECKING:
    from bottle.serving.connections import WaitingConnections
    from bottle.serving.messages import Request


def handler_class(connections: WaitingConnections) -> type:
    """Return a request handler whose idle connections can be ended.

    Parameters:
        connections: those that are idle.
    """

    class Handler(WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
        request: Request

        def read_requestline(self) -> Any:
            with connections.waiting(getattr(self.socket, '_sock', self.socket), reused=self.requestline is not None):
                return super().read_requestline()

        def read_request(self, raw_requestline: str) -> bool:
            self.request = request = read_request(raw_requestline.encode('latin-1'), self.rfile.readline)
            self.command, self.path, self.request_version, self.headers = request
            self.requestline = f'{request.method} {request.target} {request.version}'
            length = request.headers.get('Content-Length')
            self.content_length = int(length) if length else None
            self.close_connection = not request.is_persistent
            return True

        def get_environ(self) -> dict[str, Any]:
            environ = {**self.server.get_environ(), **self.request.variables()}
            if isinstance(self.client_address, tuple):
                environ.update(REMOTE_ADDR=str(self.client_address[0]), REMOTE_PORT=str(self.client_address[1]))
            waiting = self.socket if self.request.expects_to_be_asked else None
            chunked = 'HTTP_TRANSFER_ENCODING' in environ
            self.wsgi_input = Input(self.rfile, self.content_length, socket=waiting, chunked_input=chunked)
            return {**environ, 'wsgi.input': self.wsgi_input, 'wsgi.input_terminated': True}

        def finalize_headers(self) -> None:
            super().finalize_headers()
            if connections.draining:
                self.close_connection = True
                self.response_headers.append((b'Connection', b'close'))

    return Handler
