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
    if wheels := os.environ.get('BOTTLE_WHEELS'):
        packages = [next(Path(wheels).glob(f'{each.replace("-", "_")}-*.whl')) for each in PACKAGES]
    else:
        packages = [ROOT / ('core' if each == 'bottle' else f'plugins/{each}') for each in PACKAGES]
    with public_folder() as folder:
        yield make_public_python(folder / 'env', pip, *map(str, packages))
