"""What a run has found: each test with its level, and the level that the server reaches."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from bottle_conformance.rules import LEVELS

if TYPE_CHECKING:
    import pytest

PASSED, FAILED, DEVIATION, NOT_DECLARED = 'passed', 'failed', 'deviation', 'not declared'


class Results:
    """The results of the tests of the kit, in the order in which they end."""

    def __init__(self) -> None:
        self._tests: dict[str, dict[str, Any]] = {}

    def note(self, item: pytest.Item, marker: pytest.Mark, report: pytest.TestReport) -> None:
        """Take note of a phase of a test: set-up, call or clean-up.

        Parameters:
            item: the test.
            marker: what it stands for.
            report: how the phase has ended.
        """
        outcome = DEVIATION if hasattr(report, 'wasxfail') and report.skipped else report.outcome
        entry = self._tests.setdefault(item.nodeid, self._entry(item, marker))
        if report.when == 'call' or outcome not in (PASSED, 'skipped'):
            entry['outcome'] = outcome
        if outcome == DEVIATION:
            entry['reason'] = str(getattr(report, 'wasxfail', ''))
        elif report.failed:
            entry['failure'] = str(report.longrepr)

    def leave_out(self, item: pytest.Item, needed: str) -> None:
        """Take note that a test does not apply.

        Parameters:
            item: the test.
            needed: the capability that the server does not declare.
        """
        marker = next(item.iter_markers('conformance'))
        self._tests[item.nodeid] = {**self._entry(item, marker), 'outcome': NOT_DECLARED, 'reason': needed}

    def as_data(self) -> dict[str, Any]:
        """Return everything as what JSON can carry."""
        tests = list(self._tests.values())
        return {'python': platform.python_version(), 'level': level_reached(tests), 'tests': tests}

    def _entry(self, item: pytest.Item, marker: pytest.Mark) -> dict[str, Any]:
        suite = getattr(item, 'cls', None)
        return {
            'test': item.name,
            'suite': suite.__name__ if suite else '',
            'says': (getattr(item, 'obj', None).__doc__ or '').strip().partition('\n')[0],
            'level': marker.kwargs['level'],
            'sections': list(marker.kwargs['sections']),
            'outcome': PASSED,
        }


def level_reached(tests: list[dict[str, Any]]) -> int:
    """Return the highest level of which, and below which, no test has failed; a deviation is a failure here.

    Parameters:
        tests: the tests as `Results.as_data` has them.
    """
    missed = [test['level'] for test in tests if test['outcome'] in (FAILED, DEVIATION)]
    return min(missed, default=max(LEVELS) + 1) - 1
