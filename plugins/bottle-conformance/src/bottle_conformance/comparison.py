"""Running the kit on a server, and on its backend started by hand: an adapter may never be worse than its backend."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bottle.errors import ServerError
from bottle_conformance import by_hand as by_hand_package
from bottle_conformance.deviations import known_deviations
from bottle_conformance.report import DEVIATION, FAILED, PASSED, description
from bottle_conformance.summary import base_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bottle.serving import ServerAdapter
    from bottle_conformance.report import Data

HERE = Path(__file__).parent
ALONE = ['-c', os.devnull, f'--rootdir={HERE}', '-p', 'no:cacheprovider']  # whatever is configured where it is run
TERSE = ['-q', '--no-header', '--no-summary', '--tb=no']
TESTS_RAN = (0, 1, 5)  # the exit codes of pytest that mean that all tests ran: passed, failed, there were none


class KitError(ServerError):
    """The tests could not be run."""


def examine(name: str, *, quick: bool = False, by_hand: bool = False, arguments: Sequence[str] = ()) -> Data:
    """Run the kit on a server and return its results, with what was tested.

    A test that is known to fail is run on the backend started by hand, too, where the kit can start it.

    Parameters:
        name: the name of the server, or `module:Class`.
        quick: whether to leave out the tests that take long.
        by_hand: whether to test its backend, started by its own API.
        arguments: further arguments of pytest.

    Raises:
        ServerError: there is no such server, its backend is missing, or the tests could not be run.
    """
    from bottle import server_names
    from bottle.serving.registry import registry

    adapter = server_names[name]
    registry.require_backend(adapter)
    if by_hand and not can_be_started_by_hand(name):
        raise KitError(f'the kit cannot start the backend of {name!r} by hand: it has no module by_hand/{name}.py')
    chosen = [*(['--bottle-quick'] if quick else []), *(['--bottle-by-hand'] if by_hand else [])]
    data = _run(name, [*chosen, *arguments])
    deviating = [] if by_hand else _comparable(adapter, data)
    return {
        'server': description(name, adapter),
        'quick': quick,
        'by_hand': by_hand,
        **data,
        'worse': worse_than_backend(name, deviating),
    }


def can_be_started_by_hand(name: str) -> bool:
    """Return whether the kit has a module that starts the backend of a server.

    Parameters:
        name: the name of the server.
    """
    return name in (module.name for module in pkgutil.iter_modules(by_hand_package.__path__))


def worse_than_backend(name: str, tests: Sequence[str]) -> list[str]:
    """Return which tests pass on the backend of a server, started by hand.

    Parameters:
        name: the name of the server.
        tests: those that its adapter does not pass.
    """
    if not tests or not can_be_started_by_hand(name):
        return []
    data = _run(name, ['--bottle-by-hand'], tests)
    return [test['test'] for test in data['tests'] if test['outcome'] == PASSED]


def _comparable(adapter: type[ServerAdapter], data: Data) -> list[str]:
    """Return the tests that deviate in every run, and whose pass by hand would mean that the backend is better."""
    known = known_deviations(adapter)
    deviating = [test for test in data['tests'] if test['outcome'] == DEVIATION]
    found = {test['test']: known.get(test['test']) or known.get(base_name(test)) for test in deviating}
    return [test for test, each in found.items() if each is None or not (each.by_chance or each.by_hand)]


def has_failed(data: Data) -> bool:
    """Return whether a run has found anything that is not known, or nothing at all.

    Parameters:
        data: what `examine` has returned.
    """
    outcomes = {test['outcome'] for test in data['tests']}
    return bool(data['worse']) or FAILED in outcomes or not outcomes & {PASSED, DEVIATION}


def _run(name: str, options: Sequence[str], tests: Sequence[str] = ()) -> Data:
    """Run the tests in a process of their own, whose progress is shown."""
    module = 'bottle_conformance.test_server'
    selected = [f'{module}::TestServer::{test}' for test in tests] or [module]
    with TemporaryDirectory() as folder:
        results = Path(folder) / 'results.json'
        kit = ['--pyargs', *selected, '--bottle-server', name, '--bottle-report', str(results)]
        done = subprocess.run([sys.executable, '-m', 'pytest', *ALONE, *TERSE, *kit, *options], check=False)
        if done.returncode not in TESTS_RAN:
            raise KitError(f'the tests could not be run: pytest ended with exit code {done.returncode}, see above')
        data: Data = json.loads(results.read_text(encoding='utf-8'))
    return data
