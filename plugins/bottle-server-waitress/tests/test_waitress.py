"""What is particular to waitress."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle_server_waitress import WaitressServer
from tests.support.client import connect, fetch, interrupted
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
        ({'threads': 'many'}, "waitress refuses its options: invalid literal for int() with base 10: 'many'"),
        ({'threads': None}, 'waitress refuses its options: '),
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
