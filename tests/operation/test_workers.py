"""Workers: none of the requests is lost when they are replaced, die or end; nothing is left when the parent is gone."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bottle import server_names
from bottle.errors import BindError
from bottle.serving.sockets import listen
from tests.operation.workers import (
    APPLICATION,
    are_buried,
    await_end,
    children,
    is_alive,
    matching,
    ready_pids,
    replace,
    supervised,
    write,
)
from tests.support.client import fetch, interrupted
from tests.support.losses import LossClient
from tests.support.processes import attempt, serving

NIGHTLY = bool(os.environ.get('BOTTLE_NIGHTLY'))
REPLACEMENTS = 100 if NIGHTLY else 10
KILLS = 20 if NIGHTLY else 4
RESPAWN = 0.5 if NIGHTLY else 2.0  # seconds; by day other tests run at the same time
THREADS_OR_GREENLETS = pytest.mark.parametrize(
    'kind', [name for name in ('wsgiref', 'gevent') if name in server_names]
)  # where it makes no difference which server it is


@pytest.mark.parametrize('keep_alive', [True, False], ids=['keep-alive', 'close'])
@pytest.mark.timeout(900 if NIGHTLY else 90)
def test_no_request_is_lost_when_workers_are_replaced(server_name: str, tmp_path: Path, keep_alive: bool) -> None:
    with supervised(tmp_path, server_name, '--access-log', 'none') as server:
        with LossClient(server.url, keep_alive=keep_alive) as client:
            for _ in range(REPLACEMENTS):
                client.await_requests(50)
                replace(server)
            if NIGHTLY:
                client.await_requests(max(0, 20_000 - client.summary().total), timeout=200)
        assert client.summary().total > 50 * REPLACEMENTS
        assert client.failed() == []
        assert server.stop() == 0
    assert matching(server, 'ended|cut') == []


@pytest.mark.timeout(300 if NIGHTLY else 60)
def test_a_killed_worker_loses_what_it_was_doing_and_no_more(server_name: str, tmp_path: Path) -> None:
    with supervised(tmp_path, server_name, '--access-log', 'none') as server:
        kills, pauses = [], []
        with LossClient(server.url, keep_alive=False) as client:
            for number in range(KILLS):
                client.await_requests(40)
                victim = ready_pids(server, 2 + number)[-1]
                killed_at = time.monotonic()
                kills.append(killed_at)
                os.kill(victim, signal.SIGKILL)
                ready_pids(server, 3 + number)
                pauses.append(time.monotonic() - killed_at)
        assert max(pauses) < RESPAWN, pauses
        dying = 0.05  # seconds that a process may take to end
        strays = [each for each in client.failed() if not any(each.start - dying <= at <= each.end for at in kills)]
        assert strays == [], client.summary()  # whoever failed was under way when a worker was killed
        assert all(pid in children(server.process.pid) for pid in ready_pids(server)[-1:])
        assert are_buried(server.process.pid)
        assert server.stop() == 0


@THREADS_OR_GREENLETS
def test_nothing_is_left_when_the_parent_is_killed(kind: str, tmp_path: Path) -> None:
    with supervised(tmp_path, kind) as server:
        pids = ready_pids(server, 2)
        port = int(server.url.rpartition(':')[2].rstrip('/'))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fetch, server.url, '/compute')
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(5)
            assert await_end(pids, 2.0) == []
        deadline = time.monotonic() + 2.0
        while True:
            try:
                listen('127.0.0.1', port).close()
                break
            except BindError:
                assert time.monotonic() < deadline  # the threads of a process may end a little after it


def test_running_requests_are_finished(server_name: str, tmp_path: Path) -> None:
    with supervised(tmp_path, server_name) as server:
        pids = ready_pids(server, 2)
        assert interrupted(server.url, '/hold?seconds=0.5', 4, server.process.terminate) == [b'held'] * 4
        assert server.process.wait(10) == 0
        assert not any(map(is_alive, pids))


@THREADS_OR_GREENLETS
def test_a_signal_to_the_whole_group_loses_nothing(kind: str, tmp_path: Path) -> None:
    """A service manager sends SIGTERM to every process, and a terminal SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with supervised(tmp_path, kind) as server:

            def interrupt(number: int = number, group: int = server.process.pid) -> None:
                os.killpg(group, number)

            assert interrupted(server.url, '/hold?seconds=0.5', 4, interrupt) == [b'held'] * 4
            assert server.process.wait(10) == 0


@THREADS_OR_GREENLETS
def test_a_second_signal_ends_it_at_once(kind: str, tmp_path: Path) -> None:
    with supervised(tmp_path, kind) as server, ThreadPoolExecutor(1) as pool:
        pids = ready_pids(server, 2)
        running = pool.submit(fetch, server.url, '/hold?seconds=20')
        server.await_lines('holding in')
        server.process.terminate()
        time.sleep(0.3)  # a signal that comes at once would be the same one, sent twice
        server.process.terminate()
        assert server.process.wait(2) == 128 + signal.SIGTERM
        assert not any(map(is_alive, pids))
        assert running.exception(timeout=10) is not None


def test_requests_that_outlive_the_grace_period_are_cut(server_name: str, tmp_path: Path) -> None:
    with supervised(tmp_path, server_name, '--graceful-timeout', '0.5') as server, ThreadPoolExecutor(1) as pool:
        pool.submit(fetch, server.url, '/hold?seconds=20')
        server.await_lines('holding in')
        began = time.monotonic()
        assert server.stop() == 1
        assert time.monotonic() - began < 1.5


@THREADS_OR_GREENLETS
def test_new_workers_have_new_code(kind: str, tmp_path: Path) -> None:
    with supervised(tmp_path, kind) as server:
        assert fetch(server.url, '/version').body == b'first'
        old = ready_pids(server, 2)
        write(tmp_path, APPLICATION.replace("'first'", "'second'"))
        replace(server)
        assert await_end(old, 5) == []
        assert {fetch(server.url, '/version').body for _ in range(10)} == {b'second'}
        assert server.stop() == 0


@THREADS_OR_GREENLETS
def test_code_that_does_not_start_replaces_nobody(kind: str, tmp_path: Path) -> None:
    with supervised(tmp_path, kind) as server:
        pids = ready_pids(server, 2)
        write(tmp_path, 'import no_such_module\n')
        os.kill(server.process.pid, signal.SIGHUP)
        line = server.await_lines(r'no_such_module.*the workers that run go on')[0].string
        assert 'ModuleNotFoundError' in line
        assert fetch(server.url, '/version').body == b'first'
        assert sorted(children(server.process.pid)) == sorted(pids)
        write(tmp_path)
        replace(server)
        assert server.stop() == 0


@THREADS_OR_GREENLETS
@pytest.mark.parametrize('code', ['import no_such_module', 'raise SystemExit(3)', 'import os; os._exit(7)'])
def test_workers_that_cannot_start_end_it_with_a_reason(kind: str, tmp_path: Path, code: str) -> None:
    write(tmp_path, code)
    command = [sys.executable, '-m', 'bottle', 'worked:app', '-s', kind, '-b', '127.0.0.1:0', '--workers', '2']
    began = time.monotonic()
    done = attempt(command, tmp_path)
    assert time.monotonic() - began < 2
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert 'no_such_module' in done.stderr or 'exit' in done.stderr.lower()


@THREADS_OR_GREENLETS
def test_workers_are_added_and_removed(kind: str, tmp_path: Path) -> None:
    with supervised(tmp_path, kind, workers=1) as server:
        os.kill(server.process.pid, signal.SIGTTIN)
        first, second = ready_pids(server, 2)
        os.kill(server.process.pid, signal.SIGTTOU)
        assert await_end([second], 5) == []
        os.kill(server.process.pid, signal.SIGTTOU)  # the last one stays
        assert fetch(server.url, '/pid').body == str(first).encode()
        assert server.stop() == 0


@pytest.mark.timeout(60)
def test_workers_are_replaced_after_so_many_requests(server_name: str, tmp_path: Path) -> None:
    options = ('--max-requests', '60', '--max-requests-jitter', '20', '--access-log', 'none')
    with supervised(tmp_path, server_name, *options) as server:
        with LossClient(server.url) as client:
            client.await_requests(600)
            ready_pids(server, 6)
        assert client.failed() == []
        assert server.stop() == 0


def test_a_stuck_worker_is_replaced_and_its_stacks_are_shown(server_name: str, tmp_path: Path) -> None:
    with (
        supervised(tmp_path, server_name, '--worker-timeout', '1', workers=1) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        stuck = pool.submit(fetch, server.url, '/compute')
        ready_pids(server, 2)
        assert stuck.exception(timeout=10) is not None
        assert matching(server, r'worked\.py", line \d+ in compute')
        assert fetch(server.url, '/version').body == b'first'
        assert server.stop() == 0


@THREADS_OR_GREENLETS
def test_log_files_are_reopened(kind: str, tmp_path: Path) -> None:
    log, rotated = tmp_path / 'access.log', tmp_path / 'access.log.1'
    with supervised(tmp_path, kind, '--access-log', 'common', '--access-log-file', str(log)) as server:
        fetch(server.url, '/path/before')
        while '/path/before' not in log.read_text():  # the line may come after the answer
            time.sleep(0.01)
        log.rename(rotated)
        os.kill(server.process.pid, signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not log.exists() or 'after' not in log.read_text():
            assert time.monotonic() < deadline
            fetch(server.url, '/path/after')  # each worker reopens in its own time
        assert server.stop() == 0, ''.join(server.output)
    assert '/path/before' in rotated.read_text()
    assert '/path/before' not in log.read_text()


PROGRAM = """
import sys
import worked
from bottle import run
print('parent or worker', flush=True)
run(worked.app, {server!r}, port=0, workers=2, access_log='none')
print('after run', flush=True)
"""


@THREADS_OR_GREENLETS
@pytest.mark.parametrize('first_line', ['', 'from gevent import monkey; monkey.patch_all()'], ids=['plain', 'patched'])
def test_a_program_that_calls_run(kind: str, tmp_path: Path, first_line: str) -> None:
    write(tmp_path)
    program = tmp_path / 'program.py'
    program.write_text(first_line + PROGRAM.format(server=kind))
    with serving([sys.executable, 'program.py'], tmp_path) as server:
        old = ready_pids(server, 2)
        write(tmp_path, APPLICATION.replace("'first'", "'second'"))
        replace(server)
        assert await_end(old, 5) == []
        assert fetch(server.url, '/version').body == b'second'
        os.kill(ready_pids(server)[-1], signal.SIGKILL)
        ready_pids(server, 5)
        assert server.stop() == 0
    assert len(matching(server, 'after run')) == 1
    assert ''.join(matching(server, 'parent or worker')).count('parent or worker') == 6  # two may write at once


def test_workers_share_every_address(server_name: str, tmp_path: Path) -> None:
    path = tmp_path / 'server.sock'
    binds = ('-b', '127.0.0.1:0', '-b', f'unix:{path}', '--socket-mode', '600')
    with supervised(tmp_path, server_name, *binds) as server:
        urls = [match[1] for match in server.await_lines(r'Listening on (\S+)', 2)]
        assert urls == [server.url, f'unix:{path}']
        assert path.stat().st_mode & 0o777 == 0o600
        replace(server)
        for url in urls:
            with LossClient(url, connections=2) as client:
                client.await_requests(10)
            assert client.failed() == []
        assert server.stop() == 0
    assert not path.exists()


def test_a_program_started_below_a_worker_is_no_worker(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION + 'import subprocess, sys\nsubprocess.run([sys.executable, "other.py"], check=True)\n')
    (tmp_path / 'other.py').write_text(
        'import os\nfrom bottle.serving.worker import this_worker\nassert this_worker() is None\nprint("no worker")\n'
    )
    with supervised(tmp_path, 'wsgiref', workers=1) as server:
        assert matching(server, 'no worker')
        assert server.stop() == 0
