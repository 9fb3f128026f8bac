"""Answering the requests of a connection: for adapters whose backend has threads, but gets messages wrong."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from bottle.bodies import BodyError
from bottle.serving.connections import PAUSE_WHEN_LINGERING, WaitingConnections, stands_behind
from bottle.serving.environ import ServerNames, terminate_input, threaded_environ
from bottle.serving.messages import MAX_HEAD, MAX_LINE, Continue, MalformedMessage, Request, read_request
from bottle.serving.responses import BODILESS, WITHOUT_LENGTH, check_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from bottle.serving.types import Environ, WSGIApplication

BLOCK = 65536  # bytes that are sent at once: a timeout holds for each block, not for a response as a whole

_OURS = ('connection', 'transfer-encoding', 'keep-alive')  # hop-by-hop: not the application's affair


class Response:
    """The response to one request: framed so that the client can tell where it ends, and when it is cut.

    Parameters:
        connection: the connected socket.
        server: the value of the header Server.
        may_persist: returns whether the connection may be used for another request; asked when the head is sent.

    Attributes:
        persistent: whether it may, after the response.
        head_sent: whether the client has got something of it.
        status: the status code and the reason phrase.
        sent: how many bytes of the body were sent.
    """

    def __init__(self, connection: socket.socket, server: str, may_persist: Callable[[], bool]) -> None:
        self.status = ''
        self.sent = 0
        self.head_sent = False
        self.persistent = False
        self._connection = connection
        self._server = server
        self.may_persist = may_persist
        self._is_head = False
        self._version = 'HTTP/1.1'
        self._headers: list[tuple[str, str]] = []
        self._sole: int | None = None
        self._left: int | None = None
        self._chunked = False

    def run(self, application: WSGIApplication, environ: Environ) -> None:
        """Call the application and send what it returns; its iterable is closed in any case (PEP 3333).

        Parameters:
            application: the WSGI application.
            environ: the request's environ.

        Raises:
            Exception: what the application raises, or the connection. The response is cut then, if it has begun.
        """
        self._is_head, self._version = environ['REQUEST_METHOD'] == 'HEAD', environ['SERVER_PROTOCOL']
        pieces = application(environ, self.start_response)
        try:
            self._write_all(pieces)
        finally:
            if close := getattr(pieces, 'close', None):
                close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Take the status and the headers (PEP 3333, "The Start-Response Callable").

        Parameters:
            status: the status code and the reason phrase.
            headers: the headers.
            exc_info: the exception because of which an earlier head is replaced.

        Returns:
            The callable `write`.

        Raises:
            AssertionError: it was called before, and no exception is given.
            ValueError: a header or the status would be read as something else by the client.
            Exception: the given one, when the head has been sent already.
        """
        if exc_info and self.head_sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if self.status and not exc_info:
            raise AssertionError('start_response() was called already: give exc_info to replace the head')
        check_head(status, headers)
        self.status, self._headers = status, list(headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece of the body now, and the head before the first one.

        Parameters:
            data: the piece.

        Raises:
            ValueError: the body is longer than its Content-Length; what is beyond is not sent.
        """
        head = b'' if self.head_sent else self._head()
        kept = data if self._left is None else data[: self._left]
        if not self._has_body():
            self._send_all(head)
            return
        self._left = None if self._left is None else self._left - len(kept)
        framed = b'%x\r\n%b\r\n' % (len(kept), kept) if self._chunked and kept else kept
        self._send_all(head + framed)
        self.sent += len(kept)
        if len(kept) < len(data):
            raise ValueError('the body of the response is longer than its Content-Length')

    def fail(self, status: str) -> None:
        """Answer with an error, if nothing has been sent yet; the connection cannot be used any more.

        Parameters:
            status: the status code and the reason phrase.
        """
        self.may_persist = bool
        if not self.head_sent:
            reason = status.encode('latin-1')
            self.status = status
            self._headers = [('Content-Type', 'text/plain'), ('Content-Length', str(len(reason)))]
            self.write(reason)
        self.persistent = False

    def _write_all(self, pieces: Iterable[bytes]) -> None:
        self._sole = len(pieces[0]) if isinstance(pieces, list | tuple) and len(pieces) == 1 else None
        for piece in pieces:
            if piece:
                self.write(piece)
        if not self.head_sent:
            self._sole = 0
            self._send_all(self._head())
        elif self._chunked:
            self._send_all(b'0\r\n\r\n')
        self.persistent = self.persistent and not (self._left and self._has_body())

    def _has_body(self) -> bool:
        return not (self._is_head or self.status.startswith(BODILESS))

    def _head(self) -> bytes:
        """Return the status line and the headers, and decide how the body is framed (RFC 9112, section 6)."""
        if not self.status:
            raise AssertionError('the application has not called start_response()')
        self.head_sent = True
        given = {name.lower(): value for name, value in self._headers}
        lines = [f'HTTP/1.1 {self.status}', *(f'{name}: {value}' for name, value in self._headers if self._keeps(name))]
        lines += [f'Date: {formatdate(usegmt=True)}'] if 'date' not in given else []
        lines += [f'Server: {self._server}'] if 'server' not in given else []
        lines += self._framing(given.get('content-length'))
        self.persistent = self.persistent and given.get('connection', '').lower() != 'close' and self.may_persist()
        if not self.persistent:
            lines.append('Connection: close')
        elif self._version == 'HTTP/1.0':
            lines.append('Connection: keep-alive')
        return '\r\n'.join([*lines, '', '']).encode('latin-1')

    def _keeps(self, name: str) -> bool:
        """Return whether a header of the application is sent (RFC 9110, section 8.6; PEP 3333: no hop-by-hop ones)."""
        lower = name.lower()
        return lower not in _OURS and not (lower == 'content-length' and self.status.startswith(WITHOUT_LENGTH))

    def _framing(self, declared: str | None) -> list[str]:
        """Return the headers that say where the body ends; without one, the end of the connection does."""
        self.persistent = True
        if declared is not None or self.status.startswith(BODILESS):
            self._left = int(declared) if declared else None
            return []
        if self._sole is not None:
            self._left = self._sole
            return [f'Content-Length: {self._sole}']
        self._chunked = self._version != 'HTTP/1.0' and not self._is_head
        self.persistent = self._chunked or self._is_head
        return ['Transfer-Encoding: chunked'] if self._chunked else []

    def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(data), BLOCK):
            self._connection.sendall(view[start : start + BLOCK])


class Exchange:
    """Reads one request after the other and has it answered: what all connections of a server share.

    Parameters:
        application: the WSGI application.
        sockets: the listening sockets.
        software: the value of the header Server.
        tls: whether the connections are encrypted.
        multithread: whether another thread may call the application at the same time.
        multiprocess: whether other processes serve the application, too.
        max_head: the permitted length of a header section in bytes.

    Attributes:
        idle: the connections that wait for a request.
        open: the connections that are open; for the adapter to keep.
    """

    def __init__(
        self,
        application: WSGIApplication,
        sockets: Sequence[socket.socket],
        software: str,
        *,
        tls: bool = False,
        multithread: bool = True,
        multiprocess: bool = False,
        max_head: int = MAX_HEAD,
    ) -> None:
        self.idle = WaitingConnections()
        self.open: set[Any] = set()
        self._application = application
        self._software = software
        self._names = ServerNames(sockets)
        self._max_head = max_head
        always = threaded_environ(software, tls=tls, multithread=multithread, multiprocess=multiprocess)
        self._environ = {**always, 'wsgi.file_wrapper': FileWrapper}

    def drain(self) -> None:
        """End idle connections, and wait until the last open one is closed."""
        self.idle.drain()
        while self.open:
            time.sleep(PAUSE_WHEN_LINGERING)

    def serve(
        self,
        connection: socket.socket,
        stream: Any,
        address: Any,
        *,
        reused: bool = False,
        may_persist: Callable[[], bool] = lambda: True,
        report: Callable[[Request | None, Response], object] | None = None,
    ) -> bool:
        """Read one request and answer it; return whether the connection may be used for another one.

        What goes wrong is answered as well as it can be, and logged if it is not the client's fault.

        Parameters:
            connection: the connected socket; its timeout limits each wait for the client.
            stream: what is read from it, with `read(size)` and `readline(size)`.
            address: the client's address; a unix socket has none.
            reused: whether a request was answered on it before.
            may_persist: returns whether the server has a place for a connection that is kept.
            report: told at the end what was answered, and to which request; None is one that was malformed.
        """
        response = Response(connection, self._software, bool)
        request, first = None, b''
        try:
            with self.idle.waiting(connection, reused=reused):
                first = stream.readline(MAX_LINE)
            if first:
                request = read_request(first, stream.readline, self._max_head)
                self._answer(response, request, connection, stream, address, may_persist)
        except (MalformedMessage, BodyError) as error:
            _fail(response, error.status)
        except TimeoutError:
            _fail(response, HTTPStatus.REQUEST_TIMEOUT if first else None)
        except ConnectionError:  # the client went away
            return False
        except BaseException:  # a thread of a pool must not end with it
            logging.getLogger('bottle.server').exception('a request could not be answered')
            _fail(response, HTTPStatus.INTERNAL_SERVER_ERROR)
        if report is not None and response.head_sent:
            report(request, response)
        return response.persistent

    def _answer(
        self,
        response: Response,
        request: Request,
        connection: socket.socket,
        stream: Any,
        address: Any,
        may_persist: Callable[[], bool],
    ) -> None:
        host, port = (address or ('', ''))[:2]
        client = {'REMOTE_ADDR': host, 'REMOTE_PORT': f'{port}', 'wsgi.errors': sys.stderr}
        environ = {**self._environ, **self._names.of(connection), **client, **request.variables()}
        stream = Continue(stream, connection) if request.expects_to_be_asked else stream
        terminate_input(environ, stream)
        body = environ['wsgi.input']
        response.may_persist = lambda: (
            request.is_persistent
            and getattr(stream, 'asked', True)  # one who was not asked for the body may send it, or not
            and not self.idle.draining
            and may_persist()
        )
        response.run(self._application, environ)
        if isinstance(stream, Continue):
            stream.asked = True  # now it is too late to ask
        response.persistent = stands_behind(body, connection) and response.persistent


def _fail(response: Response, status: int | None) -> None:
    response.persistent = False
    if status:
        with suppress(OSError):
            response.fail(f'{HTTPStatus(status).value} {HTTPStatus(status).phrase}')
