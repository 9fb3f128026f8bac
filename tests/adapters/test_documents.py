"""What the documentation says about the adapters is what they say themselves."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from bottle import server_names
from bottle.serving import Capabilities
from tests.support.sources import ROOT

SERVERS = [name for name in server_names if name != 'auto']
PAGE = ROOT / 'docs' / 'servers.md'


def tables(page: Path) -> Iterator[list[list[str]]]:
    """Return the tables of a page as rows of cells."""
    for block in re.findall(r'(?:^\|.*\|\n)+', page.read_text(encoding='utf-8'), re.MULTILINE):
        yield [[cell.strip() for cell in line.strip('|').split('|')] for line in block.splitlines()]


def words(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r'`([^`]+)`', cell)


def shown(value: object) -> str:
    """Return a capability as the table shows it."""
    return ('yes' if value else 'no') if isinstance(value, bool) else str(value)


def test_the_table_of_capabilities_is_what_the_adapters_declare() -> None:
    head, _, *rows = next(table for table in tables(PAGE) if 'wsgiref' in table[0][1])
    names = [word for cell in head for word in words(cell)]
    assert sorted(names) == SERVERS
    table = {words(row[0])[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
    assert list(table) == list(Capabilities.__annotations__)
    declared = {name: asdict(server_names[name].capabilities) for name in names}
    assert table == {field: {name: shown(declared[name][field]) for name in names} for field in table}


def documented_options(page: Path) -> list[str]:
    """Return the options that a README lists, or that the README lists to which it refers for them."""
    listed = [row for head, _, *rows in tables(page) if head[0] == 'option' for row in rows]
    if referred := re.search(r'\]\(([^)]*README\.md)#options\)', page.read_text(encoding='utf-8')):
        return documented_options((page.parent / referred[1]).resolve())
    return [word for row in listed for word in words(row[0])]


@pytest.mark.parametrize(
    'page', sorted(ROOT.glob('plugins/bottle-server-*/README.md')), ids=lambda page: page.parent.name
)
def test_options_in_a_readme_are_known(page: Path) -> None:
    adapter = server_names[page.parent.name.removeprefix('bottle-server-').replace('-', '_')]()
    known = adapter.native_options() or ()
    options = documented_options(page)
    assert bool(options) == bool(known)
    assert set(options) <= set(known)
