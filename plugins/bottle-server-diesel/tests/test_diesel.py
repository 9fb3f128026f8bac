"""What is particular to diesel: its process of Python 2.7, and faults that the adapter mends."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bottle_server_diesel import DieselServer
from tests.support.client import fetch, interrupted, raw, read_all
from tests.support.processes import Server
from tests.support.programs import ABOUT, about, refusal, running
from tests.support.python27 import require_python27
from tests.support.requirements import require_proc

LIMIT = 20.0  # seconds for a process to end, or to start
SLOW = """\
import time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.3)
    return 'done'
"""

LATIN = """\
from bottle import response, route, run

@route('/latin')
def latin():
    response.set_header('X-Name', 'caf\\xe9')
    return 'done'
"""


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the program that tells about requests."""
    with running(tmp_path_factory.mktemp('diesel'), ABOUT, 'diesel', python=require_python27()) as process:
        yield process


def sent(server: Server, text: bytes) -> bytes:
    """Return what is answered to bytes on a connection of their own."""
    with closing(raw(server.url)) as connection:
        connection.sendall(text)
        return read_all(connection)


def child_of(server: Server) -> int:
    """Return the id of the process of Python 2.7."""
    tasks = Path(f'/proc/{server.process.pid}/task').iterdir()
    [child] = [int(each) for task in tasks for each in (task / 'children').read_text().split()]
    return child


def test_the_native_call() -> None:
    adapter = DieselServer(python='/opt/python2.7')
    assert adapter.explain() == '/opt/python2.7 -c ... # diesel.protocols.http.HttpServer'


def test_the_interpreter_is_found_in_the_environment_of_this_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('BOTTLE_PYTHON27', raising=False)
    monkeypatch.setattr('sys.prefix', str(tmp_path))
    assert DieselServer().interpreter() == 'python2.7'
    own = tmp_path / 'python27' / 'bin' / 'python2.7'
    own.parent.mkdir(parents=True)
    own.touch()
    assert DieselServer().interpreter() == str(own)
    monkeypatch.setenv('BOTTLE_PYTHON27', '/opt/python2.7')
    assert DieselServer().interpreter() == '/opt/python2.7'


@pytest.mark.parametrize('python', ['/nowhere/python2.7', '/bin/false'])
def test_an_interpreter_that_cannot_run_it_is_refused(tmp_path: Path, python: str) -> None:
    said = refusal(tmp_path, 'diesel', python=python)
    assert f'needs a Python 2.7, and {python} cannot run it' in said
    assert 'python2.7 -m pip install --pre "diesel==3.0.24" "flup==1.0.2"' in said
    assert 'BOTTLE_PYTHON27' in said


def test_another_python_is_refused(tmp_path: Path) -> None:
    assert 'this is no Python 2.7' in refusal(tmp_path, 'diesel', python='python3')


def test_a_chunked_body_is_decoded(server: Server) -> None:
    said = about(server, '/about/', 'POST', iter([b'abc', b'de']), **{'Transfer-Encoding': 'chunked'})
    assert (said['body'], 'HTTP_TRANSFER_ENCODING' in said['environ']) == ('abcde', False)


@pytest.mark.parametrize(
    'body', [b'3\xb2\r\nabc\r\n0\r\n\r\n', b'3;a\nabc\r\n0\r\n\r\n', b'3\r\nabcd\r\n0\r\n\r\n', b'0\r\na b: c\r\n\r\n']
)
def test_a_chunked_body_that_others_read_in_another_way_is_refused(server: Server, body: bytes) -> None:
    head = b'POST /about/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    assert sent(server, head + body).split(b' ')[1] == b'400'


def test_a_value_is_sent_byte_by_byte(tmp_path: Path) -> None:
    with running(tmp_path, LATIN, 'diesel', python=require_python27()) as server:
        assert fetch(server.url, '/latin').headers['X-Name'] == 'caf\xc3\xa9'  # the framework sends utf-8


def test_a_request_behind_another_one_is_one_of_its_own(server: Server) -> None:
    first = b'POST /about/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
    second = b'POST /about/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nde'
    answers = sent(server, first + second).split(b'HTTP/1.1 200 OK')[1:]
    assert [b'"body": "abc"' in each for each in answers] == [True, False]
    assert [b'"body": "de"' in each for each in answers] == [False, True]


def test_a_nul_in_a_header_adds_no_variable(server: Server) -> None:
    answer = sent(server, b'GET /about/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: a\0REMOTE_USER\0root\r\n\r\n')
    assert (answer.split(b' ')[1], b'root' in answer) == (b'400', False)
    assert 'REMOTE_USER' not in about(server, '/about/%00REMOTE_USER%00root')['environ']


def test_requests_run_at_the_same_time_and_none_is_lost(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'diesel', python=require_python27()) as server:
        assert fetch(server.url, '/slow').status == 200
        began = time.monotonic()
        assert interrupted(server.url, '/slow', 20, server.process.terminate) == [b'done'] * 20
        assert time.monotonic() - began < 20 * 0.3
        assert server.process.wait(LIMIT) == 0


def test_a_child_that_ends_is_replaced(tmp_path: Path) -> None:
    require_proc()
    with running(tmp_path, ABOUT, 'diesel', python=require_python27()) as server:
        assert about(server)['body'] == ''
        os.kill(child_of(server), signal.SIGKILL)
        server.await_lines('the Python 2.7 process of diesel has ended, exit code -9: a new one is started')
        assert about(server)['body'] == ''
        assert server.stop() == 0


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    require_proc()
    with running(tmp_path, ABOUT, 'diesel', python=require_python27()) as server:
        assert about(server)['body'] == ''
        child = os.pidfd_open(child_of(server))
        server.process.kill()
        with closing(os.fdopen(child)) as process:
            import select

            assert select.select([process], [], [], 2.0)[0]  # seconds
