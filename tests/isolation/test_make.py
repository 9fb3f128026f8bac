"""The Makefile and what it calls, in a fresh copy of the repository."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import attempt, run, serving
from tests.support.requirements import require_program

SECOND_START = 2.0  # seconds


@pytest.fixture(scope='module')
def make() -> str:
    """Return the path of make."""
    return str(require_program('make'))


def stop(make_process: subprocess.Popen[str]) -> None:
    """Stop `make serve` as Ctrl-C does: the whole foreground group gets the signal."""
    os.killpg(make_process.pid, 2)
    make_process.wait(30)


def test_serve_from_scratch_and_again(make: str, fresh_copy: Path) -> None:
    with serving([make, 'serve', 'PORT=0'], fresh_copy) as server:
        assert server.get('/')[0] == 200
        stop(server.process)
    begin = time.monotonic()
    with serving([make, 'serve', 'PORT=0'], fresh_copy) as server:
        assert time.monotonic() - begin < SECOND_START
        assert not any('pip' in line for line in server.output)
        assert server.get('/')[0] == 200


def test_serve_on_another_server(make: str, fresh_copy: Path) -> None:
    with serving([make, 'serve', 'SERVER=gevent', 'PORT=0'], fresh_copy) as server:
        assert server.get('/')[0] == 200
        stop(server.process)


def test_an_unknown_server_gives_one_line(make: str, fresh_copy: Path) -> None:
    done = attempt([make, 'serve', 'SERVER=gevnet'], fresh_copy)
    assert done.returncode != 0
    assert done.stdout == ''
    assert len(done.stderr.splitlines()) == 1
    assert 'no server is called "gevnet"' in done.stderr
    assert 'waitress' in done.stderr


@pytest.fixture
def scripts(tmp_path: Path, fresh_copy: Path) -> Path:
    """Return a folder with only the scripts, in which an environment can be made."""
    shutil.copytree(fresh_copy / 'scripts', tmp_path / 'scripts')
    return tmp_path


def test_without_ensurepip_virtualenv_is_used(scripts: Path, new_environment: Callable[[], Path]) -> None:
    real = new_environment() / 'python'
    python = scripts / 'python-without-ensurepip'
    python.write_text(f'#!/bin/sh\ncase "$2" in venv) mkdir -p .venv/bin; exit 1;; esac\nexec {real} "$@"\n')
    python.chmod(0o755)
    run(['scripts/make-venv'], scripts, {'PYTHON': str(python)})
    assert 'pip' in run([str(scripts / '.venv/bin/python'), '-m', 'pip', '--version'], scripts)


def test_a_usable_environment_is_kept(scripts: Path) -> None:
    run(['scripts/make-venv'], scripts, {'PYTHON': sys.executable})
    (scripts / '.venv' / 'mark').touch()
    run(['scripts/make-venv'], scripts, {'PYTHON': 'no-such-python'})
    assert (scripts / '.venv' / 'mark').exists()


def test_no_python_gives_one_line(scripts: Path) -> None:
    done = attempt(['scripts/make-venv'], scripts, {'PYTHON': 'no-such-python'})
    assert done.returncode != 0
    assert done.stderr.startswith('no Python >= 3.11 found (tried: no-such-python)')
    assert len(done.stderr.splitlines()) == 1
