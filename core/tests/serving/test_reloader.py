"""What Bottle 0.13 reloads with."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.processes import run


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
