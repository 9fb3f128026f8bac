"""What a run has found, as data and in words."""

from typing import Any

import pytest

from bottle import server_names
from bottle_conformance.comparison import has_failed
from bottle_conformance.report import counted, description, level_reached
from bottle_conformance.rules import rule
from bottle_conformance.summary import cause, in_words


def entry(name: str, level: int = 1, outcome: str = 'passed', **more: Any) -> dict[str, Any]:
    """Return a test as a run has it."""
    sections = ['RFC 9112, 6.3']
    return {'test': name, 'suite': 'BodiesSuite', 'says': 'It holds.', 'level': level, 'sections': sections} | {
        'outcome': outcome,
        **more,
    }


def run(*tests: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a run of tests."""
    server = description('wsgiref', server_names['wsgiref'])
    found = {'server': server, 'quick': True, 'by_hand': False, 'worse': [], 'python': '3.11.1', 'tests': list(tests)}
    return found | {'level': level_reached(tests), **more}


@pytest.mark.parametrize(
    ('outcomes', 'level'),
    [
        ([(1, 'passed'), (4, 'passed')], 4),
        ([(1, 'passed'), (4, 'failed')], 3),
        ([(1, 'passed'), (3, 'deviation'), (4, 'failed')], 2),
        ([(1, 'failed'), (4, 'passed')], 0),
        ([(1, 'not declared'), (2, 'not declared')], 4),
    ],
)
def test_the_level_is_the_highest_below_which_nothing_is_missing(outcomes: list[tuple[int, str]], level: int) -> None:
    assert level_reached([entry('test_a', each, outcome) for each, outcome in outcomes]) == level


def test_every_outcome_is_counted() -> None:
    found = counted([entry('test_a'), entry('test_b', outcome='deviation'), entry('test_c')])
    assert found == {'passed': 2, 'failed': 0, 'deviation': 1, 'not declared': 0, 'skipped': 0}


@pytest.mark.parametrize(
    ('found', 'failed'),
    [
        (run(entry('test_a')), False),
        (run(entry('test_a', outcome='deviation')), False),
        (run(entry('test_a', outcome='failed')), True),
        (run(entry('test_a'), worse=['test_b']), True),
        (run(), True),
        (run(entry('test_a', outcome='not declared')), True),
    ],
)
def test_what_is_a_failure(found: dict[str, Any], failed: bool) -> None:
    assert has_failed(found) == failed


def test_the_report_in_words() -> None:
    traceback = (
        'def test_a():\n    ...\nE   AssertionError: assert 1 == 2\nE   one is not two\n\nfile.py:3: AssertionError'
    )
    found = run(
        entry('test_a[x]', 2, 'failed', failure=traceback),
        entry('test_b[1]', 3, 'deviation', reason='acme cannot'),
        entry('test_b[2]', 3, 'deviation', reason='acme cannot'),
        entry('test_c', 1, 'not declared', reason='tls'),
        entry('test_d', 1, 'skipped', reason='no ::1 here'),
        entry('test_e'),
        worse=['test_b[2]'],
    )
    assert in_words(found).splitlines()[0].startswith('Conformance of wsgiref (bottle ')
    assert in_words(found).split('\n', 1)[1] == (
        '\n'
        'suite        passed  failed  deviation  not declared  skipped\n'
        'BodiesSuite       1       1          2             1        1\n'
        'all               1       1          2             1        1\n'
        '\n'
        'Failed:\n'
        '  BodiesSuite::test_a[x] (level 2)\n'
        '      It holds. [RFC 9112, 6.3]\n'
        '      AssertionError: assert 1 == 2\n'
        '      one is not two\n'
        '\n'
        'Worse than its backend, which passes when it is started by hand:\n'
        '  test_b[2]\n'
        '\n'
        'Known deviations:\n'
        '  test_b (2 tests): acme cannot\n'
        '\n'
        'Not declared:\n'
        '  tls\n'
        '\n'
        'Skipped:\n'
        '  test_d: no ::1 here\n'
        '\n'
        'Level 1: WSGI-correct; for level 2, safe behind a proxy, it lacks test_a'
    )


def test_a_server_without_fault_has_a_short_report() -> None:
    *_, last = in_words(run(entry('test_a'))).split('\n\n')
    assert last == 'Level 4: operations'


def test_the_cause_of_a_failure_without_traceback() -> None:
    assert cause('[XPASS(strict)] acme cannot') == '[XPASS(strict)] acme cannot'


def test_the_description_of_a_server_is_that_of_its_distribution() -> None:
    found = description('wsgiref', server_names['wsgiref'])
    assert (found['distribution'], found['backend'], found['backend_version']) == ('bottle', '', '')
    assert '3.11' in found['pythons']
    assert found['capabilities']['concurrency'] == 'threads'


@pytest.mark.parametrize(('level', 'sections'), [(0, ['RFC 9112, 6.3']), (5, ['RFC 9112, 6.3']), (1, [])])
def test_a_rule_without_level_or_section_is_refused(level: int, sections: list[str]) -> None:
    with pytest.raises(ValueError, match='a rule has a level'):
        rule(level, *sections)
