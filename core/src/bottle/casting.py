"""From what a handler returns to what a WSGI server takes: chunks of bytes, and a body that is closed exactly once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bottle._util import html_escape, settings
from bottle.responses import charset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bottle._context import ResponseState


class WSGIFileWrapper:
    """Iterates over a file in blocks; used if the server offers no `wsgi.file_wrapper` (PEP 3333).

    Parameters:
        fp: the file, anything with `read`.
        buffer_size: bytes per block.
    """

    def __init__(self, fp: Any, buffer_size: int = 64 * 1024) -> None:
        self.fp = fp
        self.buffer_size = buffer_size
        for name in ('fileno', 'close', 'read', 'readlines', 'tell', 'seek'):
            if hasattr(fp, name):
                setattr(self, name, getattr(fp, name))

    def __iter__(self) -> Iterator[bytes]:
        while block := self.fp.read(self.buffer_size):
            yield block


class Stream:
    """A body that comes piece by piece.

    Parameters:
        first: the piece that was needed to decide about the response.
        rest: an iterator over the others.
        source: what is closed in the end, if it can be: once, however often the server asks (PEP 3333).
        charset: encodes pieces of text.
    """

    __slots__ = ('_charset', '_close', '_first', '_rest')

    def __init__(self, first: str | bytes, rest: Iterator[Any], source: Any, charset: str) -> None:
        self._first: str | bytes | None = first
        self._rest = rest
        self._close: Callable[[], object] | None = getattr(source, 'close', None)
        self._charset = charset

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is None:
            piece = next(self._rest)
        else:
            piece, self._first = self._first, None
        return piece.encode(self._charset, 'surrogateescape') if isinstance(piece, str) else piece

    def close(self) -> None:
        """Close the source unless that has been done."""
        close, self._close = self._close, None
        if close is not None:
            close()


def charset(state: ResponseState) -> str:
    """Return the charset for the text of a response; what it does not declare is UTF-8."""
    values = None if state.headers is None else state.headers.dict.get('Content-Type')
    return charset_of(values[-1]) if values else 'utf8'


def encode(text: str, state: ResponseState) -> bytes:
    """Return text as bytes in the charset of the response.

    Undecodable bytes of a request that an application repeats (see `bottle.httputil.from_wire`) come out as they came.

    Raises:
        UnicodeEncodeError: the charset does not have a character.
        LookupError: there is no such charset.
    """
    return text.encode('utf8' if state.headers is None else charset(state), 'surrogateescape')


def join(parts: Iterable[str | bytes], state: ResponseState) -> bytes:
    """Return the pieces of a complete body as one."""
    return b''.join(encode(part, state) if isinstance(part, str) else part for part in parts)


def file_body(file: Any, environ: dict[str, Any]) -> Iterable[bytes]:
    """Return an iterable over a file: the server's, which may be able to send it without reading, or our own."""
    wrapper: Callable[[Any], Iterable[bytes]] = environ.get('wsgi.file_wrapper') or WSGIFileWrapper
    return wrapper(file)


def discard(body: Any) -> None:
    """Close a body that will not be sent."""
    if hasattr(body, 'close'):
        body.close()


def log(environ: dict[str, Any], text: str) -> None:
    """Write to the server's error log (`wsgi.errors`, PEP 3333). A log that fails must not fail the request."""
    with suppress(Exception):
        stream = environ['wsgi.errors']
        stream.write(text.encode('ascii', 'backslashreplace').decode('ascii'))
        stream.flush()


def critical_answer(
    environ: dict[str, Any], error: BaseException, traceback: str
) -> tuple[list[tuple[str, str]], bytes]:
    """Return the header fields and the body for when even the making of an error page failed."""
    if settings.debug:
        # That may be what failed.
        with suppress(Exception):
            from bottle.debugging import answer

            headers, text = answer(error, environ, 'Critical error: no error page could be made.', traceback)
            return list(headers.items()), text.encode()
    page = f'<h1>Critical error while processing request: {html_escape(str(environ.get("PATH_INFO", "/")))}</h1>'
    if settings.debug:
        page += f'<h2>Traceback:</h2>\n<pre>\n{html_escape(traceback)}\n</pre>\n'
    return [('Content-Type', 'text/html; charset=UTF-8')], page.encode('utf8', 'backslashreplace')
