"""What is particular to meinheld: a drain in a loop written in C, and faults of its environ that the adapter mends."""

import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle.errors import ServerError
from bottle.serving.connections import LINGER
from bottle_server_meinheld import MeinheldServer
from tests.support.client import connect, fetch, interrupted, raw, read_all, until
from tests.support.programs import ABOUT, about, refusal, running

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason='meinheld 1.0.2 does not run on Python 3.13')

SLOW = """\
import time
from bottle import request, response, route, run

@route('/slow')
def slow():
    time.sleep(0.02)
    return 'done'

@route('/large')
def large():
    return b'x' * (16 << 20)

@route('/body', method='POST')
def body():
    return request.body.read()

@route('/short')
def short():
    response.content_length = 1_000_000
    return open(__file__, 'rb')

@route('/held')
def held():
    yield b'first '
    yield b'second' if open('gate', 'rb').read(1) else b'too late'
"""
MARGIN = 2.0  # seconds that a drain may take beyond what runs


def test_the_native_call() -> None:
    assert MeinheldServer('127.0.0.1', 8080).explain() == 'meinheld.server.run(handler, sockets)'


def test_the_queue_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_a_request_that_is_half_received_is_finished(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfirst')
        assert fetch(server.url, '/slow').body == b'done'
        server.process.terminate()
        connection.settimeout(1.5 * LINGER)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(b'-last')
        connection.settimeout(10)
        assert read_all(connection).endswith(b'first-last')
        assert server.process.wait(LINGER + MARGIN) == 0


def test_idle_connections_are_ended(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server, closing(raw(server.url)) as silent:
        assert fetch(server.url, '/slow').body == b'done'
        server.process.terminate()
        assert read_all(silent) == b''
        assert server.process.wait(LINGER + MARGIN) == 0


def test_a_response_that_a_client_takes_late_is_whole(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server, closing(connect(server.url)) as connection:
        connection.request('GET', '/large')
        response = connection.getresponse()
        server.process.terminate()
        assert len(response.read()) == 16 << 20
        assert server.process.wait(10) == 0


def test_a_client_that_takes_nothing_does_not_outlast_the_grace_period(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld', graceful_timeout=1) as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
        until(connection, b'\r\n\r\n')
        server.process.terminate()
        assert server.process.wait(1 + MARGIN) == 1


def test_a_drain_finishes_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'gate')
    with running(tmp_path, SLOW, 'meinheld') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        until(connection, b'first ')
        server.process.terminate()
        with (tmp_path / 'gate').open('wb') as gate:
            gate.write(b'.')
        assert b'second' in read_all(connection)
        assert server.process.wait(LINGER + MARGIN) == 0


@pytest.mark.parametrize('host', ['127.0.0.1', '::1'])
def test_the_application_knows_where_it_is_served(tmp_path: Path, host: str) -> None:
    with running(tmp_path, ABOUT, 'meinheld', host=host) as server:
        environ = about(server)['environ']
        port = server.url.rstrip('/').rpartition(':')[2]
        assert (environ['SERVER_NAME'], environ['SERVER_PORT']) == (host, port)
        assert environ['REMOTE_ADDR'] == host


def test_a_chunked_body_is_decoded(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'meinheld') as server:
        assert (
            about(server, '/about/', 'POST', iter([b'abc', b'de']), **{'Transfer-Encoding': 'chunked'})['body']
            == 'abcde'
        )


def test_what_is_read_together_with_a_faulty_request_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server, closing(raw(server.url)) as connection:
        connection.sendall(
            b'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\nhello'
            b'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
        )
        assert read_all(connection) == b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
        assert fetch(server.url, '/slow').body == b'done'


def test_a_file_that_is_shorter_than_declared_ends_its_connection_and_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'meinheld') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET /short HTTP/1.1\r\nHost: a\r\n\r\n')
        assert b'def short' in read_all(connection)
        assert fetch(server.url, '/slow').body == b'done'


def test_it_needs_the_main_thread() -> None:
    with (
        start(Bottle(), 'meinheld', port=0) as server,
        pytest.raises(ServerError, match='needs the main thread'),
    ):
        server.wait(10)


def test_each_client_is_known_by_its_own_address(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'meinheld', host='0.0.0.0') as server:
        port = int(server.url.rstrip('/').rpartition(':')[2])
        with closing(socket.create_connection(('127.0.0.1', port), 10, ('127.0.0.2', 0))) as first:
            with closing(socket.create_connection(('127.0.0.1', port), 10, ('127.0.0.3', 0))) as second:
                for client in (second, first):
                    client.sendall(b'GET /about/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
                assert b'"REMOTE_ADDR": "127.0.0.3"' in read_all(second)
            assert b'"REMOTE_ADDR": "127.0.0.2"' in read_all(first)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'keep_alive': 5}, "Did you mean 'keepalive'?"),
        ({'threads': 2}, "has no option 'threads'"),
        ({'backlogs': 2}, "has no option 'backlogs'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'meinheld', **options)


def test_options_reach_meinheld(tmp_path: Path) -> None:
    with (
        running(tmp_path, SLOW, 'meinheld', keepalive=5, max_body=10) as server,
        closing(connect(server.url)) as connection,
    ):
        for _ in range(2):
            connection.request('GET', '/slow')
            assert connection.getresponse().read() == b'done'
        assert fetch(server.url, '/body', 'POST', b'x' * 10).status == 200
        assert fetch(server.url, '/body', 'POST', b'x' * 11).status == 413


def test_how_it_is_installed_is_said() -> None:
    steps = MeinheldServer.backend.install.split(' && ')
    assert steps[0].endswith('pip install greenlet')
    assert steps[1].endswith('pip install --no-deps --no-build-isolation meinheld')
