"""Requests that announce or send too much: refused or held, without memory, and nobody else notices."""

from contextlib import closing, suppress

import pytest

from tests.faults.watching import Watched
from tests.support.client import fetch, raw, read_all
from tests.support.processes import Server

MEGABYTE = 1 << 20
GROWTH = 5 * MEGABYTE
REFUSALS = {b'400', b'413', b'414', b'431'}

HEADS = {
    'one header': b'GET /path/a HTTP/1.1\r\nHost: a\r\nX: ' + b'x' * MEGABYTE + b'\r\n\r\n',
    'many headers': b'GET /path/a HTTP/1.1\r\nHost: a\r\n' + b'X-Header: value\r\n' * (MEGABYTE // 17) + b'\r\n',
    'one line that never ends': b'GET /path/' + b'a' * MEGABYTE,
    'one header that never ends': b'GET /path/a HTTP/1.1\r\nHost: a\r\nX: ' + b'x' * MEGABYTE,
}


def status(answer: bytes) -> bytes:
    """Return the status code of a response; nothing for a connection that was closed without one."""
    return b' '.join(answer.split(b' ', 2)[1:2])


@pytest.mark.parametrize('head', HEADS.values(), ids=HEADS)
def test_a_megabyte_of_headers(shared: Server, watched: Watched, head: bytes) -> None:
    watched.forget_peak()
    before = watched.peak()
    answer = b''
    with closing(raw(shared.url)) as connection:
        with suppress(ConnectionError):  # refused before all of it was sent
            connection.sendall(head)
        assert fetch(shared.url, '/path/others').body == b'others'
        with suppress(ConnectionError):
            answer = read_all(connection)
    assert status(answer) in {*REFUSALS, b''}
    assert watched.peak() - before <= GROWTH


def test_a_body_of_ten_gigabytes_is_declared(shared: Server, watched: Watched) -> None:
    watched.forget_peak()
    before = watched.peak()
    with closing(raw(shared.url)) as connection:
        connection.sendall(b'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10737418240\r\n\r\n')
        connection.settimeout(1)
        answer = b''
        with suppress(TimeoutError):  # it is held
            answer = connection.recv(65536)
        assert fetch(shared.url, '/path/others').body == b'others'
    assert status(answer) in {*REFUSALS, b''}
    assert watched.peak() - before <= GROWTH
