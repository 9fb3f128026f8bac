"""What befalls a supervisor: signals at bad moments, workers that die or hang, files and folders that are gone."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.operation.workers import (
    APPLICATION,
    await_children,
    await_end,
    children,
    is_alive,
    matching,
    ready_pids,
    replace,
    share_of_processor,
    supervised,
    write,
)
from tests.support.client import fetch
from tests.support.processes import Server, attempt, clean_environment, serving

COMMAND = [sys.executable, '-m', 'bottle', 'worked:app', '-s', 'wsgiref', '-b', '127.0.0.1:0', '--workers', '2']
SLOW = 'import os, time\nos.write(1, b"importing\\n")\ntime.sleep(30)\n' + APPLICATION


@contextmanager
def starting(folder: Path, code: str = SLOW) -> Iterator[subprocess.Popen[str]]:
    """Start workers whose application is imported slowly; yield when both of them import it."""
    write(folder, code)
    process = subprocess.Popen(
        COMMAND,
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        assert [process.stdout.readline() for _ in range(2)] == ['importing\n'] * 2
        yield process
    finally:
        if process.poll() is None or children(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def await_survivor(server: Server) -> None:
    """Wait until a worker has lived for a second after it was ready."""
    deadline = time.monotonic() + 15
    last = 0
    while not (last and is_alive(last)):
        assert time.monotonic() < deadline, server.output
        last = ready_pids(server)[-1]
        await_end([last], 1)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize('to_group', [False, True], ids=['parent', 'group'])
def test_a_signal_before_anybody_is_ready_ends_it(tmp_path: Path, number: int, to_group: bool) -> None:
    with starting(tmp_path) as process:
        pids = list(children(process.pid))
        os.kill(-process.pid if to_group else process.pid, number)
        assert process.wait(1) == 0
        assert not any(map(is_alive, pids))
        assert process.communicate(timeout=5)[1] == ''


def test_nothing_is_left_when_the_parent_is_killed_while_a_worker_starts(tmp_path: Path) -> None:
    """Before it knows what it is, while it imports, and when it says that it is ready."""
    write(tmp_path)
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2):
        with supervised(tmp_path, 'wsgiref', workers=1) as server:
            known = set(children(server.process.pid))
            os.kill(server.process.pid, signal.SIGTTIN)
            while not (new := set(children(server.process.pid)) - known):
                pass
            time.sleep(delay)
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait(5)
            assert await_end([*known, *new], 2.0) == []


def test_a_starting_worker_that_is_orphaned_becomes_no_parent(tmp_path: Path) -> None:
    """The one that is stopped before its interpreter has begun learns of the parent's end when it goes on."""
    with supervised(tmp_path, 'wsgiref', workers=1) as server:
        known = set(children(server.process.pid))
        os.kill(server.process.pid, signal.SIGTTIN)
        while not (new := set(children(server.process.pid)) - known):
            pass
        os.kill(min(new), signal.SIGSTOP)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(5)
        os.kill(min(new), signal.SIGCONT)
        assert await_end([*known, *new], 2.0) == []


def test_a_burst_of_hangups(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref') as server:
        for _ in range(20):
            os.kill(server.process.pid, signal.SIGHUP)
            time.sleep(0.05)
        old = ready_pids(server, 3)[:2]
        assert await_end(old, 10) == []
        await_children(server, 2)
        assert fetch(server.url, '/version').body == b'first'
        assert server.stop() == 0
    assert len(ready_pids(server)) <= 12
    assert matching(server, 'unexpected|cut') == []


def test_a_hangup_while_the_new_code_hangs(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref') as server:
        write(tmp_path, SLOW)
        os.kill(server.process.pid, signal.SIGHUP)
        server.await_lines('^importing')
        assert fetch(server.url, '/version').body == b'first'
        write(tmp_path, APPLICATION.replace("'first'", "'second'"))
        replace(server)
        assert await_end(ready_pids(server)[:2], 5) == []
        assert fetch(server.url, '/version').body == b'second'
        assert server.stop() == 0


def test_a_signal_to_stop_during_a_replacement(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref') as server:
        write(tmp_path, SLOW)
        os.kill(server.process.pid, signal.SIGHUP)
        server.await_lines('^importing')
        pids = list(children(server.process.pid))
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 1
        assert not any(map(is_alive, pids))


def test_a_starting_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref', workers=1) as server:
        known = set(children(server.process.pid))
        os.kill(server.process.pid, signal.SIGTTIN)
        while not (new := set(children(server.process.pid)) - known):
            pass
        os.kill(min(new), signal.SIGKILL)
        server.await_lines('a worker ended with signal SIGKILL before it was ready; it is started again')
        ready_pids(server, 2)
        assert server.stop() == 0


def test_a_worker_that_is_told_to_end_is_replaced_and_no_failure(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref') as server:
        os.kill(ready_pids(server)[0], signal.SIGTERM)
        ready_pids(server, 3)
        assert matching(server, 'unexpected') == []
        assert server.stop() == 0


def test_the_one_that_serves_stays_when_workers_are_removed(tmp_path: Path) -> None:
    first_is_slow = (
        'import os, time\nfrom pathlib import Path\n'
        'try:\n    os.mkdir("seen")\nexcept FileExistsError:\n    pass\nelse:\n    time.sleep(2)\n'
    )
    write(tmp_path, first_is_slow + APPLICATION)
    with serving(COMMAND, tmp_path) as server:
        ready = ready_pids(server)[0]
        os.kill(server.process.pid, signal.SIGTTOU)
        await_children(server, 1)
        assert list(children(server.process.pid)) == [ready]
        assert server.stop() == 0


def test_stopped_and_continued(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref') as server:
        one, other = ready_pids(server, 2)
        os.kill(one, signal.SIGSTOP)
        assert {fetch(server.url, '/pid').body for _ in range(5)} == {str(other).encode()}
        os.kill(one, signal.SIGCONT)
        os.kill(server.process.pid, signal.SIGSTOP)
        assert fetch(server.url, '/version').body == b'first'
        os.kill(server.process.pid, signal.SIGTERM)
        os.kill(server.process.pid, signal.SIGCONT)
        assert server.process.wait(5) == 0


def test_a_replaced_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """The end of the process as a whole is no worse for it."""
    with supervised(tmp_path, 'wsgiref', '--graceful-timeout', '0.5', workers=1) as server:
        (old,) = ready_pids(server)
        os.kill(old, signal.SIGSTOP)
        replace(server, 1)
        assert await_end([old], 3) == []
        assert server.stop() == 0


@pytest.mark.parametrize(
    'death', ['import ctypes; ctypes.string_at(0)', 'import os; os._exit(9)'], ids=['segfault', 'exit']
)
def test_workers_that_die_as_soon_as_they_are_ready(tmp_path: Path, death: str) -> None:
    dying = f'{APPLICATION}\ndef die():\n    time.sleep(0.3)\n    {death}\nthreading.Thread(target=die).start()\n'
    write(tmp_path, dying)
    with supervised(tmp_path, 'wsgiref', workers=1) as server:
        assert share_of_processor(server.process.pid, 3) < 0.05
        assert len(ready_pids(server)) <= 10
        write(tmp_path)
        await_survivor(server)
        assert server.stop() == 0


def test_a_worker_that_is_starting_reopens_its_log_files_too(tmp_path: Path) -> None:
    """It has opened the old ones already, and may not yet be able to bear the signal."""
    log, rotated, release = tmp_path / 'access.log', tmp_path / 'access.log.1', tmp_path / 'release'
    waiting = 'import os, time\nos.write(1, b"importing\\n")\nwhile not os.path.exists("release"): time.sleep(0.01)\n'
    options = ('--access-log', 'common', '--access-log-file', str(log))
    with supervised(tmp_path, 'wsgiref', *options, workers=1) as server:
        old = ready_pids(server)
        write(tmp_path, waiting + APPLICATION)
        os.kill(server.process.pid, signal.SIGHUP)
        server.await_lines('^importing')
        log.rename(rotated)
        os.kill(server.process.pid, signal.SIGUSR1)
        while not log.exists():
            time.sleep(0.01)
        release.touch()
        ready_pids(server, 2)
        assert await_end(old, 5) == []
        deadline = time.monotonic() + 5
        while '/path/after' not in log.read_text():
            assert time.monotonic() < deadline
            fetch(server.url, '/path/after')
        assert server.stop() == 0


def test_a_worker_that_starts_slowly_is_named(tmp_path: Path) -> None:
    with starting(tmp_path) as process:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 15)[0]
        assert 'still starting' in process.stderr.readline()


def test_processes_that_cannot_be_started_are_tried_again(tmp_path: Path) -> None:
    import resource

    with supervised(tmp_path, 'wsgiref') as server:
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (4, limits[1]))
        os.kill(ready_pids(server)[0], signal.SIGKILL)
        server.await_lines('Too many open files; it is started again', 3)
        assert fetch(server.url, '/version').body == b'first'
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
        ready_pids(server, 3)
        assert server.stop() == 0


STUCK = """
import re, threading, time
lock = threading.Lock()
lock.acquire()

def alone(environ, start_response):
    lock.acquire()

def holding(environ, start_response):
    re.match('(a+)+$', 'a' * 40 + 'b')

def slow(environ, start_response):
    start_response('200 OK', [('Content-Length', '6')])
    for _ in range(6):
        time.sleep(0.3)
        yield b'x'
"""


@pytest.mark.parametrize('target', ['stuck:alone', 'stuck:holding'])
def test_a_worker_none_of_whose_threads_gets_on_is_ended(tmp_path: Path, target: str) -> None:
    (tmp_path / 'stuck.py').write_text(STUCK)
    options = [
        '--worker-timeout',
        '0.7',
        '--workers',
        '1',
        '-b',
        '127.0.0.1:0',
        '-s',
        'wsgiref',
        '--access-log',
        'none',
    ]
    with serving([sys.executable, '-m', 'bottle', target, *options], tmp_path) as server, ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(fetch, server.url, '/') for _ in range(4)]
        ready_pids(server, 2)
        assert all(each.exception(timeout=10) for each in requests)
        assert matching(server, 'Timeout')
        assert server.stop() in (0, 1)  # 1 if a worker was ended just then


def test_a_stream_that_yields_now_and_then_is_no_stuck_worker(tmp_path: Path) -> None:
    (tmp_path / 'stuck.py').write_text(STUCK)
    options = [
        '--worker-timeout',
        '0.6',
        '--workers',
        '1',
        '-b',
        '127.0.0.1:0',
        '-s',
        'wsgiref',
        '--access-log',
        'none',
    ]
    with serving([sys.executable, '-m', 'bottle', 'stuck:slow', *options], tmp_path) as server:
        assert fetch(server.url, '/').body == b'x' * 6
        assert len(ready_pids(server)) == 1
        assert server.stop() == 0


PROGRAM = """
import os, sys
sys.path.append({folder!r})
import worked
from bottle import run
{before}
run(worked.app, 'wsgiref', port=0, workers=1, access_log='none')
"""


def program(folder: Path, before: str = '') -> str:
    """Write an application and return a program that serves it."""
    write(folder)
    return PROGRAM.format(folder=str(folder), before=before)


def test_a_program_that_leaves_its_folder(tmp_path: Path) -> None:
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub' / 'program.py').write_text(program(tmp_path, 'os.chdir("/")'))
    with serving([sys.executable, 'sub/program.py'], tmp_path) as server:
        ready_pids(server)
        assert server.stop() == 0


@pytest.mark.parametrize('arguments', [[], ['-']], ids=['redirected', 'dash'])
def test_a_program_from_standard_input_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    """A worker could not read it again."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=clean_environment(),
        input=program(tmp_path),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert 'standard input' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_interpreter_that_does_not_know_itself(tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(program(tmp_path, 'sys.executable = ""'))
    done = attempt([sys.executable, 'program.py'], tmp_path)
    assert done.returncode == 1
    assert 'sys.executable' in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('options', [['-c'], ['-X', 'dev', '-c'], ['-O', '-m'], ['-Im']])
def test_ways_to_start_a_program(tmp_path: Path, options: list[str]) -> None:
    text = program(tmp_path)
    package = tmp_path / 'package'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / '__main__.py').write_text(text)
    what = text if options[-1] == '-c' else 'package'
    command = [sys.executable, *options, what]
    if options == ['-Im']:
        command = [sys.executable, '-I', str(package)]
    with serving(command, tmp_path) as server:
        ready_pids(server)
        replace(server, 1)
        assert fetch(server.url, '/version').body == b'first'
        assert server.stop() == 0


def test_a_program_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(program(tmp_path))
    with serving([sys.executable, 'program.py'], tmp_path) as server:
        ready_pids(server)
        (tmp_path / 'program.py').unlink()
        os.kill(server.process.pid, signal.SIGHUP)
        server.await_lines('the workers that run go on')
        assert fetch(server.url, '/version').body == b'first'
        assert server.stop() == 0


LEAKING = (
    APPLICATION
    + """
import subprocess
child = subprocess.Popen(['sleep', '60'])
print('child', child.pid, 'sees', 'BOTTLE_WORKER' in os.environ, flush=True)
"""
)


def test_what_an_application_starts_holds_nothing_open(tmp_path: Path) -> None:
    write(tmp_path, LEAKING)
    with supervised(tmp_path, 'wsgiref', workers=1) as server:
        line = server.await_lines(r'child (\d+) sees (\w+)')[0]
        child, sees = int(line[1]), line[2]
        try:
            assert sees == 'False'
            kinds = {str(each.readlink()).partition(':')[0] for each in Path(f'/proc/{child}/fd').iterdir()}
            assert 'socket' not in kinds
            assert len(list(Path(f'/proc/{child}/fd').iterdir())) == 3
            ignored = int(
                next(
                    line.split()[1]
                    for line in Path(f'/proc/{child}/status').read_text().splitlines()
                    if line.startswith('SigIgn')
                ),
                16,
            )
            assert not ignored & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGHUP - 1))
            assert server.stop() == 0
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_parent_leaks_nothing(tmp_path: Path) -> None:
    with supervised(tmp_path, 'wsgiref', '--access-log', 'none', workers=1) as server:
        files = Path(f'/proc/{server.process.pid}/fd')
        replace(server, 1)
        await_children(server, 1)
        before = sorted(str(each.readlink()).partition(':')[0] for each in files.iterdir())
        for _ in range(5):
            replace(server, 1)
        await_children(server, 1)
        assert sorted(str(each.readlink()).partition(':')[0] for each in files.iterdir()) == before
        assert server.stop() == 0


# -- the terminal ----------------------------------------------------------------------------------------------------


@contextmanager
def on_terminal(folder: Path, command: list[str]) -> Iterator[tuple[int, int]]:
    """Run a command in a terminal of its own; yield its process id and the terminal when two workers are ready."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            os.execvpe(command[0], command, clean_environment())
        finally:
            os._exit(127)
    try:
        await_text(terminal, 'is ready', 2)
        yield pid, terminal
    finally:
        for each in [*children(pid), pid]:
            with_suppressed_kill(each)


def with_suppressed_kill(pid: int) -> None:
    """Kill what may have ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def await_text(terminal: int, text: str, count: int = 1) -> str:
    """Read from a terminal until a text has come so often."""
    seen = ''
    while seen.count(text) < count:
        assert select.select([terminal], [], [], 20)[0], seen
        seen += os.read(terminal, 4096).decode()
    return seen


def rest_of(terminal: int) -> str:
    """Read from a terminal until nobody has it open."""
    seen = ''
    try:
        while select.select([terminal], [], [], 10)[0]:
            seen += os.read(terminal, 4096).decode()
    except OSError:  # as a terminal says that it has ended
        pass
    return seen


def ended(pid: int) -> int:
    """Wait for our child and return its exit code."""
    deadline = time.monotonic() + 5
    while not (found := os.waitpid(pid, os.WNOHANG))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(found[1])


def test_control_c(tmp_path: Path) -> None:
    write(tmp_path)
    with on_terminal(tmp_path, COMMAND) as (pid, terminal):
        pids = list(children(pid))
        os.write(terminal, b'\x03')
        printed = rest_of(terminal)
        assert ended(pid) == 0
        assert not any(map(is_alive, pids))
        assert 'Traceback' not in printed
        os.close(terminal)


def test_control_c_while_workers_start(tmp_path: Path) -> None:
    """Also in the moment before they know what they are: nobody prints a traceback."""
    write(tmp_path)
    for delay in (0.0, 0.03, 0.06, 0.1):
        with on_terminal(tmp_path, COMMAND) as (pid, terminal):
            os.kill(pid, signal.SIGHUP)
            known = set(children(pid))
            while not set(children(pid)) - known:
                pass
            time.sleep(delay)
            os.write(terminal, b'\x03')
            printed = rest_of(terminal)
            assert 'Traceback' not in printed
            assert ended(pid) == 0, printed
            os.close(terminal)


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    write(tmp_path)
    with on_terminal(tmp_path, COMMAND) as (pid, terminal):
        pids = list(children(pid))
        os.close(terminal)
        assert ended(pid) in (0, -signal.SIGHUP)
        assert await_end(pids, 2) == []


def test_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    write(tmp_path)
    with on_terminal(tmp_path, ['/bin/sh', '-c', f'trap "" HUP; exec {" ".join(COMMAND)}']) as (pid, terminal):
        old = list(children(pid))
        os.close(terminal)
        assert await_end(old, 10) == []  # as at any SIGHUP
        assert is_alive(pid)
        os.kill(pid, signal.SIGTERM)
        assert ended(pid) == 0
