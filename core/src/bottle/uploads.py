"""Uploaded files, and names for them that no file system misunderstands."""

from __future__ import annotations

import re
from os import PathLike
from typing import TYPE_CHECKING, Any

from bottle._util import cached_property
from bottle.datastructures import HeaderDict

if TYPE_CHECKING:
    from pathlib import Path

# Names that are devices on Windows, with any extension: writing to them blocks, prints, or is lost.
_DEVICES = frozenset(('CON', 'PRN', 'AUX', 'NUL', 'CONIN$', 'CONOUT$')) | {
    f'{port}{number}' for port in ('COM', 'LPT') for number in '0123456789¹²³'
}
_CHUNK = 65536


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
