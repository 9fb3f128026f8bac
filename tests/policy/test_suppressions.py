"""A suppressed warning names its code and says why, and there are few of them."""

import re
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from tests.support.sources import python_files, shown

REASON = r'\W+\w.{8,}'
GOOD = {
    'noqa': re.compile(rf'noqa: ?[A-Z]+\d+(, ?[A-Z]+\d+)*{REASON}'),
    'type: ignore': re.compile(rf'type: ignore\[[\w-]+(, ?[\w-]+)*\]\s*#{REASON}'),
    'pragma': re.compile(rf'pragma: ?no (cover|branch){REASON}'),
    'nosec': re.compile(rf'nosec [B\d]+{REASON}'),
    'fmt: ': re.compile(rf'fmt: (on|(off|skip){REASON})'),
    'ruff: noqa': re.compile(r'(?!)'),  # a whole file is never exempt
    'mypy: ': re.compile(r'(?!)'),
}


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Return the comments of a file with their line numbers."""
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def suppressions(source: str) -> list[tuple[int, str]]:
    """Return the comments that suppress something."""
    start = re.compile(r'#\s*(' + '|'.join(map(re.escape, GOOD)) + ')', re.IGNORECASE)
    return [(line, comment) for line, comment in comments(source) if start.search(comment)]


def faults(source: str) -> list[tuple[int, str]]:
    """Return the suppressions without code or reason."""
    return [
        (line, comment)
        for line, comment in suppressions(source)
        if not all(good.search(comment) for mark, good in GOOD.items() if re.search(rf'#\s*{mark}', comment))
    ]


@pytest.mark.parametrize('path', python_files(), ids=shown)
def test_suppressions_have_code_and_reason(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_at_most_one_lint_suppression_per_thousand_lines() -> None:
    texts = [path.read_text() for path in python_files()]
    found = [comment for text in texts for _, comment in suppressions(text) if 'noqa' in comment]
    assert len(found) <= sum(text.count('\n') for text in texts) // 1000 + 1, found


@pytest.mark.parametrize(
    'comment',
    [
        '# noqa',
        '# noqa: BLE001',
        '# noqa: BLE001 -',
        '#noqa:S101',
        '# type: ignore',
        '# type: ignore  # because it is hard',
        '# type: ignore[attr-defined]',
        '# pragma: no cover',
        '# ruff: noqa: E501 because it is long',
        '# mypy: ignore-errors',
        '# fmt: off',
    ],
)
def test_a_bare_suppression_is_found(comment: str) -> None:
    assert faults(f'x = 1  {comment}\n')


@pytest.mark.parametrize(
    'comment',
    [
        '# noqa: BLE001 - a handler may raise anything',
        '# noqa: BLE001, S110 # a handler may raise anything',
        '# type: ignore[attr-defined]  # set by the backend at run time',
        '# pragma: no cover - only on systems without fork',
        '# an ordinary comment about types',
    ],
)
def test_a_reasoned_suppression_passes(comment: str) -> None:
    assert faults(f'x = 1  {comment}\n') == []


def test_text_that_is_no_comment_is_left_alone() -> None:
    assert faults('x = "# noqa"\n') == []
