"""Forms: urlencoded bodies, and multipart bodies that are parsed while they arrive, with limits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from bottle.bodies import BUFFER_SIZE, window
from bottle.datastructures import FormsDict, forms_dict
from bottle.httputil import parse_qsl
from bottle.responses import HTTPError
from bottle.uploads import FileUpload

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 7578 section 4.6 leaves other charsets to the past; some codecs of Python are neither fast nor charsets.
_CHARSETS = frozenset(('utf-8', 'utf8', 'us-ascii', 'ascii', 'iso-8859-1', 'latin1', 'windows-1252', 'iso-8859-15'))
_MAX_CONTENT_TYPE = 1000
_HEAD_END = b'\r\n\r\n'


class MultipartError(HTTPError):
    """A form cannot be parsed.

    Parameters:
        msg: what is wrong with it.
        status: 400, or 413 if it exceeds a limit.
    """

    def __init__(self, msg: str, status: int = 400) -> None:
        super().__init__(status, f'MultipartError: {msg}')


class FormLimits:
    """What a form may cost.

    Parameters:
        memory: bytes that all text fields may have together.
        parts: how many parts a multipart form may have.
        part_headers: how many header fields each part may have.
        part_header_size: how many bytes each of these may have.
    """

    __slots__ = ('memory', 'part_header_size', 'part_headers', 'parts')

    def __init__(self, memory: int, parts: int, part_headers: int, part_header_size: int) -> None:
        self.memory = memory
        self.parts = parts
        self.part_headers = part_headers
        self.part_header_size = part_header_size


def parse_urlencoded(body: bytes) -> FormsDict:
    """Return the fields of an `application/x-www-form-urlencoded` body (WHATWG URL section 5.1)."""
    return forms_dict(parse_qsl(body.decode('latin-1')))


class FormParser:
    """Parses a `multipart/form-data` body (RFC 7578) while it arrives.

    Text fields are kept. A file is a view of its place in the body: what is on disk already is not written again.

    Parameters:
        content_type: the `Content-Type` of the request; it names the boundary.
        limits: what the form may cost.

    Raises:
        MultipartError: no boundary is named.
    """

    def __init__(self, content_type: str, limits: FormLimits) -> None:
        self._boundary = _boundary(content_type)
        self._text_left = limits.memory
        self._segments: list[tuple[Any, list[bytes]]] = []
        self._error: MultipartError | None = None
        self._fed = False
        self._parser = _checked_parser(
            self._boundary,
            max_header_size=limits.part_header_size,
            max_header_count=limits.part_headers,
            max_segment_count=limits.parts,
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body. What is wrong with it is told by `finish`, when the body has been read."""
        self._fed = True
        if self._error is not None or self._parser.closed:
            return
        try:
            for event in self._parser.parse(chunk):
                self._take(event)
        except MultipartError as error:
            self._error = error
        except ValueError as error:
            self._error = _refusal(error)

    def finish(self, body: Any) -> FormsDict:
        """Return the text fields and the files (FileUpload).

        Parameters:
            body: the whole body, a seekable file; it is read if no piece was fed.

        Raises:
            MultipartError: 400 if the form is malformed or cut off, 413 if it exceeds a limit.
        """
        if not self._fed:
            body.seek(0)
            while chunk := body.read(BUFFER_SIZE):
                self.feed(chunk)
        self._close()
        forms = FormsDict()
        for (segment, text), start in zip(self._segments, self._starts(body), strict=True):
            forms.append(segment.name, _upload(body, segment, start) if segment.filename else _text(segment, text))
        return forms

    def _take(self, event: Any) -> None:
        if event is None:
            return
        if not isinstance(event, (bytes, bytearray)):
            self._segments.append((event, []))
            return
        segment, text = self._segments[-1]
        if segment.filename:
            return
        self._text_left -= len(event)
        if self._text_left < 0:
            raise MultipartError('Text fields are too large', 413)
        text.append(bytes(event))

    def _close(self) -> None:
        if self._error is None:
            try:
                self._parser.close()
            except ValueError as error:
                self._error = _refusal(error)
        if self._error is not None:
            raise self._error

    def _starts(self, body: Any) -> Iterator[int]:
        """Yield where the content of each part begins: after the delimiter before it and after its header.

        The parser has found the body to be well-formed, so each of them is there.
        """
        delimiter = b'--' + self._boundary.encode()
        end = _find(body, delimiter, 0)
        for segment, _ in self._segments:
            start = _find(body, _HEAD_END, end + len(delimiter)) + len(_HEAD_END)
            yield start
            end = start + segment.size + len(b'\r\n')


def _library() -> Any:
    import multipart

    return multipart


def _boundary(content_type: str) -> str:
    if len(content_type) > _MAX_CONTENT_TYPE:
        raise MultipartError('Content type header too long')
    boundary: str = _library().parse_options_header(content_type)[1].get('boundary', '')
    if not boundary:
        raise MultipartError('Invalid content type header, missing boundary')
    return boundary


def _checked_parser(boundary: str, **limits: int) -> Any:
    try:
        return _library().PushMultipartParser(boundary, **limits)
    except ValueError as error:
        raise _refusal(error) from error


def _refusal(error: ValueError) -> MultipartError:
    return MultipartError(str(error), 413 if isinstance(error, _library().ParserLimitReached) else 400)


def _text(segment: Any, pieces: list[bytes]) -> str:
    charset = (segment.charset or 'utf8').lower()
    return b''.join(pieces).decode(charset if charset in _CHARSETS else 'utf8', 'surrogateescape')


def _upload(body: Any, segment: Any, start: int) -> FileUpload:
    try:
        return FileUpload(window(body, start, segment.size), segment.name, segment.filename, segment.headerlist)
    except ValueError as error:
        raise _refusal(error) from error


def _find(body: Any, wanted: bytes, position: int) -> int:
    """Return where some bytes stand in a file that has them, at a position or after it."""
    overlap = b''
    body.seek(position)
    found: int
    while (found := (block := overlap + body.read(io.DEFAULT_BUFFER_SIZE)).find(wanted)) < 0:
        overlap = block[1 - len(wanted) :]
        position += len(block) - len(overlap)
    return position + found
