"""What an adapter declares is what its server can do, neither more nor less: the kit measures each capability."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bottle.serving import Capabilities
from bottle_conformance import ServerSuite
from tests.support.processes import attempt
from tests.support.snippets import snippets
from tests.support.sources import ROOT

EXAMPLE = ROOT / 'docs' / 'writing-an-adapter.md'
MEASURED = 'test_declared_'
LIARS = """
from bottle.serving import Capabilities
from bottle.serving.builtin import WSGIRefServer

EVERYTHING = {name: True for name, kind in Capabilities.__annotations__.items() if kind == 'bool'}

class Boaster(WSGIRefServer):
    capabilities = Capabilities(concurrency='processes', **EVERYTHING)

class Modest(WSGIRefServer):
    capabilities = Capabilities(concurrency='sync', prebound_sockets=True)
"""
BOASTED = {'concurrency', 'http2', 'worker_processes', 'threads_option'}
CONCEALED = {  # but for `tls`, which the core refuses where it is not declared
    'concurrency',
    'unix_sockets',
    'ipv6',
    'chunked_requests',
    'streaming',
    'keep_alive',
    'graceful_drain',
    'file_wrapper',
}


def measured(name: str, folder: Path) -> dict[str, str]:
    """Return what becomes of the test of each capability of an adapter in a folder."""
    results = folder / 'results.json'
    chosen = ['--bottle-quick', '--bottle-report', str(results), '-k', MEASURED]
    kit = [sys.executable, '-m', 'pytest', '--pyargs', 'bottle_conformance', '--bottle-server', name]
    done = attempt([*kit, *chosen, '-q', '-p', 'no:cacheprovider'], folder)
    assert results.exists(), done.stdout + done.stderr
    tests: list[dict[str, Any]] = json.loads(results.read_text())['tests']
    return {test['test'].removeprefix(MEASURED): test['outcome'] for test in tests if test['test'].startswith(MEASURED)}


def test_every_capability_is_measured() -> None:
    tests = [name.removeprefix(MEASURED) for name in dir(ServerSuite) if name.startswith(MEASURED)]
    assert sorted(tests) == sorted(Capabilities.__annotations__)


@pytest.mark.parametrize(('name', 'lies'), [('Boaster', BOASTED), ('Modest', CONCEALED)])
def test_each_false_declaration_is_found(name: str, lies: set[str], tmp_path: Path) -> None:
    (tmp_path / 'liars.py').write_text(LIARS)
    outcomes = measured(f'liars:{name}', tmp_path)
    assert {field for field, outcome in outcomes.items() if outcome == 'failed'} == lies
    assert {field for field, outcome in outcomes.items() if outcome == 'passed'} == set(outcomes) - lies


def test_the_example_of_an_adapter_keeps_its_promises(tmp_path: Path) -> None:
    [example] = [one for one in snippets(EXAMPLE) if one.argument == 'bottle_server_pause.py']
    (tmp_path / example.argument).write_text(example.text)
    outcomes = measured('bottle_server_pause:PauseServer', tmp_path)
    assert outcomes == dict.fromkeys(Capabilities.__annotations__, 'passed')
