"""A stranger's distribution, as a real wheel: installed with pip it is listed and serves, uninstalled it is gone."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.discovery.conftest import INSTALL_LIMIT
from tests.support.distributions import COMMANDS, LIMIT, SERVERS, Distribution, adapter_module
from tests.support.processes import run, serving

COMMAND = """\
from bottle.serving import hookimpl

@hookimpl
def bottle_register_command(registry):
    registry.add('greet', lambda arguments: print('Hello', *arguments))
"""
ACME = Distribution(
    'acme-wsgi',
    {'acme/__init__.py': '', 'acme/server.py': adapter_module('acme'), 'acme/commands.py': COMMAND},
    {SERVERS: {'acme': 'acme.server'}, COMMANDS: {'greet': 'acme.commands'}},
    ['bottle>=1,<2'],
    version='2.0.1',
)


@pytest.fixture
def python(core: Path, tmp_path: Path) -> Path:
    """Return the Python of a virtual environment that sees the core."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'env')], check=True, timeout=LIMIT)
    packages = next((tmp_path / 'env').glob('lib/python*/site-packages'))
    (packages / 'core.pth').write_text(f'{core}\n')
    return tmp_path / 'env' / 'bin' / 'python'


@pytest.fixture
def names(python: Path, tmp_path: Path) -> Callable[[], list[str]]:
    """Return a function that returns the listed servers."""

    def listed() -> list[str]:
        lines = run([str(python), '-m', 'bottle', '--servers'], tmp_path).splitlines()
        return [line.split()[0] for line in lines[1:]]

    return listed


def test_a_wheel_from_a_stranger(python: Path, names: Callable[[], list[str]], pip: list[str], tmp_path: Path) -> None:
    assert names() == ['auto', 'wsgiref']
    there = [*pip, '--python', str(python)]
    wheel = str(ACME.pack(tmp_path))
    subprocess.run([*there, 'install', '--no-deps', '--no-index', wheel], check=True, timeout=INSTALL_LIMIT)
    assert names() == ['acme', 'auto', 'wsgiref']
    assert 'acme-wsgi 2.0.1' in run([str(python), '-m', 'bottle', '--servers'], tmp_path)
    assert run([str(python), '-m', 'bottle', 'greet', 'you'], tmp_path) == 'Hello you\n'

    program = tmp_path / 'program.py'
    program.write_text("from bottle import route, run\nroute('/')(lambda: 'Hello')\nrun(server='acme', port=0)")
    with serving([str(python), str(program)], tmp_path) as server:
        assert server.get() == (200, 'Hello')
        assert server.stop() == 0

    subprocess.run([*there, 'uninstall', '--yes', 'acme-wsgi'], check=True, timeout=INSTALL_LIMIT)
    assert names() == ['auto', 'wsgiref']
