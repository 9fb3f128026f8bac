"""What is particular to gunicorn: processes of its own, and signals that go to all of them."""

import os
import signal
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle.errors import ServerOptionError
from bottle_server_gunicorn import GunicornServer
from tests.operation.workers import APPLICATION, await_end, children, ready_pids, supervised, write
from tests.support.client import connect, fetch, interrupted, raw, read_all
from tests.support.losses import LossClient
from tests.support.programs import ABOUT, about, refusal, running

SLOW = """\
import os, time
from bottle import route, run

@route('/slow')
def slow():
    time.sleep(0.5)
    return 'done'

@route('/process')
def process():
    return str(os.getpid())
"""


HELD = """\
import os
from bottle import route, run

@route('/held')
def held():
    yield b'first '
    yield b'second' if open('gate', 'rb').read(1) else b'too late'

@route('/process')
def process():
    return str(os.getpid())
"""


def test_the_native_call() -> None:
    adapter = GunicornServer('127.0.0.1', 8080, workers=2)
    assert adapter.explain() == 'gunicorn.app.base.BaseApplication(handler, sockets, workers=2)'


def test_requests_are_answered_in_another_process(tmp_path: Path) -> None:
    with running(tmp_path, SLOW, 'gunicorn', workers=2) as server:
        assert int(fetch(server.url, '/process').body) != server.process.pid
        assert server.stop() == 0


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'wsgi_app': 'x'}, "has no option 'wsgi_app'"),
        ({'daemon': True}, "has no option 'daemon'"),
        ({'control_socket': 'x'}, "has no option 'control_socket'"),
        ({'keep_alive': 3}, "Did you mean 'keepalive'"),
        ({'keepalive': 'long'}, 'gunicorn refuses its options: '),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'gunicorn', **options)


def test_it_is_refused_by_start() -> None:
    with pytest.raises(ServerOptionError, match=r'processes of its own .* use run\(\)'):
        start(Bottle(), 'gunicorn', port=0)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_every_process_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, SLOW, 'gunicorn', workers=2, threads=3) as server:

        def interrupt() -> None:
            os.killpg(server.process.pid, number)

        assert interrupted(server.url, '/slow', 20, interrupt) == [b'done'] * 20
        assert server.process.wait(10) == 0


def is_refused(url: str) -> bool:
    """Return whether nobody listens; who is let in has to be answered, or to be told at once that nobody will."""
    try:
        with suppress(ConnectionResetError), closing(raw(url)) as connection:
            connection.settimeout(5)
            connection.sendall(b'GET /process HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
            read_all(connection)
    except ConnectionRefusedError:
        return True
    return False


def test_who_comes_during_a_drain_is_not_left_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'gate')
    with running(tmp_path, HELD, 'gunicorn', workers=2) as server, closing(connect(server.url)) as held:
        held.request('GET', '/held')
        response = held.getresponse()
        assert response.read(6) == b'first '
        server.process.terminate()
        with (tmp_path / 'gate').open('wb') as gate:  # the request runs on until something is written
            refused, deadline = False, time.monotonic() + 10
            while not refused and time.monotonic() < deadline:
                refused = is_refused(server.url)
            assert refused
            gate.write(b'.')
        assert response.read() == b'second'
        assert server.process.wait(10) == 0


def await_descendants(pid: int, count: int) -> list[int]:
    """Return the ids of a process's children and theirs, once there are so many."""
    deadline = time.monotonic() + 10
    while len(found := [each for child in children(pid) for each in (child, *children(child))]) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_changed_code_is_served_and_nobody_is_refused(tmp_path: Path) -> None:
    with supervised(tmp_path, 'gunicorn', '--reload', '--reload-interval', '0.1', workers=0) as server:
        await_descendants(server.process.pid, 3)  # what watches the files, gunicorn's parent and its worker
        with LossClient(server.url, rate=50) as client:
            client.await_requests(10)
            write(tmp_path, APPLICATION.replace("'first'", "'second'"))
            server.await_lines(r'worked\.py changed: reloading')
            replaced = ready_pids(server, 4)[:2]
            assert await_end(replaced, 10) == []
            client.await_requests(60)
        assert client.failed() == []
        assert fetch(server.url, '/version').body == b'second'
        assert server.stop() == 0


def test_nothing_is_left_of_a_reloader_that_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, 'gunicorn', '--reload', workers=0) as server:
        left = await_descendants(server.process.pid, 3)
        server.process.kill()
        assert await_end(left, 5) == []


def test_nobody_is_believed_by_default(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'gunicorn') as server:
        environ = about(server, **{'X-Forwarded-Proto': 'https', 'Script-Name': '/evil'})['environ']
        assert (environ['wsgi.url_scheme'], environ['SCRIPT_NAME']) == ('http', '')


def test_portable_options_have_names_that_gunicorn_knows() -> None:
    assert set(GunicornServer.native_names.values()) <= set(GunicornServer().native_options())
