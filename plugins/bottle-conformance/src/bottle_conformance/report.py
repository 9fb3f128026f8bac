"""What a run has found: each test with its level, the level that the server reaches, and what was tested."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError
from importlib.metadata import metadata as metadata_of
from typing import TYPE_CHECKING, Any

from bottle_conformance.rules import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from bottle.serving import ServerAdapter

PASSED, FAILED, DEVIATION, NOT_DECLARED, SKIPPED = 'passed', 'failed', 'deviation', 'not declared', 'skipped'
OUTCOMES = (PASSED, FAILED, DEVIATION, NOT_DECLARED, SKIPPED)

Data = dict[str, Any]


class Results:
    """The results of the tests of the kit, in the order in which they end."""

    def __init__(self) -> None:
        self._tests: dict[str, Data] = {}

    def note(self, item: pytest.Item, marker: pytest.Mark, report: pytest.TestReport) -> None:
        """Take note of a phase of a test: set-up, call or clean-up.

        Parameters:
            item: the test.
            marker: what it stands for.
            report: how the phase has ended.
        """
        outcome = DEVIATION if hasattr(report, 'wasxfail') and not report.failed else report.outcome
        entry = self._tests.setdefault(item.nodeid, _entry(item, marker))
        if outcome != PASSED:
            entry['outcome'] = outcome
        if outcome == DEVIATION:
            entry['reason'] = str(getattr(report, 'wasxfail', ''))
        elif outcome == SKIPPED:
            entry['reason'] = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        elif report.failed:
            entry['failure'] = str(report.longrepr)

    def leave_out(self, item: pytest.Item, needed: str) -> None:
        """Take note that a test does not apply.

        Parameters:
            item: the test.
            needed: the capability that the server does not declare.
        """
        marker = next(item.iter_markers('conformance'))
        self._tests[item.nodeid] = {**_entry(item, marker), 'outcome': NOT_DECLARED, 'reason': needed}

    def as_data(self) -> Data:
        """Return everything as what JSON can carry."""
        tests = list(self._tests.values())
        return {'python': platform.python_version(), 'level': level_reached(tests), 'tests': tests}


def _entry(item: pytest.Item, marker: pytest.Mark) -> Data:
    return {
        'test': item.name,
        'suite': _suite(getattr(item, 'cls', None), getattr(item, 'originalname', item.name)),
        'says': (getattr(item, 'obj', None).__doc__ or '').strip().partition('\n')[0],
        'level': marker.kwargs['level'],
        'sections': list(marker.kwargs['sections']),
        'outcome': PASSED,
    }


def _suite(given: type | None, test: str) -> str:
    """Return the name of the class that defines a test, not of the one that has collected the suites."""
    owners = [each for each in given.__mro__ if test in vars(each)] if given else []
    return owners[0].__name__ if owners else ''


def level_reached(tests: Sequence[Data]) -> int:
    """Return the highest level of which, and below which, no test has failed; a deviation is a failure here.

    Parameters:
        tests: the tests as `Results.as_data` has them.
    """
    missed = [test['level'] for test in tests if test['outcome'] in (FAILED, DEVIATION)]
    return min(missed, default=max(LEVELS) + 1) - 1


def counted(tests: Sequence[Data]) -> dict[str, int]:
    """Return how many tests there are of each outcome.

    Parameters:
        tests: the tests as `Results.as_data` has them.
    """
    return {outcome: sum(test['outcome'] == outcome for test in tests) for outcome in OUTCOMES}


def description(name: str, adapter: type[ServerAdapter]) -> Data:
    """Return what is tested: names, versions and what the adapter declares; nothing is imported for it.

    Parameters:
        name: what the server was asked for by.
        adapter: the adapter class.
    """
    from bottle.serving.metadata import installed_version
    from bottle.serving.registry import registry

    source = next(iter(registry.sources().get(name.rpartition(':')[2], ())), None)
    pinned, _, version = getattr(adapter, 'requirement', '').partition('==')  # of another Python
    backend = adapter.backend.distribution if adapter.backend else pinned
    return {
        'name': name,
        'distribution': source.distribution if source else '',
        'version': source.version if source else '',
        'backend': backend,
        'backend_version': version or (installed_version(backend) if backend else ''),
        'pythons': _pythons(source.distribution if source else ''),
        'capabilities': asdict(adapter.capabilities),
    }


def _pythons(distribution: str) -> list[str]:
    """Return the versions of Python that a distribution says it is for."""
    try:
        classifiers = metadata_of(distribution).get_all('Classifier') if distribution else []
    except PackageNotFoundError:
        return []
    versions = (each.removeprefix('Programming Language :: Python :: ') for each in classifiers or ())
    return [each for each in versions if each.startswith('3.')]
