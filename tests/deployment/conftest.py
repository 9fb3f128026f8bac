"""What the tests of deployment share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.hosts import make_public_python
from tests.deployment.sites import ROOT, public_folder

PACKAGES = ('bottle', 'bottle-server-cgi', 'bottle-server-flup')


@pytest.fixture(scope='session')
def public_python(pip: list[str]) -> Iterator[Path]:
    """Return an interpreter of the system's Python with Bottle in it, which any user may run."""
    wheels = os.environ.get('BOTTLE_WHEELS')
    folders = [ROOT / ('core' if each == 'bottle' else f'plugins/{each}') for each in PACKAGES]
    packages = ['--find-links', wheels, *PACKAGES] if wheels else map(str, folders)
    with public_folder() as folder:
        yield make_public_python(folder / 'env', pip, *packages)
