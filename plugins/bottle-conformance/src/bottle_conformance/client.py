"""A client that hides nothing: bytes go out as they are, and what comes back is kept as it came."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from bottle_conformance.witness import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST_HEAD = 1 << 20  # bytes of a head of a response
PIECE = 65536  # bytes to receive at once


class Malformed(Exception):
    """What the server has sent is no HTTP response."""


@dataclass
class Response:
    """A response as it came (RFC 9112, section 4).

    Parameters:
        status: the status code.
        reason: the reason phrase.
        version: `HTTP/1.1` or `HTTP/1.0`.
        headers: names and values in their order, both as they came.
        body: what was received of the body, decoded.
        framing: `length`, `chunked`, `close` or `none`: how the end of the body is told (RFC 9112, section 6.3).
        complete: whether the body has ended as its framing says; one that ends with the connection is always complete.
        interim: the status codes of the 1xx responses before it.
    """

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b''
    framing: str = 'none'
    complete: bool = True
    interim: list[int] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Return the value of a header, the first if there are several; None if there is none.

        Parameters:
            name: its name, in any case.
        """
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Return the values of all headers of a name.

        Parameters:
            name: their name, in any case.
        """
        return [value for each, value in self.headers if each.lower() == name.lower()]


class Connection:
    """A connection to a server; a context manager.

    Parameters:
        url: `http://HOST:PORT/`, `https://HOST:PORT/` or `unix:/path`.
        timeout: how long to wait for anything, in seconds.
        context: what TLS is spoken with; None trusts any certificate.
    """

    def __init__(self, url: str, timeout: float = PATIENCE, context: ssl.SSLContext | None = None) -> None:
        self.socket = _connected(url, timeout, context)
        self._unread = b''

    def send(self, data: bytes) -> Self:
        """Send bytes.

        Parameters:
            data: what to send.

        Raises:
            OSError: the server does not listen any more.
        """
        self.socket.sendall(data)
        return self

    def send_pieces(self, pieces: Iterable[bytes], pause: float = 0.0) -> Self:
        """Send pieces in a packet each, until the server closes the connection.

        Parameters:
            pieces: what to send.
            pause: how long to wait after each, in seconds.
        """
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # it may have answered before the end, and closed
            for piece in pieces:
                self.socket.sendall(piece)
                if pause:
                    time.sleep(pause)
        return self

    def end(self) -> Self:
        """Say that nothing more will be sent, while still reading."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end of the connection.

        Parameters:
            size: how many.
        """
        return self._take(lambda data: size if len(data) >= size else None)

    def read_until(self, mark: bytes) -> bytes:
        """Return what arrives up to a mark, and the mark; less at the end of the connection.

        Parameters:
            mark: the bytes to look for.
        """
        return self._take(lambda data: found + len(mark) if (found := data.find(mark)) >= 0 else None)

    def read_all(self) -> bytes:
        """Return all that arrives until the server closes the connection; a reset ends it, too."""
        return self._take(lambda _: None)

    def is_closed(self) -> bool:
        """Return whether the server closes the connection within the timeout, without sending anything more."""
        return not self._unread and not self._receive()

    def response(self, method: str = 'GET') -> Response:
        """Read a response, with the interim ones before it.

        Parameters:
            method: that of the request: the response to HEAD has no body.

        Raises:
            Malformed: what arrives is no response.
            TimeoutError: nothing arrives.
        """
        interim = []
        while 100 <= (response := self._head()).status < 200:
            interim.append(response.status)
        response.interim = interim
        self._read_body(response, method)
        return response

    def responses(self) -> list[Response]:
        """Return all responses that arrive until the server closes the connection.

        Raises:
            Malformed: what arrives are no responses.
        """
        found = []
        while self._unread or self._fill():
            found.append(self.response())
        return found

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def reset(self) -> None:
        """Close the connection so that the server gets a reset, as from a client that has crashed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.socket.close()

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the connection."""
        self.close()

    def _head(self) -> Response:
        block = self._take(lambda data: found + 4 if (found := data.find(b'\r\n\r\n')) >= 0 else None, LONGEST_HEAD)
        if not block.endswith(b'\r\n\r\n'):
            raise Malformed(f'the head of a response does not end: {block[:200]!r}')
        line, *fields = block[:-4].decode('latin-1').split('\r\n')
        version, _, rest = line.partition(' ')
        code, _, reason = rest.partition(' ')
        if not (version in ('HTTP/1.0', 'HTTP/1.1') and len(code) == 3 and code.isdigit()):
            raise Malformed(f'no status line: {line!r}')
        return Response(int(code), reason, version, [_field(each) for each in fields])

    def _read_body(self, response: Response, method: str) -> None:
        codings, length = response.all('Transfer-Encoding'), response.get('Content-Length')
        if method == 'HEAD' or response.status in (204, 304):
            return
        if codings:
            response.framing = 'chunked'
            response.body, response.complete = self._chunks()
        elif length is not None:
            response.framing = 'length'
            response.body = self.read(int(length))
            response.complete = len(response.body) == int(length)
        else:
            response.framing = 'close'
            response.body = self.read_all()

    def _chunks(self) -> tuple[bytes, bool]:
        """Return the decoded chunks, and whether the last one has come (RFC 9112, section 7.1)."""
        body = b''
        while (line := self.read_until(b'\r\n')).endswith(b'\r\n'):
            size = int(line.split(b';')[0], 16)
            if not size:
                return body, self._trailer_ends()
            chunk = self.read(size + 2)
            body += chunk[:size]
            if len(chunk) < size + 2:
                break
            if not chunk.endswith(b'\r\n'):
                raise Malformed(f'a chunk is longer than it says: {chunk[-10:]!r}')
        return body, False

    def _trailer_ends(self) -> bool:
        while (line := self.read_until(b'\r\n')).endswith(b'\r\n'):
            if line == b'\r\n':
                return True
        return False

    def _take(self, end: Callable[[bytes], int | None], limit: int | None = None) -> bytes:
        """Return the bytes up to a place, which is looked for whenever some have arrived; all at the end."""
        while (place := end(self._unread)) is None and (limit is None or len(self._unread) < limit) and self._fill():
            pass
        place = len(self._unread) if place is None else place
        taken, self._unread = self._unread[:place], self._unread[place:]
        return taken

    def _fill(self) -> bool:
        data = self._receive()
        self._unread += data
        return bool(data)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(PIECE)
        except (ConnectionError, ssl.SSLEOFError):
            return b''


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(':')
    if not colon or not name or name != name.strip():
        raise Malformed(f'no header field: {line!r}')
    return name, value.strip(' \t')


def _connected(url: str, timeout: float, context: ssl.SSLContext | None) -> socket.socket:
    path = unix_path(url)
    if path:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(path)
        return connection
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
    if parts.scheme != 'https':
        return connection
    return (context or trusting_context()).wrap_socket(connection, server_hostname=parts.hostname)


def unix_path(url: str) -> str:
    """Return the path of a unix socket, or an empty string.

    Parameters:
        url: where a server listens.
    """
    return url.removeprefix('unix:') if url.startswith('unix:') else ''


def trusting_context() -> ssl.SSLContext:
    """Return a context that speaks TLS with anybody: a test has no authority to ask."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
