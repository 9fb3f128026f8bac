"""Chunked and length-delimited bodies, and the buffer that moves to disk."""

import gc
import io
import os
import time
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle import bodies
from bottle.bodies import BodyError, BodyTooLarge, chunked_reader, length_reader, spool

REST = b'GET / HTTP/1.1\r\n'


class Dripping:
    """A stream without a buffer: each read returns less than it was asked for."""

    def __init__(self, data: Any) -> None:
        self.inner = io.BytesIO(data)

    def read(self, size: Any) -> Any:
        assert size > 0
        return self.inner.read(min(size, 2) if size % 2 == 0 else 1)

    def readline(self, size: Any) -> Any:
        return self.inner.readline(size)


def chunked(pieces: Any, extension: Any = b'', trailer: Any = b'') -> Any:
    chunks = (b'%X%b\r\n%b\r\n' % (len(piece), extension, piece) for piece in pieces if piece)
    return b''.join(chunks) + b'0\r\n' + trailer + b'\r\n'


# Chunked


@given(st.lists(st.binary(max_size=40)), st.sampled_from([b'', b';a', b' ; a="b c"\t']), st.integers(1, 50))
def test_chunks_are_joined_and_the_rest_is_left(pieces: Any, extension: Any, size: Any) -> None:
    for stream in (io.BytesIO, Dripping):
        source: Any = stream(chunked(pieces, extension) + REST)
        reader = chunked_reader(source)
        assert b''.join(iter(partial(reader.read, size), b'')) == b''.join(pieces)
        assert reader.read() == reader.read(1) == b''
        assert source.readline(100) == REST


def test_it_is_a_file() -> None:
    reader = chunked_reader(io.BytesIO(chunked([b'one\ntw', b'o\nthree', b'\n', b'four'])))
    assert reader.readline() == b'one\n'
    assert reader.readlines(1) == [b'two\n']
    assert list(reader) == [b'three\n', b'four']
    assert reader.readable()
    assert not reader.seekable()


def test_a_large_chunk_and_lower_case() -> None:
    data = bytes(range(256)) * 1000
    assert chunked_reader(io.BytesIO(b'%x\r\n%b\r\n0\r\n\r\n' % (len(data), data))).read() == data


def test_trailers_are_skipped() -> None:
    source = io.BytesIO(chunked([b'x'], trailer=b'A: b\r\nC: d\r\n') + REST)
    assert chunked_reader(source).read() == b'x'
    assert source.read() == REST


def test_a_stream_may_end_behind_the_last_chunk() -> None:
    assert chunked_reader(io.BytesIO(b'3\r\nabc\r\n0\r\n')).read() == b'abc'


@pytest.mark.parametrize(
    'raw',
    [
        *(size + b'\r\nabc\r\n0\r\n\r\n' for size in (b'0x3', b'+3', b'-3', b'0_3', b' 3', b'3 ', b'', b'z', b'\xb3')),
        *(size + b'\r\nabc\r\n0\r\n\r\n' for size in (b'3;\x00', b'3;a\rb', b'3;\x7f', b'3\n', b'F' * 16)),
        b'3\nabc\n0\n\n',
        b'3\r\nabcd\r\n0\r\n\r\n',
        b'3\r\nabc\n0\r\n\r\n',
        b'3\r\nab',
        b'3\r\nabc',
        b'3\r\nabc\r',
        b'3\r\nabc\r\n',
        b'3\r\nabc\r\n0',
        b'3\r\nabc\r\n0\r\nA: b',
        b'3\r\nabc\r\n0\r\n\r',
        b'',
        b'3;' + b'x' * 2000 + b'\r\nabc\r\n0\r\n\r\n',
        b'0\r\n' + b'A: b\r\n' * 2000 + b'\r\n',
        b'0\r\nA: ' + b'b' * 10000 + b'\r\n\r\n',
    ],
)
@pytest.mark.parametrize('stream', [io.BytesIO, Dripping])
def test_malformed_coding_is_refused_for_good(stream: Any, raw: Any) -> None:
    reader = chunked_reader(stream(raw))
    for _ in range(2):
        with pytest.raises(BodyError) as caught:
            reader.read()
        assert caught.value.status == 400


def test_nothing_after_a_failure_is_taken_for_a_body() -> None:
    reader = chunked_reader(io.BytesIO(b'1\r\na\r\nworse\r\n1\r\nb\r\n0\r\n\r\n'), max_line=10)
    assert reader.read(1) == b'a'
    for _ in range(2):
        with pytest.raises(BodyError):
            reader.read(1)


@pytest.mark.parametrize('limit', [5, 6])
def test_chunked_limit(limit: Any) -> None:
    reader = chunked_reader(io.BytesIO(chunked([b'abc', b'def'])), max_size=limit)
    if limit == 6:
        assert reader.read() == b'abcdef'
        return
    with pytest.raises(BodyTooLarge) as caught:
        reader.read()
    assert caught.value.status == 413


def test_one_byte_chunks_take_linear_time() -> None:
    def seconds(count: Any) -> Any:
        begin = time.process_time()
        assert len(chunked_reader(io.BytesIO(b'1\r\nx\r\n' * count + b'0\r\n\r\n')).read()) == count
        return time.process_time() - begin

    assert min(seconds(40000) for _ in range(3)) < 4 * min(seconds(20000) for _ in range(3))


# Declared length


@given(st.binary(max_size=100), st.integers(0, 120))
def test_a_declared_length_is_kept(data: Any, length: Any) -> None:
    for stream in (io.BytesIO, Dripping):
        source: Any = stream(data)
        reader = length_reader(source, length)
        if length > len(data):
            for _ in range(2):
                with pytest.raises(BodyError, match=f'{length - len(data)} bytes shorter'):
                    reader.read()
        else:
            assert reader.read() == data[:length]
            assert source.inner.read() == data[length:] if stream is Dripping else source.read() == data[length:]


def test_lines_end_at_the_length() -> None:
    assert length_reader(io.BytesIO(b'a\nbc\nd'), 4).readlines() == [b'a\n', b'bc']


# Spooling


@pytest.mark.parametrize(('size', 'on_disk'), [(0, False), (10, False), (11, True), (200000, True)])
def test_spool_moves_to_disk(size: Any, on_disk: Any) -> None:
    buffer = spool(io.BytesIO(b'x' * size), memory=10)
    assert isinstance(buffer, io.BytesIO) is not on_disk
    assert buffer.read() == b'x' * size
    buffer.seek(0)
    assert buffer.read(1) == b'x' * min(size, 1)
    buffer.close()


class SmallDisk(io.BytesIO):
    """A temporary file on a disk of a few bytes, which remembers all of its kind."""

    made: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > 100000:
            raise OSError(28, 'No space left on device')
        return super().write(data)


@pytest.mark.parametrize(
    ('source', 'limit', 'error'),
    [
        (io.BytesIO(b'x' * 200000), None, OSError),
        (io.BytesIO(b'x' * 200000), 70000, BodyTooLarge),
        (length_reader(io.BytesIO(b'x' * 70000), 80000), None, BodyError),
    ],
    ids=['disk full', 'too large', 'cut off'],
)
def test_a_failure_closes_the_file(monkeypatch: Any, source: Any, limit: Any, error: Any) -> None:
    SmallDisk.made.clear()
    monkeypatch.setattr(bodies, '_temporary_file', SmallDisk)
    with pytest.raises(error):
        spool(source, memory=10, max_size=limit)
    assert [file.closed for file in SmallDisk.made] == [True]


def test_a_forgotten_file_frees_its_space_without_a_warning() -> None:
    buffer = spool(io.BytesIO(b'x' * 100), memory=10)
    descriptor = buffer.fileno()
    assert os.fstat(descriptor).st_size in (0, 100)
    del buffer
    gc.collect()
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(descriptor)
