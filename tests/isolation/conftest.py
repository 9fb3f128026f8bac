"""What the tests of an installation start from: empty environments and a fresh copy of the repository."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import run
from tests.support.sources import ROOT, repository_files


@pytest.fixture(scope='session')
def new_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that makes an empty virtual environment and returns its `bin` folder."""

    def make() -> Path:
        target = tmp_path_factory.mktemp('environment') / 'env'
        run([sys.executable, '-m', 'virtualenv', '--quiet', str(target)], cwd=target.parent)
        return target / 'bin'

    return make


@pytest.fixture(scope='session')
def find_wheels(wheels: Path) -> dict[str, str]:
    """Return the environment variable that lets pip find our wheels, besides what is configured on the machine."""
    return {'PIP_FIND_LINKS': f'{os.environ.get("PIP_FIND_LINKS", "")} {wheels}'.strip()}


@pytest.fixture(scope='session')
def fresh_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with what a clone would have, and nothing that was made in it."""
    target = tmp_path_factory.mktemp('copy') / 'repository'
    for path in repository_files():
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return target
