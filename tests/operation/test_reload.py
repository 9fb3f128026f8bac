"""`--reload`: changed code is served, broken code is shown and replaces nothing, and nobody meets a closed port."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.operation.workers import (
    APPLICATION,
    are_buried,
    await_end,
    children,
    matching,
    ready_pids,
    share_of_processor,
    supervised,
    write,
)
from tests.support.client import fetch
from tests.support.losses import LossClient
from tests.support.processes import Server, clean_environment, serving


@pytest.fixture(params=['notified', 'polling'])
def env(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a program that has watchfiles, or has not."""
    if request.param == 'notified':
        return {}
    folder = tmp_path_factory.mktemp('absent')
    (folder / 'watchfiles.py').write_text('raise ImportError\n')
    return {'PYTHONPATH': str(folder)}


@contextmanager
def reloading(folder: Path, server_name: str, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Serve the application with the reloader."""
    options = ('--reload', '--reload-interval', '0.1', *arguments)
    with supervised(folder, server_name, *options, env=env, workers=0) as server:
        yield server


def await_successor(server: Server, number: int = 2) -> None:
    """Wait until a worker is ready for which another one has ended."""
    *others, _ = ready_pids(server, number)
    assert await_end(others, 10) == []


def test_changed_code_is_served_and_nobody_is_refused(server_name: str, tmp_path: Path, env: dict[str, str]) -> None:
    with reloading(tmp_path, server_name, '--access-log', 'none', env=env) as server:
        with LossClient(server.url, rate=50) as client:
            client.await_requests(10)
            write(tmp_path, APPLICATION.replace("'first'", "'second'"))
            server.await_lines(r'worked\.py changed: reloading')
            await_successor(server)
            client.await_requests(60)
        assert client.failed() == []
        assert fetch(server.url, '/version').body == b'second'
        assert server.stop() == 0


def test_broken_code_is_shown_and_the_last_good_one_serves_on(tmp_path: Path, env: dict[str, str]) -> None:
    with reloading(tmp_path, 'wsgiref', env=env) as server:
        write(tmp_path, 'def broken(:\n')
        line = server.await_lines('SyntaxError')[0].string
        assert 'worked.py' in line
        assert 'go on' in line
        assert fetch(server.url, '/version').body == b'first'
        write(tmp_path, APPLICATION.replace("'first'", "'mended'"))
        await_successor(server)
        assert fetch(server.url, '/version').body == b'mended'
        assert server.stop() == 0


def test_an_application_that_is_broken_at_the_start_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path, 'import no_such_module\n')
    command = [
        sys.executable,
        '-m',
        'bottle',
        'worked:app',
        '-b',
        '127.0.0.1:0',
        '--reload',
        '--reload-interval',
        '0.1',
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None
        assert re.search('no_such_module.*waiting for a change', process.stderr.readline())
        write(tmp_path)
        assert any('Listening on' in line for line in process.stderr)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def test_a_changed_template_is_served(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / 'views').mkdir()
    template = tmp_path / 'views' / 'page.tpl'
    template.write_text('first {{number}}')
    write(tmp_path, APPLICATION + "\nfrom bottle import view\napp.get('/page')(view('page')(lambda: {'number': 1}))\n")
    with reloading(tmp_path, 'wsgiref', env=env) as server:
        assert fetch(server.url, '/page').body == b'first 1'
        template.write_text('second {{number}}')
        server.await_lines(r'views/page\.tpl changed')
        await_successor(server)
        assert fetch(server.url, '/page').body == b'second 1'


def test_what_is_excluded_or_not_included_changes_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / 'data').mkdir()
    options = ('--reload-include', '*.py,*.yaml', '--reload-exclude', 'data')
    with reloading(tmp_path, 'wsgiref', *options, env=env) as server:
        (tmp_path / 'data' / 'made.py').write_text('new')
        (tmp_path / 'notes.txt').write_text('new')
        (tmp_path / 'settings.yaml').write_text('new: 1')
        ready_pids(server, 2)  # for the last one
        changed = matching(server, 'changed: reloading')
        assert len(changed) == 1
        assert 'settings.yaml' in changed[0]
        assert 'made.py' not in changed[0]


def test_a_module_outside_of_the_folder_is_watched(tmp_path: Path, env: dict[str, str]) -> None:
    library, folder = tmp_path / 'library', tmp_path / 'program'
    library.mkdir()
    folder.mkdir()
    (library / 'shared.py').write_text("TEXT = 'first'\n")
    write(
        folder, f'import sys\nsys.path.append({str(library)!r})\n{APPLICATION}\nimport shared\nVERSION = shared.TEXT\n'
    )
    with reloading(folder, 'wsgiref', env=env) as server:
        assert fetch(server.url, '/version').body == b'first'
        deadline = time.monotonic() + 10
        while not matching(server, 'changed'):  # the watch learns of the module only after the worker is ready
            assert time.monotonic() < deadline
            (library / 'shared.py').write_text(f"TEXT = 'second'  # {time.monotonic()}\n")
            time.sleep(0.3)
        await_successor(server)
        assert fetch(server.url, '/version').body == b'second'


def test_the_end_of_the_process_that_watches_ends_nothing_else(tmp_path: Path) -> None:
    with reloading(tmp_path, 'wsgiref') as server:
        worker = ready_pids(server)[0]
        (watch,) = set(children(server.process.pid)) - {worker}
        os.kill(watch, signal.SIGKILL)
        server.await_lines('nothing reloads any more but SIGHUP')
        assert share_of_processor(server.process.pid, 1) < 0.1
        assert fetch(server.url, '/version').body == b'first'
        os.kill(server.process.pid, signal.SIGHUP)
        await_successor(server)
        assert are_buried(server.process.pid)
        assert server.stop() == 0


def test_a_file_that_changes_all_the_time_starts_no_storm(tmp_path: Path, env: dict[str, str]) -> None:
    """Each pause would be long enough for the file to be taken as settled."""
    with reloading(tmp_path, 'wsgiref', env=env) as server:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            (tmp_path / 'log.py').write_text(f'# {time.monotonic()}\n')
            time.sleep(0.02 if time.monotonic() < deadline - 2.5 else 0.1)
        await_successor(server)
        assert fetch(server.url, '/version').body == b'first'
        assert server.stop() == 0
        assert len(ready_pids(server)) <= 9


def test_a_module_that_is_broken_and_mended_while_a_worker_starts(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / 'second.py').write_text('')
    write(tmp_path, APPLICATION + 'import second\n')
    with reloading(tmp_path, 'wsgiref', env=env) as server:
        (tmp_path / 'second.py').write_text('import time\ntime.sleep(30)\n')
        server.await_lines('changed: reloading')
        (tmp_path / 'second.py').write_text('raise ImportError("not yet")\n')
        server.await_lines('not yet.*go on')
        (tmp_path / 'second.py').write_text('')
        await_successor(server)
        assert server.stop() == 0


PROGRAM = """
import worked
from bottle import run
run(worked.app, {server!r}, port=0, reloader=True, interval=0.1)
"""


def test_a_program_with_the_reloader(server_name: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / 'program.py').write_text(PROGRAM.format(server=server_name))
    with serving([sys.executable, 'program.py'], tmp_path) as server:
        ready_pids(server)
        write(tmp_path, APPLICATION.replace("'first'", "'second'"))
        await_successor(server)
        assert fetch(server.url, '/version').body == b'second'
        assert server.stop() == 0


OLD_ADAPTER = """
import worked
from bottle import ServerAdapter, run

class Old(ServerAdapter):
    def run(self, handler):
        from wsgiref.simple_server import make_server
        make_server(self.host, self.port, handler).serve_forever()

run(worked.app, Old, port={port}, reloader=True, interval=0.1)
"""


def test_an_adapter_of_bottle_0_13_with_the_reloader(tmp_path: Path, free_port: int) -> None:
    """It binds by itself: the old process has to end before the new one can begin."""
    write(tmp_path)
    (tmp_path / 'program.py').write_text(OLD_ADAPTER.format(port=free_port))
    with serving([sys.executable, 'program.py'], tmp_path) as server:
        old = ready_pids(server)
        write(tmp_path, APPLICATION.replace("'first'", "'second'"))
        ready_pids(server, 2)
        assert await_end(old, 5) == []
        deadline = time.monotonic() + 10
        while True:
            try:
                assert fetch(server.url, '/version').body == b'second'
                break
            except ConnectionError:
                assert time.monotonic() < deadline
        assert server.process.poll() is None


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path, env: dict[str, str]) -> None:
    with reloading(tmp_path, 'wsgiref', env=env) as server:
        pids = list(children(server.process.pid))
        assert len(pids) == 2  # the worker and the watch
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(5)
        assert await_end(pids, 2.0) == []


@pytest.fixture
def free_port() -> int:
    """Return a port that was free a moment ago, for what cannot be told to choose one."""
    import socket

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
        return port
