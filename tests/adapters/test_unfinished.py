"""What is half on its way when a server is told to stop arrives all the same: requests and responses."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.serving.conftest import persistent_servers
from tests.support.client import connect, raw, read_all
from tests.support.programs import running

PERSISTENT = persistent_servers()
SIZE = 16 << 20  # more than the buffers of the system hold
PROGRAM = """\
from bottle import request, route, run

@route('/echo', method='POST')
def echo():
    return request.body.read()

@route('/large')
def large():
    return b'x' * (16 << 20)
"""
HEAD = b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n'


@pytest.mark.parametrize('name', PERSISTENT)
@pytest.mark.parametrize('first', [HEAD[:60], HEAD + b'half '], ids=['head', 'body'])
def test_a_request_that_is_half_sent_is_answered(tmp_path: Path, name: str, first: bytes) -> None:
    request = HEAD + b'half other'
    with running(tmp_path, PROGRAM, name) as server, closing(raw(server.url)) as connection:
        connection.sendall(first)
        with closing(raw(server.url)) as other:  # once this is answered, the first bytes have been read, too
            other.sendall(HEAD + b'0123456789')
            assert read_all(other).endswith(b'0123456789')
        server.process.terminate()
        connection.sendall(request[len(first) :])
        assert read_all(connection).endswith(b'half other')
        assert server.process.wait(10) == 0


@pytest.mark.parametrize('name', PERSISTENT)
def test_a_response_that_is_half_taken_is_sent_whole(tmp_path: Path, name: str) -> None:
    with running(tmp_path, PROGRAM, name) as server, closing(connect(server.url)) as connection:
        connection.request('GET', '/large')
        response = connection.getresponse()
        server.process.terminate()
        assert len(response.read()) == SIZE
        assert server.process.wait(10) == 0
