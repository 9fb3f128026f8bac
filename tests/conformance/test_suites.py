"""The suites of the kit: every test says what it stands for, none hides another, and every deviation has a test."""

import subprocess
import sys
from collections import Counter

import pytest

from bottle import server_names
from bottle_conformance import ServerSuite
from bottle_conformance.deviations import known_deviations
from bottle_conformance.rules import MARKER

SUITES = [suite for suite in ServerSuite.__mro__ if suite not in (ServerSuite, object)]
TESTS = [(suite, name) for suite in SUITES for name in vars(suite) if name.startswith('test_')]
SERVERS = [name for name in server_names if name != 'auto']
LEAST = 15  # letters of a reason
LIMIT = 60.0  # seconds


def collected(server: str) -> set[str]:
    """Return the names of the tests that apply to a server, with and without their parameters."""
    kit = ['--pyargs', 'bottle_conformance', '--bottle-server', server]
    command = [sys.executable, '-m', 'pytest', '-q', '--collect-only', '-p', 'no:cacheprovider', *kit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    names = {line.partition('::')[2].partition('::')[2] for line in done.stdout.splitlines() if '::' in line}
    return names | {name.partition('[')[0] for name in names}


def test_no_suite_hides_a_test_of_another() -> None:
    assert [name for name, count in Counter(name for _, name in TESTS).items() if count > 1] == []


@pytest.mark.parametrize(('suite', 'name'), TESTS, ids=[name for _, name in TESTS])
def test_every_test_has_a_rule_and_a_sentence(suite: type, name: str) -> None:
    test = vars(suite)[name]
    assert MARKER in [mark.name for mark in test.pytestmark]
    assert (test.__doc__ or '').strip().partition('\n')[0].endswith('.')


@pytest.mark.parametrize('server', SERVERS)
def test_every_deviation_has_a_test_a_reason_and_a_reference(server: str) -> None:
    known = known_deviations(server_names[server])
    assert set(known) - collected(server) == set()
    assert [test for test, each in known.items() if len(each.reason) < LEAST or not each.reference] == []
