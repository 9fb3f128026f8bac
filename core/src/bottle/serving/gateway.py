"""Between a backend that knows HTTP and an application that knows WSGI: environ, body and response of a request.

For adapters whose backend runs an event loop: the body is received before the application is called, in a thread.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sized
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from wsgiref.util import FileWrapper, is_hop_by_hop

from bottle.bodies import NoBody, Spool
from bottle.serving.connections import MAX_DISCARDED
from bottle.serving.environ import latin1_path
from bottle.serving.limits import refuse
from bottle.serving.responses import check_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

MEMORY = 1 << 19  # bytes of a body that are kept in memory; more goes to a temporary file
WITHOUT_BODY = (204, 304)
NOT_PREFIXED = ('CONTENT_TYPE', 'CONTENT_LENGTH')  # the headers whose variables do not begin with HTTP_


@dataclass(slots=True)
class Request:
    """The head of a request (RFC 9112, section 3), and where it came from.

    Parameters:
        method: the method.
        target: the request target, as it stands on the request line.
        version: `HTTP/1.1` or `HTTP/1.0`.
        headers: names and values in their order, read as latin-1.
        scheme: `http` or `https`.
        server: SERVER_NAME and SERVER_PORT, as of `ServerNames`; empty on a unix socket.
        client: the address of the client, as the socket tells it.
    """

    method: str
    target: str
    version: str
    headers: Iterable[tuple[str, str]]
    scheme: str = 'http'
    server: Mapping[str, str] = field(default_factory=dict)
    client: Any = ''

    def environ(self) -> Environ:
        """Return the environ (PEP 3333, "environ Variables"), still without a body."""
        client = self.client if isinstance(self.client, tuple) else ('', 0)
        environ = {
            'REQUEST_METHOD': self.method,
            'SCRIPT_NAME': '',
            'PATH_INFO': latin1_path(self.target),
            'QUERY_STRING': self.target.partition('?')[2],
            'SERVER_NAME': 'localhost',
            'SERVER_PORT': '0',
            'SERVER_PROTOCOL': self.version,
            'REMOTE_ADDR': client[0],
            'REMOTE_PORT': str(client[1]),
            **self.server,
            'wsgi.version': (1, 0),
            'wsgi.url_scheme': self.scheme,
            'wsgi.errors': sys.stderr,
            'wsgi.multithread': True,
            'wsgi.multiprocess': False,
            'wsgi.run_once': False,
            'wsgi.file_wrapper': FileWrapper,
            **({'HTTPS': 'on'} if self.scheme == 'https' else {}),
        }
        for name, value in self.headers:
            _add_header(environ, name, value)
        return environ


def _add_header(environ: Environ, name: str, value: str) -> None:
    """Add a header, unless its name has an underscore: `X_Forwarded_For` would pass for `X-Forwarded-For`."""
    if '_' in name:
        return
    variable = name.upper().replace('-', '_')
    variable = variable if variable in NOT_PREFIXED else f'HTTP_{variable}'
    separator = '; ' if variable == 'HTTP_COOKIE' else ','  # RFC 9113, section 8.2.3; RFC 9110, section 5.3
    environ[variable] = f'{environ[variable]}{separator}{value}' if variable in environ else value


class Upload:
    """A request whose body is being received: in memory or, when that grows, in a temporary file.

    Parameters:
        environ: the request's environ.
        limit: the permitted length of the body in bytes.

    Attributes:
        too_large: whether the body is longer, or is declared to be.
    """

    def __init__(self, environ: Environ, limit: int) -> None:
        self._environ = environ
        self._spool = Spool(MEMORY)
        self._limit = limit
        self._length = 0
        self._declared = int(environ.get('CONTENT_LENGTH') or 0)
        self.too_large = self._declared > limit

    @property
    def expected(self) -> bool:
        """Whether the client waits to be told that it may send the body (RFC 9110, section 10.1.1)."""
        if self._length or self._environ['SERVER_PROTOCOL'] == 'HTTP/1.0':
            return False
        return bool(self._environ.get('HTTP_EXPECT', '').lower() == '100-continue')

    @property
    def is_refused(self) -> bool:
        """Whether to answer before the body has come: it is too large, and too long to be read only to be dropped."""
        return self.too_large and (self.expected or max(self._length, self._declared) > self._limit + MAX_DISCARDED)

    def receive(self, data: bytes) -> None:
        """Append a piece of the body; what exceeds the limit is dropped.

        Parameters:
            data: the piece, without transfer coding.

        Raises:
            OSError: the disk is full.
        """
        self._length += len(data)
        self.too_large = self.too_large or self._length > self._limit
        if not self.too_large:
            self._spool.write(data)

    def environ(self) -> Environ:
        """Return the environ with the body, which is complete; its length is known, whatever its coding was."""
        environ = self._environ
        chunked = environ.pop('HTTP_TRANSFER_ENCODING', None)
        if chunked or self._length:
            environ['CONTENT_LENGTH'] = str(self._length)
        self._spool.file.seek(0)
        environ['wsgi.input'] = self._spool.file if self._length else NoBody()
        environ['wsgi.input_terminated'] = True
        return environ

    def close(self) -> None:
        """Free memory and disk space."""
        self._spool.close()


def refuse_body(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer in the application's place that the body is too large (RFC 9110, section 15.5.14)."""
    return refuse(environ, start_response, '413 Content Too Large', 'The request body is too large.')


class Head(NamedTuple):
    """The head of a response.

    Parameters:
        code: the status code.
        reason: the reason phrase.
        headers: names and values, checked.
    """

    code: int
    reason: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """Return the value of a header, the first if there are several; None if there is none.

        Parameters:
            name: its name, in lower case.
        """
        return next((value for each, value in self.headers if each.lower() == name), None)


class Transport(Protocol):
    """Sends a response. Called in the application's thread."""

    def send(self, head: Head | None, data: bytes, *, end: bool) -> None:
        """Send the head, if it is given, a piece of the body, and the end; return when there is room for more.

        Raises:
            OSError: the client has gone away.
        """

    def abort(self) -> None:
        """Close the connection, so that the client can tell that the response is cut (RFC 9112, section 8)."""


class Exchange:
    """The response to one request, from the call of the application to the close of what that returned.

    Parameters:
        environ: the request's environ.
        transport: sends the response.
    """

    def __init__(self, environ: Environ, transport: Transport) -> None:
        self._environ = environ
        self._transport = transport
        self._head: Head | None = None
        self._begun = self._ended = self._gone = self._single = False
        self._left: int | None = None  # bytes to come, where their number is declared

    def run(self, application: WSGIApplication) -> None:
        """Call an application and send what it answers: 500 when it fails before the first byte, a cut one later.

        Parameters:
            application: the WSGI application.
        """
        try:
            self._call(application)
        except Exception:
            if not self._gone:  # who has gone away is not worth a traceback
                logging.getLogger('bottle.server').exception('the application failed')
        finally:  # also when it asked to exit, which a thread of a pool cannot
            if not self._ended:
                self._fail()

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Keep the head of the response until there is something to send: `start_response` of PEP 3333.

        Parameters:
            status: the status code and the reason.
            headers: names and values.
            exc_info: the error that the response tells of, when it replaces another.

        Returns:
            The callable `write`.

        Raises:
            AssertionError: it was called before, and there is no error.
            TypeError: the status or a header is no text.
            ValueError: the status or a header cannot be sent.
        """
        if exc_info:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a traceback that holds its own frame would not be freed at once
        elif self._head is not None:
            raise AssertionError('start_response() was called twice, without exc_info')
        self._head = _checked(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece of the body: the head with the first one, no more than declared, none where there is none.

        Parameters:
            data: the piece.

        Raises:
            AssertionError: `start_response` has not been called.
            OSError: the client has gone away.
            TypeError: the piece is not bytes.
        """
        if not isinstance(data, bytes):
            raise TypeError(f'the body of a response must be bytes, not {type(data).__name__}')
        if not data or self._ended:
            return
        head = None if self._begun else self._prepared(len(data) if self._single else None)
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._send(head, data, end=self._left == 0)

    def _call(self, application: WSGIApplication) -> None:
        body = application(self._environ, self.start_response)
        try:
            self._single = isinstance(body, Sized) and len(body) == 1
            for piece in body:
                self.write(piece)
                if self._ended and self._environ['REQUEST_METHOD'] == 'HEAD':
                    break  # what nobody sees need not be made
            if not self._ended:
                self._end()
        finally:
            close = getattr(body, 'close', None)
            if close is not None:
                close()

    def _end(self) -> None:
        head = None if self._begun else self._prepared(0)
        if self._left:
            raise ValueError(f'the body of the response is {self._left} bytes shorter than its Content-Length')
        self._send(head, b'', end=True)

    def _prepared(self, length: int | None) -> Head:
        """Return the head with the length of the body, where it is known, and remember how much is to come."""
        if self._head is None:
            raise AssertionError('the application did not call start_response()')
        code, reason, headers = self._head
        declared = self._head.get('content-length')
        if code < 200 or code in WITHOUT_BODY or self._environ['REQUEST_METHOD'] == 'HEAD':
            self._left = 0
        else:
            self._left = length if declared is None else int(declared)
            if declared is None and length is not None:
                headers = [*headers, ('Content-Length', str(length))]
        if code < 200 or code == 204:  # RFC 9110, section 8.6
            headers = [each for each in headers if each[0].lower() != 'content-length']
        return Head(code, reason, headers)

    def _send(self, head: Head | None, data: bytes, *, end: bool) -> None:
        self._begun, self._ended = True, end
        try:
            self._transport.send(head, data, end=end)
        except OSError:
            self._gone = self._ended = True
            raise

    def _fail(self) -> None:
        if self._begun:
            self._transport.abort()
            return
        self._head, self._single = None, True
        body = refuse(self._environ, self.start_response, '500 Internal Server Error', 'The application failed.')
        for piece in body or [b'']:
            self._send(self._prepared(len(piece)), piece, end=True)


def _checked(status: str, headers: list[tuple[str, str]]) -> Head:
    """Return the head of a response that can be sent (PEP 3333, "The start_response() Callable")."""
    check_head(status, headers)
    for name, _ in headers:
        if is_hop_by_hop(name):
            raise ValueError(f'the header {name!r} is the business of the server, not of an application')
    dated = any(name.lower() == 'date' for name, _ in headers)
    date = [] if dated else [('Date', formatdate(usegmt=True))]  # RFC 9110, section 6.6.1
    return Head(int(status[:3]), status[4:], [*headers, *date])
