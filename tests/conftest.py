"""Fixtures of the cross-distribution tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
