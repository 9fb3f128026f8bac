"""The commands `python -m bottle conformance` and `python -m bottle new-server`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bottle.serving import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bottle.serving.commands import CommandRegistry

CONFORMANCE = 'test whether a server keeps its promises'
NEW_SERVER = 'write a distribution with a new server adapter'


@hookimpl
def bottle_register_command(registry: CommandRegistry) -> None:
    """Add the commands."""
    registry.add('conformance', conformance, CONFORMANCE)
    registry.add('new-server', new_server, NEW_SERVER)


def conformance(arguments: Sequence[str]) -> int:
    """Test a server, print what was found and return the exit code: 1 when anything failed.

    Parameters:
        arguments: what follows the name of the command.

    Raises:
        ServerError: there is no such server, its backend is missing, or the tests could not be run.
    """
    from bottle_conformance.comparison import examine, has_failed  # they need pytest, which takes a while
    from bottle_conformance.summary import in_words

    ours, rest = _divided(arguments)
    parser = argparse.ArgumentParser(prog='python -m bottle conformance', description=CONFORMANCE)
    parser.add_argument('name', metavar='NAME', help='the server')
    parser.add_argument('--quick', action='store_true', help='leave out the tests that take long')
    parser.add_argument('--by-hand', action='store_true', help='test its backend, started by its own API')
    parser.add_argument('--json', metavar='FILE', type=Path, help='write the results to a file')
    parser.epilog = 'What follows -- goes to pytest.'
    given = parser.parse_args(ours)
    data = examine(given.name, quick=given.quick, by_hand=given.by_hand, arguments=rest)
    if given.json:
        given.json.write_text(json.dumps(data, indent=1), encoding='utf-8')
    _say(f'\n{in_words(data)}')
    return int(has_failed(data))


def new_server(arguments: Sequence[str]) -> int:
    """Write a distribution with a new adapter and return the exit code.

    Parameters:
        arguments: what follows the name of the command.

    Raises:
        ServerError: the name cannot be used, or there is such a folder.
    """
    from bottle_conformance.scaffold import write_distribution

    parser = argparse.ArgumentParser(prog='python -m bottle new-server', description=NEW_SERVER)
    parser.add_argument('name', metavar='NAME', help='the name of the server, such as acme')
    parser.add_argument('--out', metavar='FOLDER', type=Path, help='what to write; bottle-server-NAME when not given')
    given = parser.parse_args(arguments)
    folder = write_distribution(given.name, given.out)
    print(f'{folder} is written. Install it and test it:\n')
    print(f'    python -m pip install -e {folder}\n    python -m bottle conformance {given.name} --quick')
    return 0


def _say(text: str) -> None:
    """Print a text; what the terminal cannot show, as a server may send anything, is escaped."""
    encoding = sys.stdout.encoding or 'utf-8'
    print(text.encode(encoding, 'backslashreplace').decode(encoding))


def _divided(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and behind the first `--`."""
    given = list(arguments)
    place = given.index('--') if '--' in given else len(given)
    return given[:place], given[place + 1 :]
