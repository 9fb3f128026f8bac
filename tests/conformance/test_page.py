"""docs/servers.md is written from a run: what does not depend on the machine must be as it was found."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bottle import server_names
from bottle_conformance.deviations import known_deviations
from bottle_conformance.report import description
from scripts.measure_servers import (
    PAGE,
    PREFIX,
    ROOT,
    comparable,
    differences,
    expected_servers,
    junit,
    rewritten,
)

PARTS = ['results', 'capabilities', 'deviations']
EMPTY = ''.join(f'Before {part}.\n<!-- measured: {part} -->\n\n<!-- measured: end -->\n' for part in PARTS)


def results(level: int = 4, reason: str = '') -> dict[str, Any]:
    """Return the results of a server, which deviates where a reason is given."""
    deviation = [{'test': f'test_b[{each}]', 'outcome': 'deviation', 'reason': reason} for each in '12' if reason]
    tests = [{'test': 'test_a', 'outcome': 'passed'}, *deviation]
    return {'server': description('wsgiref', server_names['wsgiref']), 'level': level, 'tests': tests}


def test_the_page_is_written_from_results() -> None:
    page = rewritten(EMPTY, {'wsgiref': results(2, 'Why. (acme/server.py)')})
    assert '| `wsgiref` | 2, safe behind a proxy | 1 | 2 | 0 | yes |' in page
    assert '| speaks HTTP/2 · `http2` | no |' in page
    assert '**wsgiref**\n\n- `test_b` (2 tests): Why. (acme/server.py)\n' in page
    assert [part for part in PARTS if f'Before {part}.\n' not in page] == []
    assert rewritten(page, {'wsgiref': results(2, 'Why. (acme/server.py)')}) == page


def test_what_differs_is_found() -> None:
    page = rewritten(EMPTY, {'wsgiref': results()})
    assert list(differences(page, {'wsgiref': results()})) == []
    [old, new] = [line[:27] for line in differences(page, {'wsgiref': results(3)})]
    assert (old, new) == ('- | `wsgiref` | 4, operatio', '+ | `wsgiref` | 3, safe whe')
    assert any('Why.' in line for line in differences(page, {'wsgiref': results(4, 'Why.')}))
    assert any('`gevent`' in line for line in differences(page, {'wsgiref': results(), 'gevent': results()}))


def test_versions_are_not_compared() -> None:
    assert comparable('| gevent 26.9.0 |') == comparable('| gevent 27.1.post1 |')
    assert comparable('| 3 | 4 |') != comparable('| 3 | 5 |')


def test_a_page_without_a_part_is_refused() -> None:
    with pytest.raises(SystemExit, match='the page has no part results'):
        rewritten('', {})


def test_the_page_has_every_server() -> None:
    text = PAGE.read_text()
    assert [name for name in expected_servers() if f'`{name}`' not in text] == []
    folders = {path.name.removeprefix(PREFIX).replace('-', '_') for path in ROOT.glob(f'plugins/{PREFIX}*')}
    assert folders <= set(server_names)


def test_the_page_has_every_deviation() -> None:
    text = PAGE.read_text()
    known = {name: known_deviations(server_names[name]) for name in expected_servers()}
    named = {f'`{test.partition("[")[0]}`' for deviations in known.values() for test in deviations}
    assert [test for test in named if test not in text] == []


def test_a_report_counts_what_could_not_run_and_leaves_out_deviations(tmp_path: Path) -> None:
    (tmp_path / 'acme.xml').write_text(
        '<testsuites><testsuite name="acme" tests="3" failures="1" errors="0" skipped="1">'
        '<testcase name="a"/><testcase name="b"><failure/></testcase>'
        '<testcase name="c"><skipped type="pytest.xfail"/></testcase></testsuite></testsuites>'
    )
    root = junit(['acme', 'gone'], tmp_path).getroot()
    assert isinstance(root, ElementTree.Element)
    counts = [(suite.get('name'), suite.get('tests'), suite.get('skipped', '0')) for suite in root]
    assert counts == [('acme', '2', '0'), ('gone', '1', '0')]
    assert root[1].get('errors') == '1'
