"""Fixtures of the cross-distribution tests."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.bottles import install_old

ROOT = Path(__file__).parent.parent
INSTALL_LIMIT = 120.0  # seconds


@pytest.fixture(scope='session')
def root() -> Path:
    """Return the folder of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel of every distribution: the one that nox built, or one built now."""
    if given := os.environ.get('BOTTLE_WHEELS'):
        return Path(given)
    target = tmp_path_factory.mktemp('wheels')
    folders = [str(file.parent) for file in [ROOT / 'core/pyproject.toml', *ROOT.glob('plugins/*/pyproject.toml')]]
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(target), *folders]
    subprocess.run(command, check=True)
    return target


@pytest.fixture(scope='session')
def pip(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command of pip: that of this environment, or of a new one where uv has made this one without it."""
    if find_spec('pip'):
        return [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--quiet']
    target = tmp_path_factory.mktemp('pip') / 'env'
    subprocess.run([sys.executable, '-m', 'venv', str(target)], check=True, timeout=INSTALL_LIMIT)
    return [str(target / 'bin' / 'python'), '-m', 'pip', '--disable-pip-version-check', '--quiet']


@pytest.fixture(scope='session')
def old_bottle(tmp_path_factory: pytest.TempPathFactory, pip: list[str]) -> Path:
    """Return a folder with the module `bottle` of 0.13.4, to compare with."""
    folder = tmp_path_factory.mktemp('bottle-0.13')
    install_old(folder, pip)
    return folder
