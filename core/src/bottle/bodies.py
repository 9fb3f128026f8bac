"""Readers of request bodies: chunked transfer coding, bodies of declared length, and a buffer that spills to disk.

The readers are meant for whoever holds a stream with `read(size)` and `readline(size)`: the request object, and server
adapters whose backend hands the chunked coding through. They never read past the end of the body, so that a connection
can be used for the next request.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

# RFC 9112 section 7.1: digits alone (no sign, no 0x, no blank in front), then extensions, which nobody needs.
_CHUNK_HEAD = re.compile(rb'([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n')

BUFFER_SIZE = 65536


class BodyError(ValueError):
    """The body of a request is malformed or shorter than declared.

    Attributes:
        status: the HTTP status code that answers it.
    """

    status: ClassVar[int] = 400


class BodyTooLarge(BodyError):
    """The body of a request is longer than permitted."""

    status: ClassVar[int] = 413


class NoBody(io.BytesIO):
    """The input of a request that has no body."""


class _Reader(io.RawIOBase):
    """Hands the body out in pieces; a failure is final, so that no later read mistakes it for the end of the body."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._read = getattr(stream, 'read1', stream.read)  # which does not wait for more than has come
        self._failure: BodyError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        # The views are released before anything can be raised: a traceback must not keep memory of the caller exported.
        with memoryview(buffer) as view:
            size = view.nbytes
        data = self._next_or_failure(size)
        with memoryview(buffer) as view, view.cast('B') as target:
            target[: len(data)] = data
        return len(data)

    def _next_or_failure(self, size: int) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            return self._next(size)
        except BodyError as error:
            self._failure = error
            raise

    def _next(self, size: int) -> bytes:
        """Return at least one and at most `size` bytes, or none at the end."""
        raise NotImplementedError


class _ChunkedReader(_Reader):
    def __init__(self, stream: Any, max_size: int | None, max_line: int, max_trailer: int) -> None:
        super().__init__(stream)
        self._max_size = max_size
        self._max_line = max_line
        self._max_trailer = max_trailer
        self._total = 0
        self._left = 0
        self._ended = False

    def _next(self, size: int) -> bytes:
        if not self._left and not self._ended:
            self._start_chunk()
        if self._ended or not size:
            return b''
        data: bytes = self._read(min(size, self._left))
        if not data:
            raise BodyError('The chunked request body ends within a chunk.')
        self._left -= len(data)
        if not self._left:
            self._end_chunk()
        return data

    def _start_chunk(self) -> None:
        head = _CHUNK_HEAD.fullmatch(self._line(self._max_line))
        if head is None:
            raise BodyError('The chunked request body holds a malformed chunk size.')
        self._left = int(head[1], 16)
        self._total += self._left
        if self._max_size is not None and self._total > self._max_size:
            raise BodyTooLarge('The request body is too large.')
        if not self._left:
            self._skip_trailer()
            self._ended = True

    def _end_chunk(self) -> None:
        end = self._stream.read(2)
        # A stream without a buffer may hand out the two bytes one by one.
        if len(end) == 1:
            end += self._stream.read(1)
        if end != b'\r\n':
            raise BodyError('A chunk of the request body does not end where its size says.')

    def _skip_trailer(self) -> None:
        allowance = self._max_trailer
        # The zero-sized chunk makes the body complete (RFC 9112 section 8): a stream that ends right behind it is fine.
        while (line := self._line(allowance, may_end=True)) not in (b'\r\n', b''):
            allowance -= len(line)

    def _line(self, limit: int, *, may_end: bool = False) -> bytes:
        line: bytes = self._stream.readline(limit + 2)
        if not line.endswith(b'\r\n') and (line or not may_end):
            raise BodyError('The chunked request body holds a line that is too long, or cut off.')
        return line


def chunked_reader(
    stream: Any, *, max_size: int | None = None, max_line: int = 1024, max_trailer: int = 8192
) -> io.BufferedReader:
    """Decode the chunked transfer coding (RFC 9112 section 7.1), strictly; chunk extensions and trailers are skipped.

    Parameters:
        stream: what yields the raw bytes through `read(size)` and `readline(size)`; short reads are fine. It is left
            right behind the body and is not closed.
        max_size: the permitted length of the decoded body in bytes; None for any.
        max_line: the permitted length of the line that begins a chunk in bytes.
        max_trailer: the permitted length of all trailer fields together in bytes.

    Returns:
        A file-like object that reads the decoded body: `read`, `read1`, `readline`, `readlines`, iteration.

    Raises:
        BodyError: while reading, if the coding is malformed, a limit is exceeded, or the stream ends too early.
        BodyTooLarge: while reading, if the body is longer than `max_size`.
    """
    return io.BufferedReader(_ChunkedReader(stream, max_size, max_line, max_trailer), BUFFER_SIZE)


class _LengthReader(_Reader):
    def __init__(self, stream: Any, length: int) -> None:
        super().__init__(stream)
        self._left = length

    def _next(self, size: int) -> bytes:
        wanted = min(size, self._left)
        data: bytes = self._read(wanted) if wanted else b''
        if wanted and not data:
            raise BodyError(f'The request body is {self._left} bytes shorter than declared.')
        self._left -= len(data)
        return data


def length_reader(stream: Any, length: int) -> io.BufferedReader:
    """Read a body of declared length (RFC 9112 section 6.2).

    Parameters:
        stream: what yields the bytes through `read(size)`; short reads are fine. It is left right behind the body and
            is not closed.
        length: the declared length in bytes.

    Returns:
        A file-like object that ends after `length` bytes.

    Raises:
        BodyError: while reading, if the stream ends before.
    """
    return io.BufferedReader(_LengthReader(stream, length), BUFFER_SIZE)


class Guarded:
    """A stream whose failures are those of the client: it left, fell silent, or sent what the server cannot decode.

    Servers raise `OSError`, `ValueError` or `EOFError` then; a disk that is full is another matter.

    Parameters:
        stream: `wsgi.input`.
    """

    __slots__ = ('_stream',)

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return at most so many bytes.

        Raises:
            BodyError: they cannot be had.
        """
        return self._take(self._stream.read, size)

    def readline(self, size: int) -> bytes:
        """Return a line, or the beginning of one that is longer than `size`.

        Raises:
            BodyError: it cannot be had.
        """
        return self._take(self._stream.readline, size)

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except BodyError:
            raise
        except (OSError, ValueError, EOFError) as error:
            raise BodyError('The request body is malformed, or the client left before it was complete.') from error


def read_exactly(stream: Any, length: int) -> bytes:
    """Return a short body of declared length; see `length_reader` for long ones.

    Raises:
        BodyError: the stream ends before.
    """
    data: bytes = stream.read(length)
    while len(data) < length:
        more = stream.read(length - len(data))
        if not more:
            raise BodyError(f'The request body is {length - len(data)} bytes shorter than declared.')
        data += more
    return data


class Spool:
    """A buffer that is written first and read later, and that moves to a temporary file when it grows.

    Parameters:
        memory: how many bytes may stay in memory.

    Attributes:
        file: the `BytesIO` or temporary file. Who closes it, or forgets it, frees the disk space.
    """

    def __init__(self, memory: int) -> None:
        self.file: Any = io.BytesIO()
        self._left = memory
        self._on_disk = False

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: the disk is full.
        """
        self._left -= len(data)
        if self._left < 0 and not self._on_disk:
            in_memory, self.file = self.file, _temporary_file()
            self._on_disk = True
            self.file.write(in_memory.getvalue())
        self.file.write(data)

    def close(self) -> None:
        """Free memory and disk space."""
        self.file.close()


class _OwnRaw(io.FileIO):
    def __del__(self) -> None:
        self.close()


class _OwnFile(io.BufferedRandom):
    """A temporary file that ends with the request: nobody is told to close it, so nobody is warned if it is open."""

    def __del__(self) -> None:
        self.close()


def _temporary_file() -> Any:
    import os
    from tempfile import TemporaryFile

    with TemporaryFile('w+b', buffering=0) as file:
        return _OwnFile(_OwnRaw(os.dup(file.fileno()), 'rb+'))


def spool(
    source: Any, *, memory: int, max_size: int | None = None, tap: Callable[[bytes], object] | None = None
) -> Any:
    """Read a stream to its end into a seekable buffer, which moves to a temporary file when it grows.

    Parameters:
        source: what is read with `read(size)`.
        memory: how many bytes may stay in memory.
        max_size: the permitted length in bytes; None for any.
        tap: is shown each piece, too.

    Returns:
        A `BytesIO` or a temporary file, positioned at its beginning. Closing or forgetting it frees the disk space.

    Raises:
        BodyTooLarge: the stream is longer than `max_size`.
        BodyError: what the stream raises.
        OSError: what the stream or the disk raises.
    """
    buffer = Spool(memory)
    try:
        for data in _pieces(source, max_size):
            buffer.write(data)
            if tap is not None:
                tap(data)
        buffer.file.seek(0)
    except BaseException:
        buffer.close()
        raise
    return buffer.file


def _pieces(source: Any, max_size: int | None) -> Iterator[bytes]:
    size = 0
    while data := source.read(BUFFER_SIZE):
        size += len(data)
        if max_size is not None and size > max_size:
            raise BodyTooLarge('The request body is too large.')
        yield data


class _Window(io.RawIOBase):
    """A part of a file, with a position of its own."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f'negative seek position {base + offset}')
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast('B')
        wanted = max(0, min(len(view), self._size - self._position))
        before = self._file.tell()
        try:
            self._file.seek(self._start + self._position)
            data = self._file.read(wanted)
        finally:
            self._file.seek(before)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def window(file: Any, start: int, size: int) -> io.BufferedReader | io.BytesIO:
    """Return a file over a part of another one. Neither minds where the other is read.

    Parameters:
        file: a seekable file; it lives as long as the window.
        start: where the part begins, in bytes.
        size: how long it is, in bytes.
    """
    if isinstance(file, io.BytesIO):
        file.seek(start)
        return io.BytesIO(file.read(size))
    return io.BufferedReader(_Window(file, start, size), BUFFER_SIZE)
