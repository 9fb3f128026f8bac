"""What is particular to waitress."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle.serving.connections import LINGER
from bottle_server_waitress import WaitressServer
from tests.support.client import connect, fetch, interrupted, raw, read_all, until
from tests.support.programs import ABOUT, about, refusal, running

SLOW = """\
import time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.05)
    return 'done'

@route('/large')
def large():
    return b'x' * (16 << 20)
"""
JUMP = """\
import time
from bottle import request, route, run

real, offset = time.time, 0
time.time = lambda: real() + offset

@route('/jump')
def jump():
    global offset
    offset = int(request.query.seconds)
    return 'done'
"""
KEPT_ALIVE = b'GET /slow HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'
MARGIN = 1.0  # seconds that a drain may take beyond what runs


def test_the_native_call() -> None:
    adapter = WaitressServer('127.0.0.1', 8080, threads=8, ident='acme')
    assert adapter.explain() == "waitress.create_server(handler, sockets, threads=8, ident='acme')"


def test_options_reach_waitress_unchanged(tmp_path: Path) -> None:
    options = {'ident': 'Acme', 'threads': 3, 'url_prefix': '/below', 'max_request_body_size': 10}
    with running(tmp_path, ABOUT, 'waitress', **options) as server:
        assert fetch(server.url, '/below/about/').headers['Server'] == 'Acme'
        said = about(server, '/below/about/')
        assert [name for name in said['threads'] if name.startswith('waitress')] == [f'waitress-{n}' for n in range(3)]
        assert said['environ']['SCRIPT_NAME'] == '/below'
        assert fetch(server.url, '/below/about/', 'POST', b'x' * 5).status == 200
        assert fetch(server.url, '/below/about/', 'POST', b'x' * 11).status == 413


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'listen': '127.0.0.1:1'}, "has no option 'listen'"),
        ({'sockets': []}, "has no option 'sockets'"),
        ({'unix_socket': 'x'}, "has no option 'unix_socket'"),
        ({'thread': 3}, "Did you mean 'threads'?"),
        ({'backlog': 'many', 'threads': 1}, 'takes a whole number'),
        ({'connection_limit': 'many'}, "waitress refuses its options: invalid literal for int() with base 10: 'many'"),
        ({'connection_limit': None}, 'waitress refuses its options: '),
        ({'trusted_proxy_headers': 'x-forwarded-for'}, 'waitress refuses its options: '),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'waitress', **options)


def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'waitress', threads=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_what_a_client_has_not_taken_yet_is_sent_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'waitress') as server, closing(connect(server.url)) as connection:
        connection.request('GET', '/large')
        response = connection.getresponse()
        server.process.terminate()
        assert len(response.read()) == 16 << 20
        assert server.process.wait(10) == 0


def test_a_client_that_keeps_its_connection_is_told_that_it_ends(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'waitress') as server, closing(raw(server.url)) as connection:

        def ask() -> bytes:
            connection.sendall(KEPT_ALIVE)
            return until(connection, b'done')

        assert b'Connection: Keep-Alive' in ask()
        server.process.terminate()
        while b'Connection: Keep-Alive' in (answer := ask()):  # the signal arrives a moment later
            pass
        assert answer.count(b'Connection: ') == answer.count(b'Connection: close') == 1
        assert read_all(connection) == b''
        assert server.process.wait(LINGER + MARGIN) == 0


@pytest.mark.parametrize('seconds', [3600, -3600])
def test_a_clock_that_jumps_neither_kills_nor_holds_a_connection(tmp_path: Path, seconds: int) -> None:
    with running(tmp_path, JUMP, 'waitress') as server, closing(connect(server.url)) as kept_alive:
        for number in range(3):
            kept_alive.request('GET', f'/jump?seconds={number % 2 * seconds}')
            assert kept_alive.getresponse().read() == b'done'
            for _ in range(3):  # so often the loop looks for connections that have been idle for too long
                assert fetch(server.url, '/jump?seconds=' + str(number % 2 * seconds)).body == b'done'
        kept_alive.request('GET', f'/jump?seconds={seconds}')
        assert kept_alive.getresponse().read() == b'done'
        server.process.terminate()
        assert server.process.wait(LINGER + MARGIN) == 0


FORWARDED = {'X-Forwarded-For': '10.1.2.3', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example'}


@pytest.mark.parametrize(('options', 'arrives'), [({}, True), ({'trusted_proxy': '10.0.0.1'}, False)])
def test_nobody_is_believed_by_default(tmp_path: Path, options: dict[str, Any], arrives: bool) -> None:
    with running(tmp_path, ABOUT, 'waitress', **options) as server:
        environ = about(server, **FORWARDED)['environ']
        assert (environ['REMOTE_ADDR'], environ['wsgi.url_scheme']) == ('127.0.0.1', 'http')
        assert environ['HTTP_HOST'] in server.url
        assert (environ.get('HTTP_X_FORWARDED_FOR') == '10.1.2.3') is arrives


CHUNKED = b'POST /about/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
REFUSED = {
    'a method in lower case': (b'get /about/ HTTP/1.1\r\nHost: a\r\n\r\n', b'400 Bad Request'),
    'another version': (b'GET /about/ HTTP/1.2\r\nHost: a\r\n\r\n', b'505 HTTP Version Not Supported'),
    'a long header': (b'GET /about/ HTTP/1.1\r\nX-A: ' + b'b' * 1000, b'431 Request Header Fields Too Large'),
    'a long chunk extension': (CHUNKED + b'5;' + b'a' * 1000, b'400 Bad Request'),
    'a long trailer section': (CHUNKED + b'0\r\nX-A: ' + b'b' * 1000, b'400 Bad Request'),
}


@pytest.mark.parametrize(('data', 'status'), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_answered_with_its_status(tmp_path: Path, data: bytes, status: bytes) -> None:
    with running(tmp_path, ABOUT, 'waitress', max_request_header_size=500) as server:
        with closing(raw(server.url)) as connection:
            connection.sendall(data)
            assert read_all(connection).split(b'\r\n')[0].partition(b' ')[2] == status
        assert fetch(server.url, '/about/').status == 200


def test_who_expects_to_be_asked_for_no_body_is_answered_at_once(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'waitress') as server, closing(raw(server.url)) as connection:
        for _ in range(2):
            connection.sendall(b'GET /about/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n')
            assert until(connection, b'}').startswith(b'HTTP/1.1 200 OK')


def test_it_logs_no_requests(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'waitress') as server:
        assert fetch(server.url, '/about/').status == 200
        assert fetch(server.url, '/nothing').status == 404
        assert server.stop() == 0
    assert not [line for line in server.output if 'GET' in line]


def test_portable_options_have_names_that_waitress_knows() -> None:
    assert set(WaitressServer.native_names.values()) <= set(WaitressServer().native_options())
