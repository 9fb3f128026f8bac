"""Run the conformance kit on every server, several at once, and keep docs/servers.md to what was found.

`measure_servers.py --write` writes the tables of the page, `--check` fails when they do not say what was found. What
depends on the machine alone, such as the version of a backend, is not compared.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bottle import server_names
from bottle.serving import Capabilities
from bottle_conformance.deviations import known_deviations
from bottle_conformance.report import DEVIATION, SKIPPED, counted
from bottle_conformance.summary import base_name, grouped, level_in_words

ROOT = Path(__file__).parent.parent
PAGE = ROOT / 'docs' / 'servers.md'
REPORTS = ROOT / '.nox' / 'reports'
PREFIX = 'bottle-server-'
AT_ONCE = (os.cpu_count() or 1) + 1  # half of a run is waiting for processes
LONGEST = ('fapws3', 'meinheld', 'gae', 'bjoern', 'cgi', 'mod_wsgi')  # begin, so that none is waited for at the end
LIMIT = 1800.0  # seconds for a server
TEST_LIMIT = 180  # seconds for a test
HEAD = ['server', 'level', 'tests passed', 'deviations', 'not declared', 'drains', 'adapter', 'backend', 'Python']
FIELDS = {
    'concurrency': 'how requests run at the same time',
    'protocol': 'what is spoken with who connects',
    'prebound_sockets': 'takes sockets that the core has bound: port 0, a backlog, sockets of a service manager',
    'unix_sockets': 'listens on a unix socket',
    'ipv6': 'listens on IPv6',
    'tls': 'serves TLS',
    'chunked_requests': 'takes chunked request bodies',
    'streaming': 'sends each piece of a response at once',
    'keep_alive': 'answers several requests on one connection',
    'http2': 'speaks HTTP/2',
    'graceful_drain': 'finishes running requests when it is stopped',
    'worker_processes': 'has worker processes of its own',
    'threads_option': 'lets you set the number of threads',
    'file_wrapper': 'offers the file wrapper of PEP 3333',
}

Data = dict[str, Any]


def expected_servers() -> list[str]:
    """Return the names of all servers: those of the folders in plugins/, and what else is installed."""
    folders = (path.parent.name.removeprefix(PREFIX) for path in ROOT.glob(f'plugins/{PREFIX}*/pyproject.toml'))
    return sorted(({each.replace('-', '_') for each in folders} | set(server_names)) - {'auto'})


def measure(name: str, folder: Path, *, quick: bool) -> tuple[str, int, str]:
    """Run the kit on a server in a process of its own; return the name, the exit code and what was printed."""
    kit = ['conformance', name, *(['--quick'] if quick else []), '--json', str(folder / f'{name}.json')]
    pytest = ['--', f'--junitxml={folder / name}.xml', f'--timeout={TEST_LIMIT}', '-o', f'junit_suite_name={name}']
    process = subprocess.Popen(
        [sys.executable, '-m', 'bottle', *kit, *pytest],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)  # pytest ends what its tests have started
        printed, _ = process.communicate(timeout=TEST_LIMIT)
        return name, 1, f'{printed}\n{name}: not finished after {LIMIT:g} s'
    return name, process.returncode, printed


def measure_all(names: Sequence[str], folder: Path, *, quick: bool) -> list[str]:
    """Run the kit on servers, several at once; print what each has found and return those that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob('*.*'):
        old.unlink()
    failed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ordered = sorted(names, key=lambda name: name not in LONGEST)
        for name, code, printed in pool.map(lambda name: measure(name, folder, quick=quick), ordered):
            print(printed, flush=True)
            failed += [name] if code else []
    return failed


def load_results(names: Sequence[str], folder: Path) -> dict[str, Data]:
    """Return the results of a run by server; one that could not be run has none."""
    files = {name: folder / f'{name}.json' for name in names}
    return {name: json.loads(file.read_text(encoding='utf-8')) for name, file in files.items() if file.exists()}


def skipped(results: dict[str, Data]) -> list[str]:
    """Return which tests were skipped; none may be in CI, where everything is there that a test needs."""
    everything = ((name, test) for name, data in results.items() for test in data['tests'])
    return [f'{name}: {test["test"]}' for name, test in everything if test['outcome'] == SKIPPED]


def junit(names: Sequence[str], folder: Path) -> ElementTree.ElementTree:
    """Return the reports of all servers as one; a deviation is no test that was skipped and is left out."""
    root = ElementTree.Element('testsuites')
    for name in names:
        file = folder / f'{name}.xml'
        found = list(ElementTree.parse(file).iter('testsuite')) if file.exists() else []
        root.extend(found or [ElementTree.Element('testsuite', name=name, tests='1', errors='1')])
    for suite in root:
        expected = [test for test in suite if test.find('skipped[@type="pytest.xfail"]') is not None]
        for test in expected:
            suite.remove(test)
        for count in ('tests', 'skipped'):
            suite.set(count, str(int(suite.get(count, 0)) - len(expected)))
    return ElementTree.ElementTree(root)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in [head, ['---'] * len(head), *rows])


def results_table(results: dict[str, Data]) -> str:
    """Return the table of what was found, a row for each server."""
    return table(HEAD, [_result_row(name, data) for name, data in results.items()])


def _result_row(name: str, data: Data) -> list[str]:
    server, counts = data['server'], counted(data['tests'])
    page = f'../plugins/{server["distribution"]}/README.md'
    return [
        f'[`{name}`]({page})' if server['distribution'] != 'bottle' else f'`{name}`',
        f'{data["level"]}, {level_in_words(data["level"])}',
        *(str(counts[each]) for each in ('passed', 'deviation', 'not declared')),
        shown(server['capabilities']['graceful_drain']),
        f'{server["version"]}',
        f'{server["backend"]} {server["backend_version"]}'.strip() or 'Python itself',
        ', '.join(server['pythons']),
    ]


def capabilities_table(results: dict[str, Data]) -> str:
    """Return the table of what the adapters declare, a column for each server."""
    rows = [
        [f'{FIELDS[field]} · `{field}`', *(shown(each['server']['capabilities'][field]) for each in results.values())]
        for field in Capabilities.__annotations__
    ]
    return table(['', *(f'`{name}`' for name in results)], rows)


def shown(value: object) -> str:
    """Return a capability as the tables show it."""
    return ('yes' if value else 'no') if isinstance(value, bool) else str(value)


def deviations_list(results: dict[str, Data]) -> str:
    """Return the deviations of each server that has any, with their reasons."""
    return '\n\n'.join(_deviations(name, data) for name, data in results.items()).strip() or 'There are none.'


def _deviations(name: str, data: Data) -> str:
    measured = [test for test in data['tests'] if test['outcome'] == DEVIATION]
    names = {name for test in measured for name in (test['test'], base_name(test))}
    known = known_deviations(server_names[name]).items() if name in server_names else ()
    later = [{'test': test, 'reason': str(each)} for test, each in known if test not in names]  # a whole run shows them
    found = grouped([*measured, *later])
    lines = [re.sub(r'^\w+', r'`\g<0>`', f'{line}') for line in found]
    return '\n'.join([f'**{name}**', '', *(f'- {line}' for line in lines)]) if lines else ''


PARTS: dict[str, Callable[[dict[str, Data]], str]] = {
    'results': results_table,
    'capabilities': capabilities_table,
    'deviations': deviations_list,
}


def rewritten(page: str, results: dict[str, Data]) -> str:
    """Return a page whose measured parts say what was found: those between `<!-- measured: NAME -->` and `end`."""
    order = {name: results[name] for name in sorted(results, key=lambda name: (name != 'wsgiref', name))}
    for name, render in PARTS.items():
        begin, end = f'<!-- measured: {name} -->\n', '\n<!-- measured: end -->'
        before, middle, after = page.partition(begin)
        _, last, rest = after.partition(end)
        if not (middle and last):
            raise SystemExit(f'the page has no part {name}: put {begin.strip()} and {end.strip()} where it belongs')
        page = f'{before}{begin}\n{render(order)}\n{end}{rest}'
    return page


def comparable(page: str) -> list[str]:
    """Return the lines of a page without versions, which are those of the machine."""
    return re.sub(r'\b\d+\.[\w.]+', '…', page).splitlines()


def differences(page: str, results: dict[str, Data]) -> Iterator[str]:
    """Return the lines of a page that do not say what was found, and those that would."""
    before, after = comparable(page), comparable(rewritten(page, results))
    yield from (f'- {line}' for line in before if line not in after)
    yield from (f'+ {line}' for line in after if line not in before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; the exit code tells whether anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', metavar='NAME', nargs='*', help='a server; all when there is none')
    parser.add_argument('--thorough', action='store_true', help='run the tests that take long, too')
    parser.add_argument('--reuse', action='store_true', help='take the results of the last run')
    parser.add_argument('--write', action='store_true', help='write what was found into docs/servers.md')
    parser.add_argument('--check', action='store_true', help='fail when docs/servers.md does not say what was found')
    given = parser.parse_args(arguments)
    if given.names and (given.write or given.check):
        parser.error('the page is about all servers: name none')
    names, folder = given.names or expected_servers(), REPORTS / 'conformance'
    failed = [] if given.reuse else measure_all(names, folder, quick=not given.thorough)
    junit(names, folder).write(REPORTS / f'kit-{"thorough" if given.thorough else "quick"}.xml')
    results = load_results(names, folder)
    faults = [f'failed: {", ".join(failed)}'] if failed else []
    faults += [f'could not be run: {name}' for name in names if name not in results]
    faults += [f'skipped: {each}' for each in skipped(results)] if os.environ.get('CI') == 'true' else []
    faults += _page_faults(results, write=given.write, check=given.check)
    print(*faults, f'{len(results)} of {len(names)} servers measured, {len(faults)} faults', sep='\n')
    return 1 if faults else 0


def _page_faults(results: dict[str, Data], *, write: bool, check: bool) -> list[str]:
    page = PAGE.read_text(encoding='utf-8') if write or check else ''
    if write:
        PAGE.write_text(rewritten(page, results), encoding='utf-8')
    found = list(differences(page, results)) if check else []
    return ['docs/servers.md does not say what was found: scripts/measure_servers.py --write', *found] if found else []


if __name__ == '__main__':
    sys.exit(main())
