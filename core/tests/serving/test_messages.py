"""Heads of requests, read strictly: line by line, or as a whole."""

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

import pytest

from bottle.serving.messages import (
    MAX_LINE,
    HeadTooLong,
    MalformedMessage,
    Request,
    TargetTooLong,
    UnknownVersion,
    parse_request,
    read_request,
)

HEAD = b'POST /a?b=/c HTTP/1.1\r\nHost: a.example\r\nX-A:\t b, c \r\nx-a: d\r\nX_A: e\r\nContent-Length: 5\r\n\r\n'


class Case(NamedTuple):
    """A head, and what is wrong with it."""

    head: bytes
    error: type[MalformedMessage] = MalformedMessage


def with_lines(*lines: bytes, version: bytes = b'HTTP/1.1') -> bytes:
    return b'\r\n'.join([b'GET / ' + version, *lines, b'', b''])


REFUSED = {
    'no version': Case(b'GET /\r\n\r\n'),
    'another version': Case(with_lines(b'Host: a', version=b'HTTP/1.2'), UnknownVersion),
    'two spaces': Case(b'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'),
    'lines that end in LF': Case(b'GET / HTTP/1.1\nHost: a\n\n'),
    'a header that ends in LF': Case(with_lines(b'Host: a', b'X-A: b\nX-B: c')),
    'a header that ends in CR': Case(with_lines(b'Host: a', b'X-A: b\rX-B: c')),
    'a folded header': Case(with_lines(b'Host: a', b'X-A: b', b' c')),
    'a space before the colon': Case(with_lines(b'Host : a')),
    'no colon': Case(with_lines(b'Host: a', b'X-A')),
    'no name': Case(with_lines(b'Host: a', b': b')),
    'NUL in a value': Case(with_lines(b'Host: a', b'X-A: b\0')),
    'no host': Case(with_lines(b'X-A: b')),
    'two hosts': Case(with_lines(b'Host: a', b'Host: a')),
    'two lengths': Case(with_lines(b'Host: a', b'Content-Length: 5', b'content-length: 6')),
    'an unbelievable length': Case(with_lines(b'Host: a', b'Content-Length: ' + b'9' * 19)),
    'a length with a sign': Case(with_lines(b'Host: a', b'Content-Length: +5')),
    'length and chunks': Case(with_lines(b'Host: a', b'Content-Length: 5', b'Transfer-Encoding: chunked')),
    'another coding': Case(with_lines(b'Host: a', b'Transfer-Encoding: gzip')),
    'a long target': Case(b'GET /' + b'a' * MAX_LINE + b' HTTP/1.1\r\nHost: a\r\n\r\n', TargetTooLong),
}


def read(data: bytes, limit: int = 1000) -> Request:
    stream = BytesIO(data)
    return read_request(stream.readline(), stream.readline, limit)


@pytest.mark.parametrize('way', [read, parse_request])
def test_a_head_is_read(way: Callable[[bytes], Request]) -> None:
    found = way(HEAD)
    assert (found.method, found.target, found.version) == ('POST', '/a?b=/c', 'HTTP/1.1')
    assert found.headers.get_all('X-a') == ['b, c', 'd']
    assert found.variables() == {
        'REQUEST_METHOD': 'POST',
        'SCRIPT_NAME': '',
        'PATH_INFO': '/a',
        'QUERY_STRING': 'b=/c',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'HTTP_HOST': 'a.example',
        'HTTP_X_A': 'b, c, d',
        'CONTENT_LENGTH': '5',
    }


@pytest.mark.parametrize('case', REFUSED.values(), ids=REFUSED)
def test_a_malformed_head_is_refused(case: Case) -> None:
    for way in (read, parse_request):
        with pytest.raises(MalformedMessage) as caught:
            way(case.head)
        assert type(caught.value) is case.error


def test_one_empty_line_before_a_request_is_passed_over() -> None:
    assert read(b'\r\n' + HEAD).variables() == read(HEAD).variables()
    with pytest.raises(MalformedMessage):
        read(b'\r\n\r\n' + HEAD)


@pytest.mark.parametrize('length', range(1, len(HEAD)))
def test_a_head_that_ends_too_early_is_refused(length: int) -> None:
    with pytest.raises(MalformedMessage):
        read(HEAD[:length])


def test_a_long_section_is_refused() -> None:
    with pytest.raises(HeadTooLong):
        read(with_lines(b'Host: a', *[b'X-A: b'] * 200))


@pytest.mark.parametrize(
    ('version', 'lines', 'persistent'),
    [
        (b'HTTP/1.1', [], True),
        (b'HTTP/1.1', [b'Connection: a, Close'], False),
        (b'HTTP/1.1', [b'Connection: keep-alive', b'Connection: close'], False),
        (b'HTTP/1.0', [], False),
        (b'HTTP/1.0', [b'Connection: Keep-Alive, a'], True),
    ],
)
def test_persistence(version: bytes, lines: list[bytes], persistent: bool) -> None:
    assert parse_request(with_lines(b'Host: a', *lines, version=version)).is_persistent is persistent
