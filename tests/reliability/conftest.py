"""The probes on Bottle 0.13.4 and on ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bottles import Bottles, both


@pytest.fixture(scope='package')
def bottles(old_bottle: Path) -> Iterator[Bottles]:
    with both('tests.reliability.probes', old_bottle) as pair:
        yield pair
