"""What is particular to aiohttp: its options, and what it is told to wait for."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle.serving.connections import LINGER
from bottle_server_aiohttp import AiohttpServer
from tests.support.client import connect, fetch, interrupted, raw, until
from tests.support.programs import ABOUT, about, refusal, running

MARGIN = 1.0  # seconds that a drain may take beyond what runs
SLOW = """\
import time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.05)
    return 'done'
"""


def test_the_native_call() -> None:
    adapter = AiohttpServer('127.0.0.1', 8080, max_line_size=1000)
    assert adapter.explain() == 'aiohttp.web.Server(handler, sockets, max_line_size=1000)'


def test_options_reach_the_backend(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'aiohttp', threads=2, max_body_size=10, max_line_size=1000) as server:
        for _ in range(5):
            names = about(server)['threads']
        assert len([name for name in names if name.startswith('bottle-request')]) <= 2
        assert fetch(server.url, '/about/', 'POST', b'x' * 10).status == 200
        assert fetch(server.url, '/about/', 'POST', b'x' * 11).status == 413


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'manager': None}, "has no option 'manager'"),
        ({'thread': 3}, "Did you mean 'threads'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'aiohttp', **options)


def test_servers_in_threads_of_one_process() -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'here')
    with start(app, 'aiohttp', port=0) as first, start(app, 'aiohttp', port=0) as second:
        assert fetch(first.url, '/').body == b'here'
        first.stop()
        assert fetch(second.url, '/').body == b'here'
        with pytest.raises(ConnectionRefusedError):
            raw(first.url)
    with start(app, 'aiohttp', port=0) as third:
        assert fetch(third.url, '/').body == b'here'


def test_a_body_that_turns_out_to_be_malformed_is_not_waited_for() -> None:
    head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n'
    with start(Bottle(), 'aiohttp', port=0) as server, closing(raw(server.url)) as connection:
        connection.sendall(head)
        assert b'100 Continue' in until(connection, b'\r\n\r\n')
        connection.sendall(b'no size\r\n')
        assert until(connection, b'\r\n').startswith(b'HTTP/1.1 400 ')


def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'aiohttp', threads=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


def test_a_stream_is_held_back_by_a_client_that_does_not_read_and_ends_with_it() -> None:
    ended = threading.Event()
    sent = 0

    def endless() -> Any:
        nonlocal sent
        try:
            while True:
                sent += 1
                yield b'x' * 65536
        finally:
            ended.set()

    app = Bottle()
    app.route('/', callback=endless)
    with start(app, 'aiohttp', port=0) as server:
        with closing(connect(server.url)) as connection:
            connection.request('GET', '/')
            assert connection.getresponse().read(65536) == b'x' * 65536
            assert not ended.wait(0.5)
            held_at = sent
            assert not ended.wait(0.5)
            assert sent == held_at < 1000
        assert ended.wait(LINGER + MARGIN)


def test_portable_options_have_names_that_it_knows() -> None:
    assert set(AiohttpServer.native_names.values()) <= set(AiohttpServer().native_options())
