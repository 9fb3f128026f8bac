"""What is particular to eventlet."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle_server_eventlet import EventletServer
from tests.support.client import fetch, raw
from tests.support.processes import serving
from tests.support.programs import ABOUT, refusal, running

BLOCKING = """\
import threading
from eventlet.patcher import is_monkey_patched
from bottle import default_app, route

patched = is_monkey_patched('socket')
barrier = threading.Barrier(10)
app = default_app()

@route('/')
def index():
    '''Block until ten requests are here: without patching the first one would block the rest.'''
    barrier.wait(10)
    return str(patched)
"""
TOGETHER = """\
import eventlet
from bottle import request, response, route, run

inside = peak = 0

@route('/isolated/<number:int>')
def isolated(number):
    global inside, peak
    inside += 1
    peak = max(peak, inside)
    response.set_header('X-Number', str(number))
    eventlet.sleep(0.05)
    inside -= 1
    return ' '.join([request.query.number, response.get_header('X-Number'), str(peak)])
"""


def test_the_native_call() -> None:
    adapter = EventletServer('127.0.0.1', 8080, max_size=100)
    assert adapter.explain() == 'eventlet.GreenPool.spawn(handler, sockets, max_size=100)'


def in_parallel(url: str, path: str, number: int) -> list[bytes]:
    """Return the bodies of the answers to requests that run at the same time."""
    with ThreadPoolExecutor(number) as pool:
        return [answer.body for answer in pool.map(lambda each: fetch(url, path.format(each)), range(number))]


def test_green_threads_without_patching_never_mix(tmp_path: Path) -> None:
    with running(tmp_path, TOGETHER, 'eventlet') as server:
        bodies = in_parallel(server.url, '/isolated/{0}?number={0}', 30)
        assert [body.split()[:2] for body in bodies] == [[b'%d' % number] * 2 for number in range(30)]
        assert max(int(body.split()[2]) for body in bodies) > 1
        assert server.stop() == 0


def test_the_pool_has_a_limit(tmp_path: Path) -> None:
    with running(tmp_path, TOGETHER, 'eventlet', max_size=2) as server:
        bodies = in_parallel(server.url, '/isolated/{0}?number={0}', 8)
        assert max(int(body.split()[2]) for body in bodies) == 2


def test_the_command_line_patches_before_the_import_of_the_application(tmp_path: Path) -> None:
    (tmp_path / 'blocking.py').write_text(BLOCKING)
    command = [sys.executable, '-m', 'bottle', '-s', 'eventlet', '-b', '127.0.0.1:0', 'blocking:app']
    with serving(command, tmp_path) as server:
        assert in_parallel(server.url, '/', 10) == [b'True'] * 10
        assert server.stop() == 0
        assert 'deprecated' not in ''.join(server.output)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'custom_pool': None}, "has no option 'custom_pool'"),
        ({'max_sise': 3}, "Did you mean 'max_size'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'eventlet', **options)


def test_a_silent_client_is_left(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'eventlet', socket_timeout=0.3) as server, raw(server.url) as connection:
        assert connection.recv(1024) == b''


@pytest.mark.filterwarnings('ignore:[\\s\\S]*Eventlet is deprecated')
def test_servers_in_threads_of_one_process() -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'here')
    with start(app, 'eventlet', port=0) as first, start(app, 'eventlet', port=0) as second:
        assert fetch(first.url, '/').body == b'here'
        first.stop()
        assert fetch(second.url, '/').body == b'here'
        with pytest.raises(ConnectionRefusedError):
            raw(first.url)


def test_portable_options_have_names_that_it_knows() -> None:
    assert set(EventletServer.native_names.values()) <= set(EventletServer().native_options())
