"""What the servers with an event loop share: threads that call the application, streams that wait for the client."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, server_names, start
from bottle.serving.connections import LINGER
from bottle.serving.loops import LoopAdapter
from tests.support.client import connect, fetch, interrupted, raw
from tests.support.programs import running

MARGIN = 1.0  # seconds that a drain may take beyond what runs
NAMES = ['aiohttp', 'tornado', 'twisted', 'uvloop']
SLOW = """\
import time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.05)
    return 'done'
"""

servers = pytest.mark.parametrize('name', NAMES)


@servers
def test_portable_options_have_names_that_it_knows(name: str) -> None:
    adapter = server_names[name]
    assert issubclass(adapter, LoopAdapter)
    assert set(adapter.native_names.values()) <= set(adapter().native_options() or ())


@servers
def test_servers_in_threads_of_one_process(name: str) -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'here')
    with start(app, name, port=0) as first, start(app, name, port=0) as second:
        assert fetch(first.url, '/').body == b'here'
        first.stop()
        assert fetch(second.url, '/').body == b'here'
        with pytest.raises(ConnectionRefusedError):
            raw(first.url)
    with start(app, name, port=0) as third:
        assert fetch(third.url, '/').body == b'here'


@servers
def test_a_queue_that_is_longer_than_its_threads_is_answered_before_the_end(name: str, tmp_path: Path) -> None:
    with running(tmp_path, SLOW, name, threads=2) as server:
        assert interrupted(server.url, '/slow', 30, server.process.terminate) == [b'done'] * 30
        assert server.process.wait(10) == 0


@servers
def test_a_stream_is_held_back_by_a_client_that_does_not_read_and_ends_with_it(name: str) -> None:
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
    with start(app, name, port=0) as server:
        with closing(connect(server.url)) as connection:
            connection.request('GET', '/')
            assert connection.getresponse().read(65536) == b'x' * 65536
            assert not ended.wait(0.5)
            held_at = sent
            assert not ended.wait(0.5)
            assert sent == held_at < 1000
        assert ended.wait(LINGER + MARGIN)
