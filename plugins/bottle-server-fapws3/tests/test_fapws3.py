"""What is particular to fapws3: its process of Python 2.7, and faults that the adapter mends."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bottle_server_fapws3 import Fapws3Server
from tests.support.client import fetch, interrupted, raw, read_all
from tests.support.processes import Server
from tests.support.programs import ABOUT, about, refusal, running
from tests.support.python27 import require_python27

LIMIT = 20.0  # seconds for a process to end
COOKIES = """\
from bottle import response, route, run

@route('/cookies')
def cookies():
    response.set_cookie('a', '1')
    response.set_cookie('b', '2')
    return 'done'
"""

ECHO = """\
from bottle import request, route, run

@route('/echo', method=['POST', 'PUT', 'PATCH', 'DELETE'])
def echo():
    return request.body
"""
SIZE = 1 << 25  # bytes, more than the buffers of a connection hold
LARGE = f"""\
from bottle import route, run

@route('/large')
def large():
    return b'x' * {SIZE}

@route('/small')
def small():
    return 'done'
"""


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the program that tells about requests."""
    with running(tmp_path_factory.mktemp('fapws3'), ABOUT, 'fapws3', python=require_python27()) as process:
        yield process


def sent(server: Server, text: bytes) -> bytes:
    """Return what is answered to bytes on a connection of their own."""
    with closing(raw(server.url)) as connection:
        connection.sendall(text)
        return read_all(connection)


def test_the_native_call() -> None:
    assert Fapws3Server(python='/opt/python2.7').explain() == '/opt/python2.7 -c ... # fapws._evwsgi.run'


def test_an_interpreter_that_cannot_run_it_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, 'fapws3', python='/nowhere/python2.7')
    assert 'python2.7 -m pip install --pre "fapws3==0.11.dev0" "flup==1.0.2"' in said


@pytest.mark.parametrize('target', ['/about/a+b', '/about/%00REMOTE_USER%00root', '/about/gr%C3%BC%C3%9Fe?a+b'])
def test_the_path_is_decoded_once(server: Server, target: str) -> None:
    environ = about(server, target)['environ']
    expected = target.partition('?')[0].replace('%00', '\0').replace('%C3%BC%C3%9F', '\xc3\xbc\xc3\x9f')
    assert environ['PATH_INFO'] == expected
    assert environ['QUERY_STRING'] == target.partition('?')[2]


@pytest.mark.parametrize(
    'framing',
    [
        b'content-length: 100000',  # fapws3 would read memory that is not the request's
        b'Content-Length: 2\r\nContent-Length: 2',
        b'Content-Length: 2\r\nTransfer-Encoding: chunked',
    ],
)
def test_a_request_whose_end_is_not_certain_is_refused(server: Server, framing: bytes) -> None:
    answer = sent(server, b'POST /about/ HTTP/1.1\r\nHost: a\r\n' + framing + b'\r\n\r\nab')
    assert answer.split(b' ', 2)[1] == b'400'


@pytest.mark.parametrize('method', ['POST', 'PUT', 'PATCH', 'DELETE'])
def test_the_body_of_each_method_is_handed_on(tmp_path: Path, method: str) -> None:
    with running(tmp_path, ECHO, 'fapws3', python=require_python27()) as server:
        assert fetch(server.url, '/echo', method, b'abc').body == b'abc'


def test_a_body_with_a_nul_is_handed_on_by_post_alone(server: Server) -> None:
    assert about(server, '/about/', 'POST', b'a\0c')['body'] == 'a\0c'
    assert sent(server, b'PUT /about/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na\0c').split(b' ')[1] == b'400'


@pytest.mark.parametrize('body', [b'', b'ab', b'a\0b', b'\r\n\r\n'])
def test_a_body_that_is_cut_is_refused(server: Server, body: bytes) -> None:
    head = b'POST /about/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n'  # more than the process has memory
    with closing(raw(server.url)) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).split(b' ')[1] == b'400'


def test_a_client_that_reads_nothing_stops_nobody(tmp_path: Path) -> None:
    with (
        running(tmp_path, LARGE, 'fapws3', python=require_python27()) as server,
        closing(raw(server.url)) as connection,
    ):
        connection.sendall(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
        assert connection.recv(1)
        assert fetch(server.url, '/small').status == 200
        assert len(read_all(connection)) > SIZE


def test_two_headers_of_one_name_stay_two(tmp_path: Path) -> None:
    with running(tmp_path, COOKIES, 'fapws3', python=require_python27()) as server:
        assert fetch(server.url, '/cookies').headers.get_all('Set-Cookie') == ['a=1', 'b=2']


def test_what_waits_in_the_queue_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, COOKIES, 'fapws3', python=require_python27()) as server:
        assert interrupted(server.url, '/cookies', 20, server.process.terminate) == [b'done'] * 20
        assert server.process.wait(LIMIT) == 0
