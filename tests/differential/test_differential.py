"""Generated requests get the same answers from Bottle 0.13.4 and from ours, but for a reviewed list of differences.

With `BOTTLE_NIGHTLY=1` there are 20,000 requests, chosen anew each time; otherwise 500, always the same ones.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.differential.differences import DIFFERENCES, Answer, Difference, explain, normal
from tests.differential.generating import REQUESTS, Request
from tests.support.bottles import Bottles, both

NIGHTLY = os.environ.get('BOTTLE_NIGHTLY') == '1'
EXAMPLES = 20_000 if NIGHTLY else 500


@pytest.fixture(scope='module')
def bottles(old_bottle: Path) -> Iterator[Bottles]:
    with both('tests.differential.application', old_bottle) as pair:
        yield pair


def answers(bottles: Bottles, request: Request) -> tuple[Answer, Answer]:
    """Return what the old and the new Bottle answer."""
    old, new = (worker.call('answer', **request._asdict()) for worker in bottles)
    return normal(old), normal(new)


@pytest.mark.timeout(1800 if NIGHTLY else 150)
@settings(
    max_examples=EXAMPLES,
    derandomize=not NIGHTLY,
    deadline=None,
    database=None,
    print_blob=NIGHTLY,
    suppress_health_check=list(HealthCheck),
)
@given(request=REQUESTS)
def test_the_same_request_gets_the_same_answer(bottles: Bottles, request: Request) -> None:
    old, new = answers(bottles, request)
    if old != new and explain(request, old, new) is None:
        assert new == old, request


@pytest.mark.parametrize('difference', DIFFERENCES, ids=lambda difference: difference.name)
def test_a_reviewed_difference_still_exists(bottles: Bottles, difference: Difference) -> None:
    old, new = answers(bottles, difference.example)
    assert old != new, 'this entry of the list is not needed any more'
    assert difference.explains(difference.example, old, new), (old, new)


def test_ours_lets_nothing_out_where_a_difference_is_permitted(bottles: Bottles) -> None:
    assert [d.name for d in DIFFERENCES if 'raised' in answers(bottles, d.example)[1].status] == []
