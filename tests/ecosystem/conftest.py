"""Environments with distributions that others wrote, from the index, and with our core where they expect Bottle."""

import shutil
import sys
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.processes import run


class Install(Protocol):
    """What the fixture `install` is."""

    def __call__(self, *requirements: str, alone: str = '', bottle: str = '') -> Path:
        """Return the Python of a new environment.

        Parameters:
            requirements: what to install, with all that it requires.
            alone: what to install without what it requires.
            bottle: which Bottle to install; our core when empty.
        """


@pytest.fixture(scope='session')
def install(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Return a function that makes an environment and returns its Python.

    The core and the rest are installed in one step: if they required a Bottle that our core is not, this would fail.
    """
    core = next(wheels.glob('bottle-*.whl'))
    uv = shutil.which('uv')

    def make(*requirements: str, alone: str = '', bottle: str = '') -> Path:
        folder = tmp_path_factory.mktemp('environment')
        python = folder / 'env' / 'bin' / 'python'
        if uv:
            run([uv, 'venv', '--quiet', '--python', sys.executable, str(folder / 'env')], folder)
            command = [uv, 'pip', 'install', '--quiet', '--python', str(python)]
        else:
            run([sys.executable, '-m', 'virtualenv', '--quiet', str(folder / 'env')], folder)
            command = [str(python), '-m', 'pip', 'install', '--quiet']
        run([*command, bottle or str(core), *requirements], folder)
        if alone:
            run([*command, '--no-deps', alone], folder)
        is_ours = run([str(python), '-c', 'import bottle; print(hasattr(bottle, "__path__"))'], folder).strip()
        assert is_ours == str(not bottle)
        return python

    return make
