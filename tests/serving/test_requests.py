"""What every server does with requests: nothing lost, nothing changed, nothing mixed."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.parse import quote

import pytest

from tests.support.client import connect, fetch, raw, read_all
from tests.support.processes import Server

MEGABYTE = os.urandom(1 << 20)


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body in pieces, so that it is sent chunked."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_a_body_of_a_megabyte_arrives_byte_exact(shared: Server) -> None:
    answer = fetch(shared.url, '/echo', 'POST', MEGABYTE)
    assert (answer.status, answer.body == MEGABYTE) == (200, True)


@pytest.mark.parametrize('size', [1 << 10, 70_000, 1 << 20])
def test_a_chunked_body_arrives_byte_exact(shared: Server, size: int) -> None:
    answer = fetch(shared.url, '/echo', 'POST', pieces(MEGABYTE, size), **{'Transfer-Encoding': 'chunked'})
    assert (answer.status, answer.body == MEGABYTE) == (200, True)


def test_an_empty_chunked_body(shared: Server) -> None:
    answer = fetch(shared.url, '/echo', 'POST', iter(()), **{'Transfer-Encoding': 'chunked'})
    assert (answer.status, answer.body) == (200, b'')


def test_expect_100_continue_is_answered_before_the_body(shared: Server) -> None:
    with closing(raw(shared.url)) as connection:
        connection.sendall(
            b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
        )
        assert connection.recv(1024).startswith(b'HTTP/1.1 100 ')
        connection.sendall(b'hello')
        assert read_all(connection).endswith(b'hello')


def test_head_has_the_headers_of_get_and_no_body(shared: Server) -> None:
    with closing(raw(shared.url)) as connection:
        connection.sendall(b'HEAD /path/abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        head, _, body = read_all(connection).partition(b'\r\n\r\n')
    assert head.split(b'\r\n')[0].split()[1] == b'200'
    assert b'content-length: 3' in head.lower()
    assert body == b''


@pytest.mark.parametrize('text', ['grüße/日本', 'a b', '%', 'é//è'])
def test_a_path_in_utf_8(shared: Server, text: str) -> None:
    answer = fetch(shared.url, '/path/' + quote(text))
    assert (answer.status, answer.body.decode()) == (200, text)


def test_a_stream_arrives_piece_by_piece(shared: Server) -> None:
    with closing(connect(shared.url)) as connection:
        connection.request('GET', '/stream')
        response = connection.getresponse()
        assert response.readline() == b'first\n'  # the second piece is held back until /open is asked for
        assert fetch(shared.url, '/open').body == b'open'
        assert response.read() == b'second\n'


def test_parallel_requests_never_mix(shared: Server) -> None:
    def ask(number: int) -> tuple[set[str], str | None]:
        answer = fetch(shared.url, f'/isolated/{number}?number={number}')
        return set(json.loads(answer.body)['seen']), answer.headers['X-Number']

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert answers == [({str(number)}, str(number)) for number in range(50)]


def test_an_idle_connection_blocks_nobody(shared: Server) -> None:
    with closing(raw(shared.url)), closing(raw(shared.url)):
        assert fetch(shared.url, '/path/free').body == b'free'


def test_a_request_with_two_framings_is_refused(shared: Server) -> None:
    with closing(raw(shared.url)) as connection:
        connection.sendall(
            b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n'
            b'Connection: close\r\n\r\n0\r\n\r\nGET'
        )
        assert read_all(connection).split(b' ', 2)[1] in (b'400', b'200')


MALFORMED = {
    'nonsense': b'\x00\x01\x02\r\n\r\n',
    'size in Python': b'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n',
    'chunk without an end': b'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n',
    'body that is too short': b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello',
    'length that is no number': b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5_0\r\n\r\nhello',
    'target that is no URL': b'GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'host that is none': b'GET /path/a HTTP/1.1\r\nHost: <a>\r\n\r\n',
    'header that is too long': b'GET /path/a HTTP/1.1\r\nHost: a\r\nX: ' + b'x' * 300_000 + b'\r\n\r\n',
}


@pytest.mark.parametrize('request_bytes', MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_harms_nobody(shared: Server, request_bytes: bytes) -> None:
    with closing(raw(shared.url)) as connection, suppress(OSError):  # a reset is an answer, too
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
        assert not answer.startswith((b'HTTP/1.1 2', b'HTTP/1.0 2', b'HTTP/1.1 5', b'HTTP/1.0 5'))
    assert fetch(shared.url, '/path/well').body == b'well'
    assert not [line for line in shared.output if 'Traceback' in line]
