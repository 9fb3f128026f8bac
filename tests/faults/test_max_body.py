"""The portable option `max_body`: a body that is too long is refused alike on every server, however it is framed."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.client import fetch, raw
from tests.support.processes import Server
from tests.support.programs import running

LIMIT = 1000
APPLICATION = """\
from bottle import request, route, run

@route('/length', method='POST')
def length():
    return str(len(request.body.read()))
"""


@pytest.fixture(scope='module')
def limited(server_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp('program')
    with running(folder, APPLICATION, server_name, max_body=LIMIT) as server:
        yield server


def chunked(length: int) -> Iterator[bytes]:
    """Yield a body in small pieces, so that it is sent chunked."""
    for start in range(0, length, 100):
        yield b'x' * min(100, length - start)


@pytest.mark.parametrize(('length', 'status'), [(LIMIT, 200), (LIMIT + 1, 413), (100 * LIMIT, 413)])
def test_a_declared_body(limited: Server, length: int, status: int) -> None:
    assert fetch(limited.url, '/length', 'POST', b'x' * length).status == status


# Waitress closes without reading what is on its way: a client that does not look for the response while it sends may
# see a reset in its place.
RESETS = ('waitress',)


@pytest.mark.parametrize(('length', 'status'), [(LIMIT // 2, 200), (LIMIT, 200), (LIMIT + 1, 413), (100 * LIMIT, 413)])
def test_a_chunked_body(limited: Server, server_name: str, length: int, status: int) -> None:
    try:
        answer = fetch(limited.url, '/length', 'POST', chunked(length), **{'Transfer-Encoding': 'chunked'})
    except ConnectionError:
        assert server_name in RESETS
        assert status == 413
    else:
        assert answer.status == status


def test_a_declared_body_is_refused_before_it_comes(limited: Server) -> None:
    with closing(raw(limited.url)) as connection:
        connection.sendall(b'POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nConnection: close\r\n\r\n')
        connection.settimeout(5)
        assert connection.recv(65536).split(b' ', 2)[1] == b'413'
        connection.shutdown(socket.SHUT_WR)
