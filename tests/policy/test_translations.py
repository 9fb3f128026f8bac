"""A page in another language says what the English one says: the same sections, listings, tables and links."""

import re
from pathlib import Path, PurePosixPath

import pytest

from tests.support.snippets import BLOCK
from tests.support.sources import ROOT

DOCS = ROOT / 'docs'
TRANSLATED = sorted(path for path in DOCS.glob('*/*.md'))
HEADING = re.compile(r'^(#+) ', re.MULTILINE)
LINK = re.compile(r'\]\((?!https?:)([^)#]*)(#[^)]*)?\)')
ITEM = re.compile(r'^- ', re.MULTILINE)
CODE = re.compile(r'`[^`\n]+`')


def outline(text: str) -> list[str]:
    """Return what every language has in common: the kinds of the blocks of a page, in their order."""
    kinds = {'#': 'heading', '|': 'table', '- ': 'list', '```': 'listing'}
    without = BLOCK.sub('```\n```', text)
    found = []
    for block in re.split(r'\n\s*\n', without.strip()):
        kind = next((kind for begin, kind in kinds.items() if block.startswith(begin)), 'paragraph')
        level = block.count('#', 0, 6) if kind == 'heading' else ''
        count = len(block.splitlines()) if kind == 'table' else len(ITEM.findall(block)) if kind == 'list' else ''
        found.append(f'{kind} {level or count}'.strip())
    return found


def targets(page: Path) -> list[str]:
    """Return where the links of a page lead, seen from docs/; a translated page has translated ones beside it."""
    found = []
    for match in LINK.finditer(BLOCK.sub('', page.read_text(encoding='utf-8'))):
        target = (page.parent / match[1]).resolve() if match[1] else page
        beside = DOCS / target.name
        found.append(str(beside if target.parent == page.parent and beside.exists() else target))
    return sorted(found)


def listings(text: str) -> list[tuple[str, ...]]:
    """Return the listings of a page, each with how it is tested."""
    return [
        (each['language'], each['directive'] or '', each['argument'] or '', each['text'])
        for each in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize('page', TRANSLATED, ids=lambda page: PurePosixPath(page.relative_to(DOCS)).as_posix())
def test_translation_is_in_step(page: Path) -> None:
    original = DOCS / page.name
    theirs, ours = original.read_text(encoding='utf-8'), page.read_text(encoding='utf-8')
    assert outline(ours) == outline(theirs)
    assert listings(ours) == listings(theirs)
    assert targets(page) == targets(original)
    assert sorted(set(CODE.findall(BLOCK.sub('', ours)))) == sorted(set(CODE.findall(BLOCK.sub('', theirs))))


def test_a_page_that_is_behind_is_noticed() -> None:
    page = '# A\n\nText `x`.\n\n- one\n- two\n\n| a |\n|---|\n| b |\n\n```sh\nls\n```\n'
    assert outline(page) == ['heading 1', 'paragraph', 'list 2', 'table 3', 'listing']
    assert outline(page.replace('- two\n', '')) != outline(page)
    assert outline(page.replace('| b |\n', '')) != outline(page)
    assert listings(page.replace('ls', 'll')) != listings(page)
