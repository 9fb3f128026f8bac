"""The application's side of SCGI: one request and its whole response on one connection.

https://python.ca/scgi/protocol.txt
"""

from __future__ import annotations

import sys
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import BaseHandler, format_date_time

from bottle.bodies import BUFFER_SIZE, BodyError, Spool
from bottle.serving.environ import latin1_path, terminate_input
from bottle.serving.responses import BODILESS, WITHOUT_LENGTH, check_head

if TYPE_CHECKING:
    import socket

    from bottle.serving.types import Environ, WSGIApplication

LONGEST_SIZE = 9  # digits
MEMORY = 1 << 20  # bytes of a response that are kept in memory
LONGEST_BODY = 1 << 28  # bytes of a response: the other side keeps all of it in memory


def respond(connection: socket.socket, handler: WSGIApplication) -> None:
    """Read a request, call the application and send its response when it is complete.

    Whoever reads it on the other side has no other means to tell a response that was cut from a whole one.

    Parameters:
        connection: the connected socket; closed in the end.
        handler: the WSGI application.
    """
    with connection, connection.makefile('rb') as stream:
        writer = ResponseWriter(read_environ(stream))
        writer.run(handler)
        writer.discard_input()
        connection.sendall(writer.head)
        writer.body.file.seek(0)
        connection.sendfile(writer.body.file)


def read_environ(stream: Any) -> Environ:
    """Return the environ of a request (PEP 3333), with an input that ends where the body ends.

    Parameters:
        stream: what yields the bytes of the connection.

    Raises:
        ValueError: it does not begin with a netstring of headers.
    """
    size = b''
    while (digit := stream.read(1)).isdigit() and len(size) < LONGEST_SIZE:
        size += digit
    if digit != b':' or not size:
        raise ValueError('the request does not begin with a netstring')
    fields = stream.read(int(size)).decode('latin-1').split('\0')
    stream.read(1)  # the comma
    environ: Environ = {name: value.strip(' \t') for name, value in zip(fields[::2], fields[1::2], strict=False)}
    target = environ.pop('REQUEST_URI')
    environ.update(PATH_INFO=latin1_path(target), SCRIPT_NAME='', QUERY_STRING=target.partition('?')[2])
    environ.setdefault('CONTENT_TYPE', '')
    del environ['SCGI']
    terminate_input(environ, stream)
    if environ['CONTENT_LENGTH'] == '0':  # it is sent in any case
        del environ['CONTENT_LENGTH']
    return environ


class ResponseWriter(BaseHandler):
    """Calls the application and keeps its response: one that fails midway becomes an answer with status 500.

    Parameters:
        environ: the environ of the request.

    Attributes:
        head: status and headers, as they are sent.
        body: what follows them.
    """

    origin_server = False
    headers: Any
    status: Any
    environ: Any

    def __init__(self, environ: Environ) -> None:
        self.os_environ = {}
        self._given = environ
        self.head = b''
        self.body = Spool(MEMORY)

    def add_cgi_vars(self) -> None:
        """Add what the other side has sent."""
        self.environ.update(self._given)

    def get_stdin(self) -> Any:
        """Return the body of the request."""
        return self._given['wsgi.input']

    def get_stderr(self) -> Any:
        """Return where errors go."""
        return sys.stderr

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Take note of status and headers (PEP 3333).

        Raises:
            ValueError: one of them cannot be sent (RFC 9110, section 5.5).
        """
        check_head(status, headers)
        return super().start_response(status, headers, exc_info)

    def send_headers(self) -> None:
        """Take note that the headers would be on their way."""
        self._refuse_if_long(int(self.headers['Content-Length'] or 0))
        self.headers_sent = True

    def _write(self, data: bytes) -> None:
        self._refuse_if_long(self.bytes_sent)
        self.body.write(data)

    def _refuse_if_long(self, length: int) -> None:
        if length > LONGEST_BODY:
            raise ValueError(
                f'a response of more than {LONGEST_BODY} bytes cannot be handed over: let another server send it'
            )

    def _flush(self) -> None:
        """Do nothing: the response is sent when it is complete."""

    def handle_error(self) -> None:
        """Answer with status 500; leave a body that is shorter than its declared length, which the client notices."""
        if self.headers_sent and 'Content-Length' in self.headers:
            self.log_exception(sys.exc_info())
            self.finish_content()
        else:
            self.headers_sent, self.bytes_sent = False, 0
            self.body = Spool(MEMORY)
            super().handle_error()

    def finish_content(self) -> None:
        """Compose the head, and leave no more of the body than may follow it (RFC 9110, section 6.4.1)."""
        declared, is_head = self.headers['Content-Length'], self.environ['REQUEST_METHOD'] == 'HEAD'
        bodiless = self.status.startswith(BODILESS)
        if self.status.startswith(WITHOUT_LENGTH):
            del self.headers['Content-Length']
        elif declared is None and not bodiless and (self.bytes_sent or not is_head):
            declared = self.headers['Content-Length'] = str(self.bytes_sent)
        self.body.file.truncate(0 if is_head or bodiless else min(self.bytes_sent, int(declared)))
        self.headers.setdefault('Date', format_date_time(time()))
        self.head = f'Status: {self.status}\r\n{self.headers}'.encode('latin-1')

    def discard_input(self) -> None:
        """Read what the application has left: the other side writes all of it before it reads."""
        with suppress(BodyError):
            while self.get_stdin().read(BUFFER_SIZE):
                pass
