"""What the tests of web servers stand on."""

from collections.abc import Iterator

import pytest

from tests.deployment.paths import World, world


@pytest.fixture(scope='module')
def around() -> Iterator[World]:
    """Return an instance on a unix socket and a certificate."""
    with world() as running:
        yield running
