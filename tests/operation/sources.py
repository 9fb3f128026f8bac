"""The same options, said in every way there is: typed, in a program, in files and in the environment."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.serving.conftest import HERE

PROGRAM = """\
import sys
sys.path.insert(0, {here!r})
from bottle import run, server_names
from bottle.serving.options import ServerOptions
from bottle.serving.registry import registry
registry.call(server_names[{server!r}], 'bottle_prepare_process', options=ServerOptions())  # as a program has to
run('witness:app', **{options!r})
"""


class Start(NamedTuple):
    """How a server is started: the command and what stands in the environment besides."""

    command: list[str]
    env: dict[str, str]


def bottle(*arguments: str) -> list[str]:
    """Return the command line of bottle."""
    return [sys.executable, '-m', 'bottle', *arguments]


def listed(value: Any) -> str:
    """Return a value as it is written where everything is text."""
    return ','.join(value) if isinstance(value, list) else str(value)


def typed(folder: Path, options: Mapping[str, Any]) -> Start:
    """Give options on the command line."""
    arguments: list[str] = []
    for name, value in options.items():
        if name == 'backend':
            arguments += [word for each in value.items() for word in ('-o', '{}={}'.format(*each))]
        elif value is True:
            arguments += [f'--{name.replace("_", "-")}']
        else:
            arguments += [f'--{name.replace("_", "-")}', listed(value)]
    return Start(bottle('witness:app', *arguments), {'PYTHONPATH': str(HERE)})


def programmed(folder: Path, options: Mapping[str, Any]) -> Start:
    """Give options to `run`, those of the backend among the others."""
    ours = {name: value for name, value in options.items() if name != 'backend'}
    program = folder / 'program.py'
    program.write_text(
        PROGRAM.format(here=str(HERE), server=options['server'], options={**ours, **options.get('backend', {})})
    )
    return Start([sys.executable, str(program)], {})


def in_toml(folder: Path, options: Mapping[str, Any]) -> Start:
    """Give options in a TOML file."""
    return _in_file(folder / 'options.toml', options, _toml)


def in_ini(folder: Path, options: Mapping[str, Any]) -> Start:
    """Give options in an INI file."""
    return _in_file(folder / 'options.ini', options, listed)


def in_environment(folder: Path, options: Mapping[str, Any]) -> Start:
    """Give options in the environment, which knows none of the backend."""
    ours = {f'BOTTLE_{name.upper()}': listed(value) for name, value in options.items() if name != 'backend'}
    backend = typed(folder, {'backend': options.get('backend', {})})
    return Start(backend.command, {**backend.env, **ours})


SOURCES: dict[str, Callable[[Path, Mapping[str, Any]], Start]] = {
    'command line': typed,
    'run()': programmed,
    'TOML': in_toml,
    'INI': in_ini,
    'environment': in_environment,
}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)  # of texts, numbers and lists it is TOML, too


def _in_file(path: Path, options: Mapping[str, Any], written: Callable[[Any], str]) -> Start:
    backend = options.get('backend', {})
    lines = ['[server]', *(f'{name} = {written(value)}' for name, value in options.items() if name != 'backend')]
    lines += ['[server.options]', *(f'{name} = {written(value)}' for name, value in backend.items())]
    path.write_text('\n'.join(lines))
    return Start(bottle('witness:app', '-c', str(path)), {'PYTHONPATH': str(HERE)})
