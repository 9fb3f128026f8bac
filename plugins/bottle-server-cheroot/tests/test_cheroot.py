"""What is particular to cheroot: its pool of threads, and its watch over connections that are kept alive."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bottle_server_cheroot import CherootServer
from tests.support.client import connect, fetch, interrupted, raw, read_all
from tests.support.programs import ABOUT, about, refusal, running

SLOW = """\
import time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.05)
    return 'done'
"""


def test_the_native_call() -> None:
    adapter = CherootServer('127.0.0.1', 8080, numthreads=20)
    assert adapter.explain() == 'cheroot.wsgi.Server(handler, sockets, numthreads=20)'


def test_options_reach_cheroot_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'cheroot', server_name='Acme/1', numthreads=3, timeout=0.3) as server:
        assert fetch(server.url, '/about/').headers['Server'] == 'Acme/1'
        assert len([name for name in about(server)['threads'] if name.startswith('CP Server')]) == 3
        with closing(raw(server.url)) as connection:
            connection.sendall(b'GET /about/ HTTP/1.1\r\nHo')
            assert read_all(connection).startswith(b'HTTP/1.1 408 ')  # a client that stalls is left


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'bind_addr': 'x'}, "has no option 'bind_addr'"),
        ({'request_queue_size': 5}, "has no option 'request_queue_size'"),
        ({'numthread': 3}, "Did you mean 'numthreads'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'cheroot', **options)


def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'cheroot', numthreads=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_more_connections_than_threads_are_kept_alive(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'cheroot', numthreads=2) as server, ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(server.url))) for _ in range(20)]
        for _ in range(2):
            for connection in connections:
                connection.request('GET', '/slow')
                assert connection.getresponse().read() == b'done'
        assert all(connection.sock is not None for connection in connections)


def test_portable_options_have_names_that_cheroot_knows() -> None:
    assert set(CherootServer.native_names.values()) <= set(CherootServer().native_options())
