"""The results of a run in words, for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bottle_conformance.report import DEVIATION, FAILED, NOT_DECLARED, OUTCOMES, SKIPPED, counted
from bottle_conformance.rules import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bottle_conformance.report import Data

LONGEST_CAUSE = 3  # lines of what a failed test has found


def in_words(data: Data) -> str:
    """Return the results of a run as a text: suites, failures, deviations, what is not declared, the level.

    Parameters:
        data: what `comparison.examine` has returned.
    """
    tests = data['tests']
    parts = [
        [_title(data)],
        _table(tests),
        _listed('Failed', map(_failure, _with(tests, FAILED))),
        _listed('Worse than its backend, which passes when it is started by hand', data['worse']),
        _listed('Known deviations', grouped(_with(tests, DEVIATION))),
        _listed('Not declared', grouped(_with(tests, NOT_DECLARED), lambda test: test['reason'], reasons=False)),
        _listed('Skipped', grouped(_with(tests, SKIPPED))),
        [_level(data)],
    ]
    return '\n\n'.join('\n'.join(part) for part in parts if part)


def base_name(test: Data) -> str:
    """Return the name of a test without its parameters.

    Parameters:
        test: a test as `Results.as_data` has it.
    """
    return str(test['test']).partition('[')[0]


def grouped(tests: Sequence[Data], key: Callable[[Data], str] = base_name, *, reasons: bool = True) -> Iterator[str]:
    """Yield a line for each name, with how many tests it stands for and their reason.

    Parameters:
        tests: tests with a reason, as `Results.as_data` has them.
        key: says by which name a test goes.
        reasons: whether the reason is part of the line.
    """
    groups = Counter((key(test), test['reason'] if reasons else '') for test in tests)
    for (name, reason), number in groups.items():
        many = f' ({number} tests)' if number > 1 else ''
        yield f'{name}{many}: {reason}' if reason else f'{name}{many}'


def cause(failure: str) -> str:
    """Return the lines of a traceback that say what is wrong.

    Parameters:
        failure: what pytest says of a failed test.
    """
    lines = failure.strip().splitlines()
    marked = [line[1:].strip() for line in lines if line.startswith('E ')]
    return '\n'.join(marked[:LONGEST_CAUSE] or lines[-LONGEST_CAUSE:])


def level_in_words(level: int) -> str:
    """Return what a level means.

    Parameters:
        level: 0 to 4.
    """
    return LEVELS.get(level, 'not WSGI-correct')


def _title(data: Data) -> str:
    server = data['server']
    adapter = f'{server["distribution"]} {server["version"]}'.strip()
    backend = f'{server["backend"]} {server["backend_version"]}'.strip()
    what = ', '.join(each for each in (adapter, backend, f'Python {data["python"]}') if each)
    how = ', started by hand' if data['by_hand'] else ''
    return f'Conformance of {server["name"]} ({what}){how}, {"quick" if data["quick"] else "thorough"}'


def _table(tests: Sequence[Data]) -> list[str]:
    suites = list(dict.fromkeys(test['suite'] for test in tests))
    rows = [(suite, [test for test in tests if test['suite'] == suite]) for suite in suites]
    counts = [(suite, *map(str, counted(found).values())) for suite, found in [*rows, ('all', list(tests))]]
    lines = [('suite', *OUTCOMES), *counts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        '  '.join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]


def _with(tests: Sequence[Data], outcome: str) -> list[Data]:
    return [test for test in tests if test['outcome'] == outcome]


def _listed(title: str, items: Iterator[str] | Sequence[str]) -> list[str]:
    found = list(items)
    return [f'{title}:', *('  ' + item.replace('\n', '\n      ') for item in found)] if found else []


def _failure(test: Data) -> str:
    where = f'{test["suite"]}::{test["test"]} (level {test["level"]})'
    return f'{where}\n{test["says"]} [{"; ".join(test["sections"])}]\n{cause(test.get("failure", ""))}'


def _level(data: Data) -> str:
    level = data['level']
    missed = [t for t in data['tests'] if t['outcome'] in (FAILED, DEVIATION) and t['level'] == level + 1]
    names = ', '.join(dict.fromkeys(map(base_name, missed)))
    after = f'; for level {level + 1}, {LEVELS[level + 1]}, it lacks {names}' if missed else ''
    return f'Level {level}: {level_in_words(level)}{after}'
