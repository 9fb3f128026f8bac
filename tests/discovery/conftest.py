"""What the tests of discovery share: a Python with the core and nothing else, to which a test adds distributions."""

import subprocess
from pathlib import Path

import pytest

from tests.support.distributions import Site

INSTALL_LIMIT = 120.0  # seconds


@pytest.fixture(scope='session')
def core(tmp_path_factory: pytest.TempPathFactory, wheels: Path, pip: list[str]) -> Path:
    """Return a folder with the core's wheel and what it requires, installed."""
    target = tmp_path_factory.mktemp('core')
    wheel = next(wheels.glob('bottle-*.whl'))
    subprocess.run([*pip, 'install', '--target', str(target), str(wheel)], check=True, timeout=INSTALL_LIMIT)
    return target


@pytest.fixture
def site(core: Path, tmp_path: Path) -> Site:
    """Return a Python with the core alone, and an empty folder on its path."""
    folder = tmp_path / 'site'
    folder.mkdir()
    return Site(core, folder)
