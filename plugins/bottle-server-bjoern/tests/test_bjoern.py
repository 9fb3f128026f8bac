"""What is particular to bjoern: a drain in a loop written in C, and faults of its environ that the adapter mends."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle.errors import ServerError
from bottle.serving.connections import LINGER
from bottle.serving.sockets import listen
from bottle_server_bjoern import BjoernServer
from tests.support.client import connect, fetch, interrupted, raw, read_all, until
from tests.support.programs import ABOUT, about, refusal, running

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

@route('/held')
def held():
    yield b'first '
    yield b'second' if open('gate', 'rb').read(1) else b'too late'
"""
MARGIN = 2.0  # seconds that a drain may take beyond what runs


def test_the_native_call() -> None:
    assert BjoernServer('127.0.0.1', 8080).explain() == 'bjoern.server_run(handler, sockets)'


def test_the_queue_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern') as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_a_request_that_is_half_received_is_finished(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern') as server, closing(raw(server.url)) as connection:
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
    with running(tmp_path, SLOW, 'bjoern') as server, closing(raw(server.url)) as silent:
        assert fetch(server.url, '/slow').body == b'done'
        server.process.terminate()
        assert read_all(silent) == b''
        assert server.process.wait(LINGER + MARGIN) == 0


def test_a_response_that_a_client_takes_late_is_whole(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern') as server, closing(connect(server.url)) as connection:
        connection.request('GET', '/large')
        response = connection.getresponse()
        server.process.terminate()
        assert len(response.read()) == 16 << 20
        assert server.process.wait(10) == 0


def test_a_client_that_takes_nothing_does_not_outlast_the_grace_period(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern', graceful_timeout=1) as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
        until(connection, b'\r\n\r\n')
        server.process.terminate()
        assert server.process.wait(1 + MARGIN) == 1


def test_a_drain_finishes_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'gate')
    with running(tmp_path, SLOW, 'bjoern') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        until(connection, b'first ')
        server.process.terminate()
        with (tmp_path / 'gate').open('wb') as gate:
            gate.write(b'.')
        assert b'second' in read_all(connection)
        assert server.process.wait(LINGER + MARGIN) == 0


@pytest.mark.parametrize('host', ['127.0.0.1', '::1'])
def test_the_application_knows_where_it_is_served(tmp_path: Path, host: str) -> None:
    with running(tmp_path, ABOUT, 'bjoern', host=host) as server:
        environ = about(server)['environ']
        port = server.url.rstrip('/').rpartition(':')[2]
        assert (environ['SERVER_NAME'], environ['SERVER_PORT']) == (host, port)
        assert environ['REMOTE_ADDR'] == ('127.0.0.1' if host == '127.0.0.1' else '')


def test_a_chunked_body_is_decoded(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'bjoern') as server:
        assert (
            about(server, '/about/', 'POST', iter([b'abc', b'de']), **{'Transfer-Encoding': 'chunked'})['body']
            == 'abcde'
        )


def test_a_faulty_request_is_refused_and_its_connection_closed(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\nfirst')
        assert read_all(connection).startswith(
            b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n'
        )
        assert fetch(server.url, '/slow').body == b'done'


def test_a_drain_says_that_a_connection_is_not_used_again(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'bjoern') as server, closing(raw(server.url)) as connection:
        connection.sendall(b'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst')
        assert fetch(server.url, '/slow').body == b'done'
        server.process.terminate()
        connection.settimeout(1.5 * LINGER)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(b'-last')
        connection.settimeout(10)
        assert b'\r\nConnection: close\r\n' in until(connection, b'first-last')


def test_it_listens_on_one_address() -> None:
    with (
        closing(listen('127.0.0.1', 0)) as one,
        closing(listen('127.0.0.1', 0)) as other,
        pytest.raises(ServerError, match='bjoern listens on one address, not on 2'),
    ):
        BjoernServer().serve(Bottle(), [one, other])


def test_it_needs_the_main_thread() -> None:
    with start(Bottle(), 'bjoern', port=0) as server, pytest.raises(ServerError, match='needs the main thread'):
        server.wait(10)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'statsd': {}}, "has no option 'statsd'"),
        ({'threads': 2}, "has no option 'threads'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'bjoern', **options)
