"""Uploaded files, and the parsing of urlencoded and multipart forms with limits."""

from __future__ import annotations

import re
from os import PathLike
from typing import TYPE_CHECKING, Any

from bottle._util import cached_property
from bottle.bodies import Spool
from bottle.datastructures import FormsDict, HeaderDict, forms_dict
from bottle.httputil import parse_qsl
from bottle.responses import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

# Names that are devices on Windows, with any extension: writing to them blocks, prints, or is lost.
_DEVICES = frozenset(('CON', 'PRN', 'AUX', 'NUL', 'CONIN$', 'CONOUT$')) | {
    f'{port}{number}' for port in ('COM', 'LPT') for number in '0123456789¹²³'
}
# RFC 7578 section 4.6 leaves other charsets to the past; some codecs of Python are neither fast nor charsets.
_CHARSETS = frozenset(('utf-8', 'utf8', 'us-ascii', 'ascii', 'iso-8859-1', 'latin1', 'windows-1252', 'iso-8859-15'))
_MAX_CONTENT_TYPE = 1000
_CHUNK = 65536


class MultipartError(HTTPError):
    """A form cannot be parsed.

    Parameters:
        msg: what is wrong with it.
        status: 400, or 413 if it exceeds a limit.
    """

    def __init__(self, msg: str, status: int = 400) -> None:
        super().__init__(status, f'MultipartError: {msg}')


class FileUpload:
    """A file that a client sent in a form (RFC 7578).

    Parameters:
        fileobj: the open file with its content, positioned at the beginning.
        name: the name of the form field.
        filename: the name of the file as the client sent it.
        headers: the header fields of this part of the form.

    Attributes:
        file: the open file.
        name: the name of the form field.
        raw_filename: the name of the file as the client sent it: never use it as a path.
        headers: a HeaderDict.
    """

    def __init__(self, fileobj: Any, name: str, filename: str, headers: Any = None) -> None:
        self.file = fileobj
        self.name = name
        self.raw_filename = filename
        self.headers = HeaderDict(headers or ())

    @property
    def content_type(self) -> str:
        """The media type that the client claims, or an empty string."""
        return str(self.get_header('Content-Type', ''))

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers['Content-Type'] = value

    @property
    def content_length(self) -> int:
        """The length in bytes that the client claims, or -1."""
        return int(self.get_header('Content-Length', -1))

    @content_length.setter
    def content_length(self, value: int) -> None:
        self.headers['Content-Length'] = value

    def get_header(self, name: str, default: Any = None) -> Any:
        """Return the value of a header field of this part, or the default."""
        return self.headers.get(name, default)

    @cached_property
    def filename(self) -> str:
        """The client's name of the file, made safe to use on any file system; see `safe_filename`."""
        return safe_filename(self.raw_filename)

    def save(
        self,
        destination: str | PathLike[str] | Any,
        overwrite: bool = False,
        chunk_size: int = _CHUNK,
    ) -> None:
        """Write the content, from the current position on, to a path or an open file.

        Parameters:
            destination: a path, a directory (`filename` is added), or an object with `write`.
            overwrite: whether a file that exists may be replaced.
            chunk_size: how many bytes are copied at a time.

        Raises:
            FileExistsError: the file exists and `overwrite` is false.
            OSError: it cannot be written; what has been written of it is removed.
        """
        from pathlib import Path

        if not isinstance(destination, (str, PathLike)):
            self._copy_to(destination, chunk_size)
            return
        path = Path(destination)
        if path.is_dir():
            path /= self.filename
        self._save_as(path, 'wb' if overwrite else 'xb', chunk_size)

    def _save_as(self, path: Path, mode: str, chunk_size: int) -> None:
        with path.open(mode) as target:
            try:
                self._copy_to(target, chunk_size)
                target.flush()
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def _copy_to(self, target: Any, chunk_size: int) -> None:
        position = self.file.tell()
        while data := self.file.read(chunk_size):
            target.write(data)
        self.file.seek(position)

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {self.name}={self.raw_filename!r}>'


def safe_filename(name: str | bytes) -> str:
    """Return a file name of ASCII letters, digits, `.`, `-` and `_`, without folders; `empty` if nothing is left.

    Parameters:
        name: the name that a client sent. Accents are dropped, blanks become dashes, dots and dashes at both ends go,
            what is a device on Windows gets an underscore in front, and 255 characters are the limit.
    """
    from unicodedata import normalize

    text = name.decode('utf8', 'ignore') if isinstance(name, bytes) else name
    ascii_text = normalize('NFKD', text).encode('ascii', 'ignore').decode('ascii')
    base = ascii_text.replace('\\', '/').rpartition('/')[2]
    kept = re.sub(r'[^a-zA-Z0-9-_.\s]', '', base).strip()
    joined = re.sub(r'[-\s]+', '-', kept).strip('.-')
    if is_device_name(joined):
        joined = f'_{joined}'
    return joined[:255].rstrip('.-') or 'empty'


def is_device_name(name: str) -> bool:
    """Tell whether Windows takes a file name, with any extension, for a device such as `CON`."""
    return name.partition('.')[0].rstrip().upper() in _DEVICES


# Forms


class FormLimits:
    """What a form may cost.

    Parameters:
        memory: bytes that all text fields may have together, and that each file may keep in memory.
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


def parse_multipart(body: Any, content_type: str, limits: FormLimits) -> FormsDict:
    """Return the text fields and the files (FileUpload) of a `multipart/form-data` body (RFC 7578).

    Parameters:
        body: what is read with `read(size)`.
        content_type: the `Content-Type` of the request; it names the boundary.
        limits: what the form may cost.

    Raises:
        MultipartError: 400 if the form is malformed or cut off, 413 if it exceeds a limit.
        OSError: a file cannot be buffered on disk.
    """
    library = _library()
    forms = FormsDict()
    try:
        with _Collector(forms, limits) as collector:
            for event in _events(body, _boundary(content_type), limits):
                collector.take(event)
    except (library.MultipartError, ValueError) as error:
        raise MultipartError(str(error), 413 if isinstance(error, library.ParserLimitReached) else 400) from error
    return forms


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


def _events(body: Any, boundary: str, limits: FormLimits) -> Iterator[Any]:
    """Yield for each part its segment, its content in pieces, and None."""
    with _library().PushMultipartParser(
        boundary,
        max_header_size=limits.part_header_size,
        max_header_count=limits.part_headers,
        max_segment_count=limits.parts,
    ) as parser:
        while not parser.closed and (chunk := body.read(_CHUNK)):
            yield from parser.parse(chunk)


class _Collector:
    """Turns the parser's events into fields: text is kept in memory, files move to disk when they grow.

    A failure closes all files, so that no disk space waits for the garbage collector.
    """

    def __init__(self, forms: FormsDict, limits: FormLimits) -> None:
        self._forms = forms
        self._memory = limits.memory
        self._text_left = limits.memory
        self._segment: Any = None
        self._text: list[bytes] = []
        self._file: Spool | None = None

    def take(self, event: Any) -> None:
        if event is None:
            self._end()
        elif isinstance(event, (bytes, bytearray)):
            self._write(bytes(event))
        else:
            self._begin(event)

    def _begin(self, segment: Any) -> None:
        self._segment = segment
        if segment.filename:
            self._file = Spool(self._memory)
        else:
            self._text = []

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            return
        self._text_left -= len(data)
        if self._text_left < 0:
            raise MultipartError('Text fields are too large', 413)
        self._text.append(data)

    def _end(self) -> None:
        segment = self._segment
        value: Any
        if self._file is not None:
            file = self._file.file
            file.seek(0)
            value = FileUpload(file, segment.name, segment.filename, segment.headerlist)
            self._file = None
        else:
            charset = (segment.charset or 'utf8').lower()
            value = b''.join(self._text).decode(charset if charset in _CHARSETS else 'utf8', 'surrogateescape')
        self._forms.append(segment.name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        if self._file is not None:
            self._file.close()
        for _name, value in self._forms.allitems():
            if isinstance(value, FileUpload):
                value.file.close()
