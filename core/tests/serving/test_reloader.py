"""The reloader: a changed module is served anew, and no process is left behind."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import fetch, raw
from tests.support.processes import Server, run, serving

PROGRAM = """
import os
from bottle import get, run
import page
get('/')(lambda: page.TEXT)
get('/pid')(lambda: str(os.getpid()))
run(port=0, reloader=True, interval=0.05)
"""


def write(file: Path, text: str, age: float) -> None:
    """Write a module whose time of change is surely another than before."""
    file.write_text(f'TEXT = {text!r}\n')
    os.utime(file, (age, age))


CHECKED = """
import os, sys, threading
from bottle import FileCheckerThread
import page
lockfile, action = sys.argv[1:]
try:
    with FileCheckerThread(lockfile, 0.05) as checker:
        if action == 'change':
            os.utime('page.py', (1_000_000_100, 1_000_000_100))
        elif action == 'remove':
            os.unlink(lockfile)
        elif action == 'age':
            os.utime(lockfile, (1_000_000_000, 1_000_000_000))
        if action != 'leave':
            threading.Event().wait(20)
except BaseException as error:
    print('raised', repr(error))
print(checker.status, checker.is_alive())
"""


@pytest.mark.parametrize(
    ('action', 'status'), [('change', 'reload'), ('remove', 'error'), ('age', 'error'), ('leave', 'exit')]
)
def test_the_file_checker_of_bottle_0_13(tmp_path: Path, action: str, status: str) -> None:
    write(tmp_path / 'page.py', 'first', 1_000_000_000)
    (tmp_path / 'program.py').write_text(CHECKED)
    lockfile = tmp_path / 'lock'
    lockfile.touch()
    assert run([sys.executable, 'program.py', str(lockfile), action], tmp_path) == f'{status} False\n'


@pytest.fixture
def reloading(tmp_path: Path) -> Iterator[Server]:
    write(tmp_path / 'page.py', 'first', 1_000_000_000)
    (tmp_path / 'program.py').write_text(PROGRAM)
    with serving([sys.executable, 'program.py'], tmp_path, {'PYTHONDONTWRITEBYTECODE': '1'}) as server:
        yield server


def test_a_changed_module_is_served_anew(reloading: Server, tmp_path: Path) -> None:
    assert fetch(reloading.url, '/').body == b'first'
    write(tmp_path / 'page.py', 'second', 1_000_000_100)
    reloading.await_url()
    assert fetch(reloading.url, '/').body == b'second'
    assert reloading.stop() == 0


def test_a_program_that_no_longer_starts_ends_with_its_exit_code(reloading: Server, tmp_path: Path) -> None:
    (tmp_path / 'page.py').write_text('raise SystemExit(7)\n')
    assert reloading.process.wait(10) == 7


def test_the_child_does_not_outlive_its_parent(reloading: Server) -> None:
    child = int(fetch(reloading.url, '/pid').body)
    assert child != reloading.process.pid
    reloading.process.send_signal(signal.SIGKILL)
    reloading.process.wait(5)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            raw(reloading.url).close()
        except OSError:
            return
        time.sleep(0.02)  # the end of a process that is not ours cannot be awaited
    pytest.fail('the child still serves')
