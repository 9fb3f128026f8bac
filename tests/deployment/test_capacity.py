"""docs/capacity.md: what it calculates follows from what it has measured, and from the files that are generated."""

import re

from benchmarks import capacity

from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS

PAGE = capacity.PAGE.read_text(encoding='utf-8')


def rows(text: str) -> list[tuple[str, ...]]:
    """Return the cells of the first table of a text, its head included."""
    table = re.search(r'(^\|.*\n)+', text, re.MULTILINE)
    assert table
    lines = [tuple(cell.strip() for cell in line.strip('|').split('|')) for line in table[0].splitlines()]
    return [line for line in lines if set(line) != {'---'}]


def part(name: str) -> list[tuple[str, ...]]:
    """Return the table of the page that was measured or calculated."""
    return rows(PAGE.partition(f'<!-- measured: {name} -->')[2])


def test_the_page_calculates_with_what_it_has_measured() -> None:
    costs = capacity.costs(part('figures'))
    assert list(costs) == capacity.BALANCERS
    assert part('instances') == capacity.calculated(costs)


def test_tables_are_written_where_they_belong() -> None:
    tables: dict[str, list[tuple[str, ...]]] = {'figures': [('a', 'b'), ('1', '2')], 'instances': [('c',), ('3',)]}
    page = capacity.written(PAGE, tables)
    assert [rows(page.partition(f'measured: {name}')[2]) for name in tables] == [*tables.values()]
    assert capacity.written(page, {'figures': part('figures'), 'instances': part('instances')}) == PAGE


def test_the_page_tells_the_limits_of_what_is_generated() -> None:
    limits = rows(PAGE.partition('### What else has an end')[2])[1:]
    assert {line[0].strip('`') for line in limits} == set(capacity.BALANCERS)
    for name, *cells in limits:
        files = ''.join(TARGETS[name.strip('`')].files(make_plan({'app': 'myapp:app'})).values())
        directives = re.findall(r'`(\w+[ =]\w[^`]*)`', ''.join(cells))
        assert [each for each in directives if each not in files] == []
