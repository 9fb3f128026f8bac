"""What is particular to Rocket: its two names, its pool of threads, and its monitor of silent connections."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bottle import server_names
from bottle_server_rocket import RocketServer
from tests.support.client import connect, fetch, interrupted
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
    adapter = RocketServer('127.0.0.1', 8080, min_threads=20)
    assert adapter.explain() == 'rocket3.Rocket3(handler, sockets, min_threads=20)'


def test_it_has_two_names(tmp_path: Path) -> None:
    assert server_names['rocket'] is server_names['rocket3'] is RocketServer
    with running(tmp_path, ABOUT, 'rocket3') as server:
        assert fetch(server.url, '/about/').headers['Server'].startswith('Rocket3/')


def test_options_reach_rocket_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'rocket') as server:
        default = len(about(server)['threads'])
    with running(tmp_path, ABOUT, 'rocket', min_threads=3) as server:
        assert default - len(about(server)['threads']) == 10 - 3


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'interfaces': ()}, "has no option 'interfaces'"),
        ({'handle_signals': True}, "has no option 'handle_signals'"),
        ({'min_thread': 3}, "Did you mean 'min_threads'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'rocket', **options)


def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'rocket', min_threads=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_more_connections_than_threads_are_kept_alive(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'rocket', min_threads=2) as server, ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(server.url))) for _ in range(10)]
        for _ in range(2):
            for connection in connections:
                connection.request('GET', '/slow')
                assert connection.getresponse().read() == b'done'
        assert all(connection.sock is not None for connection in connections)


def test_portable_options_have_names_that_rocket_knows() -> None:
    assert set(RocketServer.native_names.values()) <= set(RocketServer().native_options())
