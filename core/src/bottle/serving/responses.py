"""Responses that a client reads as they were meant: for adapters whose backend sends whatever it is given."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

BODILESS = ('1', '204', '304')  # how the status codes of responses without a body begin
SWITCHING = '101'  # but what follows this one is another protocol (RFC 9110, section 7.8)
WITHOUT_LENGTH = ('1', '204')  # and of those without even a Content-Length (RFC 9110, section 8.6)

_LENGTH, _CODING = 'content-length', 'transfer-encoding'
_FRAMING = frozenset((_LENGTH, _CODING))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r'[\t\x20-\x7e\x80-\xff]*')
_STATUS = re.compile(r'[1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*')


def check_head(status: str, headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Make sure that a client can read a head as nothing else than what it says (RFC 9112, sections 4 and 5).

    Parameters:
        status: the status code and the reason phrase.
        headers: names and values.

    Returns:
        The headers that say where the body ends, by their names in lower case.

    Raises:
        TypeError: one of them is no text.
        ValueError: one of them cannot be sent.
    """
    framing: dict[str, str] = {}
    for name, value in headers:
        lower = _valid_name(name)
        plain = type(value) is str and value.isascii() and value.isprintable()  # a fraction of a match, too
        if not lower or not (plain or _VALUE.fullmatch(value)):
            raise ValueError(f'the header {name!r} cannot be sent: it holds control characters, or its name others')
        if lower in _FRAMING:
            if lower == _LENGTH and not (_is_number(value) and framing.get(lower, value) == value):
                raise ValueError(f'the header {name!r} cannot be sent: {value!r} is no length, or a second one')
            framing[lower] = value
    if not _is_status(status):
        raise ValueError(f'the status {status!r} cannot be sent: it is no code of three digits and a reason')
    return framing


@lru_cache  # an application has few of them, and a look-up costs a fraction of a match
def _valid_name(name: str) -> str:
    """Return the name of a header in lower case, or nothing if it is none."""
    return name.lower() if _NAME.fullmatch(name) else ''


@lru_cache
def _is_status(status: str) -> bool:
    return _STATUS.fullmatch(status) is not None


def strict(application: WSGIApplication) -> WSGIApplication:
    """Return an application whose responses follow PEP 3333 and RFC 9110, whatever the backend lets pass.

    A head that cannot be sent is refused; what stands in for another replaces it as a whole; HEAD, 204 and 304 have no
    body; nothing is sent beyond the Content-Length, and a body that is too short ends with an error, so that the
    connection is closed; Transfer-Encoding is left to the backend. What follows 101 is handed on as it is, and so is a
    response that is a list or a file of the backend, where it can be.

    Parameters:
        application: the WSGI application.
    """

    def run(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response = _StrictResponse(environ, start_response)
        return response.of(application(environ, response.start_response))

    return run


class _StrictResponse:
    __slots__ = ('_environ', '_has_body', '_head', '_left', '_native_write', '_start')

    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        self._environ = environ
        self._start = start_response
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._native_write: Callable[[bytes], object] | None = None
        self._left: int | None = None
        self._has_body = True

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Keep the head until there is something to send, so that another can replace it."""
        if exc_info:
            if self._native_write is not None:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self._head is not None:
            raise AssertionError('start_response() was called already: give exc_info to replace the head')
        framing = check_head(status, headers)
        self._left = int(framing[_LENGTH]) if _LENGTH in framing else None
        # hop-by-hop: never the application's affair (PEP 3333, "Other HTTP Features")
        self._head = status, _without(_CODING, headers) if _CODING in framing else list(headers)
        self._has_body = self._environ['REQUEST_METHOD'] != 'HEAD'
        return self._start_bodiless(*self._head) if status.startswith(BODILESS) else self.write

    def _start_bodiless(self, status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], object]:
        self._has_body = status.startswith(SWITCHING)
        if status.startswith(WITHOUT_LENGTH):
            self._left = None
            self._head = status, _without(_LENGTH, headers)
        return self._begin() if self._has_body else self.write

    def write(self, data: bytes) -> None:
        """Send a piece of the body now; what of it is beyond the Content-Length is an error."""
        if data:
            write = self._native_write or self._begin()
            if kept := self._counted(data):
                write(kept)
            self._refuse_excess(data, kept)

    def of(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        """Return the body as the backend is to send it."""
        if self._head is not None and self._native_write is None:
            if isinstance(pieces, (list, tuple)) and not hasattr(pieces, 'close'):
                return self._of_list(pieces)
            if type(pieces) is self._environ.get('wsgi.file_wrapper') and self._has_body:
                self._begin()
                return pieces
        return _Body(pieces, self)

    def each(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces that are sent, and begin the response with the first one."""
        for piece in pieces:
            if piece:
                if self._native_write is None:
                    self._begin()
                if kept := self._counted(piece):
                    yield kept
                self._refuse_excess(piece, kept)
        if self._native_write is None:
            self._begin()
        if self._left and self._has_body:
            raise ValueError(f'the body of the response is {self._left} bytes shorter than its Content-Length')

    def _of_list(self, pieces: Sequence[bytes]) -> Iterable[bytes]:
        total = len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        self._begin(total)
        if not self._has_body:
            return ()
        return pieces if self._left is None or self._left == total else _Body(pieces, self)

    def _begin(self, length: int | None = None) -> Callable[[bytes], object]:
        """Hand the head to the backend; the length of a body that is not sent tells the client what GET would get."""
        if self._head is None:
            raise AssertionError('the application has not called start_response()')
        status, headers = self._head
        if not self._has_body and self._left is None and length and not status.startswith(BODILESS):
            headers.append(('Content-Length', str(length)))
        self._native_write = self._start(status, headers)
        return self._native_write

    def _counted(self, data: bytes) -> bytes:
        if not self._has_body:
            return b''
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return data

    def _refuse_excess(self, data: bytes, kept: bytes) -> None:
        if len(kept) < len(data) and self._has_body:
            raise ValueError('the body of the response is longer than its Content-Length')


class _Body:
    """The pieces of a body, which are closed with it."""

    def __init__(self, pieces: Iterable[bytes], response: _StrictResponse) -> None:
        self._pieces = pieces
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.each(self._pieces)

    def close(self) -> None:
        close = getattr(self._pieces, 'close', None)
        if close is not None:
            close()


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _without(dropped: str, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [each for each in headers if each[0].lower() != dropped]
