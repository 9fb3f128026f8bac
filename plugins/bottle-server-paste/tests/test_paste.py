"""What is particular to Paste: faults of its environ that the adapter mends, and its pool of threads."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bottle.serving.connections import LINGER
from bottle_server_paste import PasteServer
from tests.support.client import connect, fetch, interrupted, raw, read_all
from tests.support.processes import Server
from tests.support.programs import ABOUT, about, refusal, running

SLOW = """\
import time
from bottle import request, route, run

@route('/slow')
def slow():
    time.sleep(float(request.query.get('seconds', 0.05)))
    return 'done'
"""
CHUNKED = {'Transfer-Encoding': 'chunked'}


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the program that tells about requests."""
    with running(tmp_path_factory.mktemp('paste'), ABOUT, 'paste') as process:
        yield process


def sent(server: Server, text: bytes) -> bytes:
    """Return what is answered to bytes on a connection of their own."""
    with closing(raw(server.url)) as connection:
        connection.sendall(text)
        return read_all(connection)


def test_the_native_call() -> None:
    adapter = PasteServer('127.0.0.1', 8080, threadpool_workers=20)
    assert adapter.explain() == 'paste.httpserver.serve(handler, sockets, threadpool_workers=20)'


@pytest.mark.parametrize(
    ('target', 'path'),
    [
        ('/about/gr%C3%BC%C3%9Fe', '/about/grüße'),
        ('/about/%FF', '/about/\udcff'),
        ('/about/a%2Fb;c?d=%C3%BC', '/about/a/b;c'),
        ('http://other/about/absolute', '/about/absolute'),
    ],
)
def test_the_path_is_in_latin_1(server: Server, target: str, path: str) -> None:
    environ = about(server, target)['environ']
    assert environ['PATH_INFO'] == path.encode(errors='surrogateescape').decode('latin-1')


def test_a_chunked_body_is_decoded(server: Server) -> None:
    said = about(server, '/about/', 'POST', iter([b'abc', b'de']), **CHUNKED)
    assert said['body'] == 'abcde'
    assert {'HTTP_TRANSFER_ENCODING', 'CONTENT_LENGTH'} & said['environ'].keys() == set()


@pytest.mark.parametrize('framing', ['Content-Length: 5', 'Transfer-Encoding: chunked'])
def test_a_client_that_expects_100_continue_gets_it_when_the_body_is_read(server: Server, framing: str) -> None:
    with closing(raw(server.url)) as connection:
        connection.sendall(f'POST /about/ HTTP/1.1\r\nHost: a\r\n{framing}\r\nExpect: 100-continue\r\n\r\n'.encode())
        assert connection.recv(1024) == b'HTTP/1.1 100 Continue\r\n\r\n'
        connection.sendall(b'5\r\nhello\r\n0\r\n\r\n' if 'chunked' in framing else b'hello')
        assert b'"body": "hello"' in read_all(connection)


@pytest.mark.parametrize(
    'framing',
    [
        b'Transfer-Encoding: chunked\r\nContent-Length: 5',
        b'Transfer-Encoding: gzip, chunked',
        b'Content-Length: 5\r\nContent-Length: 6',
        b'Content-Length: +5',
    ],
)
def test_a_request_whose_end_is_not_certain_is_refused(server: Server, framing: bytes) -> None:
    answer = sent(server, b'POST /about/ HTTP/1.1\r\nHost: a\r\n' + framing + b'\r\n\r\n0\r\n\r\n')
    assert answer.split(b' ', 2)[1] == b'400'


def test_an_underscore_in_a_header_is_no_hyphen(server: Server) -> None:
    assert 'HTTP_X_FORWARDED_FOR' not in about(server, X_Forwarded_For='evil')['environ']
    assert about(server, **{'X-Forwarded-For': 'proxy'})['environ']['HTTP_X_FORWARDED_FOR'] == 'proxy'


def test_options_reach_paste_unchanged(tmp_path: Path) -> None:
    options = {'server_version': 'Acme/1', 'threadpool_workers': 3, 'socket_timeout': 0.3}
    with running(tmp_path, ABOUT, 'paste', **options) as server:
        assert fetch(server.url, '/about/').headers['Server'].startswith('Acme/1')
        assert len([name for name in about(server)['threads'] if name.startswith('worker')]) == 3
        assert sent(server, b'GET /about/ HT') == b''  # a client that stalls is left


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'handler': None}, "has no option 'handler'"),
        ({'start_loop': False}, "has no option 'start_loop'"),
        ({'use_threadpool': False}, "has no option 'use_threadpool'"),
        ({'ssl_pem': '*'}, "has no option 'ssl_pem'"),
        ({'threadpool_worker': 3}, "Did you mean 'threadpool_workers'"),
        ({'threadpool_workers': 0}, 'at least one thread: threadpool_workers is 0'),
        ({'threadpool_workers': '8'}, "at least one thread: threadpool_workers is '8'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'paste', **options)


def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'paste', threadpool_workers=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_a_connection_that_waits_for_a_thread_during_the_drain_loses_nothing(tmp_path: Path) -> None:
    with (
        running(tmp_path, SLOW, 'paste', threadpool_workers=1) as server,
        closing(connect(server.url)) as first,
        closing(connect(server.url)) as second,
        ExitStack() as stack,
    ):
        first.request('GET', f'/slow?seconds={2 * LINGER}')
        second.connect()
        for _ in range(5):  # these never send anything
            stack.enter_context(closing(raw(server.url)))
        server.process.terminate()
        time.sleep(1.5 * LINGER)  # it has waited longer than an idle connection may
        second.request('GET', '/slow')
        assert (first.getresponse().read(), second.getresponse().read()) == (b'done', b'done')
        assert server.process.wait(1) == 0


def test_it_logs_no_requests(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'paste') as server:
        assert fetch(server.url, '/about/').status == 200
        assert fetch(server.url, '/nothing').status == 404
        assert server.stop() == 0
    assert not [line for line in server.output if 'GET' in line]


def test_portable_options_have_names_that_paste_knows() -> None:
    assert set(PasteServer.native_names.values()) <= set(PasteServer().native_options())
