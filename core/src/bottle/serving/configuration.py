"""Where options come from: the caller, configuration files, the environment. For each option the highest one wins."""

from __future__ import annotations

import os
from collections import ChainMap
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bottle._util import nearest
from bottle.errors import ServerOptionError
from bottle.serving import readers
from bottle.serving.addresses import DEFAULT_HOST, DEFAULT_PORT, format_bind, parse_port
from bottle.serving.options import Option, ServerOptions, portable_options, read_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TABLE = 'server'
BACKEND_TABLE = 'options'
ROOT_SECTIONS = ('bottle', 'ROOT')  # of INI files
PREFIX = 'BOTTLE_'
OWN_VARIABLES = frozenset({'CHILD', 'DISABLED_SERVERS', 'LOCKFILE', 'NIGHTLY', 'RELOADER_LIFELINE', 'WORKER'})
PORT_VARIABLE = 'PORT'
EVERY_INTERFACE = '0.0.0.0'

ADDRESS = {
    'host': Option('host', DEFAULT_HOST, readers.host, 'HOST', 'the host of `bind`'),
    'port': Option('port', DEFAULT_PORT, parse_port, 'PORT', 'the port of `bind`'),
}


class FileOptions(NamedTuple):
    """The options that one configuration file gives.

    Parameters:
        path: the file.
        values: what its table `[server]` holds, by the names of the options; under `backend` its `[server.options]`.
    """

    path: str
    values: Mapping[str, Any]


class Given(NamedTuple):
    """A value, and who gave it.

    Parameters:
        value: a text or a Python value.
        source: how the user has written the option, for errors, such as `--threads` or `BOTTLE_THREADS`.
    """

    value: Any
    source: str


Level: TypeAlias = dict[str, Given]


def in_words(name: str) -> str:
    """Return how errors call an option that a program has given.

    Parameters:
        name: the option's name.
    """
    return f'the option {name!r}'


def resolve(
    given: Mapping[str, Any],
    files: Sequence[FileOptions] = (),
    environ: Mapping[str, str] | None = None,
    spelling: Callable[[str], str] = in_words,
) -> ServerOptions:
    """Return the options that hold when each is looked for at one place after the other.

    The places, highest first: the caller, the files (a later one before an earlier), the variables `BOTTLE_<OPTION>`,
    the defaults. `$PORT` holds when nobody says where to listen or only the host; without a host that is every
    interface, because the platforms that set it ask from outside. Options of the backend are merged name by name.

    Parameters:
        given: what the caller has given, by name; `host` and `port` may take the place of `bind`.
        files: what configuration files give.
        environ: the environment; that of the process when None.
        spelling: how the caller writes the option of a name, for errors.

    Raises:
        ServerOptionError: a value is not what its option takes, options contradict each other, or a variable is
            misspelt.
    """
    environ = os.environ if environ is None else environ
    levels = [
        _level(given, spelling),
        *(_level(each.values, partial(_in_file, each.path)) for each in reversed(files)),
        _level(_variables(environ), _variable),
    ]
    options, chosen = portable_options(), ChainMap(*levels)
    plain = chosen.keys() - ADDRESS.keys() - {'bind', 'backend'}
    values = {name: read_option(options[name], *chosen[name]) for name in options if name in plain}
    if address := _address(levels, environ.get(PORT_VARIABLE, '')):
        values['bind'] = address
    return ServerOptions(**values, backend=_merged(levels))


def read_file(path: str) -> tuple[FileOptions, Mapping[str, Any]]:
    """Read a configuration file: `.toml`, `.json`, or INI under any other name.

    Parameters:
        path: the file.

    Returns:
        The options of its table `[server]`, and everything else, which is the application's: nested for TOML and JSON,
        under dotted names for INI.

    Raises:
        ServerOptionError: it cannot be read or understood, or has an option that does not exist.
    """
    try:
        values = _content(path)
    except (OSError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())
        raise ServerOptionError(f'the configuration file {path!r} cannot be read: {reason}') from error
    if not isinstance(values, dict):
        what = f'it holds a {type(values).__name__}, not an object with names and values'
        raise ServerOptionError(f'the configuration file {path!r} cannot be read: {what}')
    table = values.pop(TABLE, {})
    if not isinstance(table, dict):
        raise ServerOptionError(f'{TABLE} in {path} is no table: write [{TABLE}], and one option a line below it')
    return FileOptions(path, _named(table, path)), values


def _level(values: Mapping[str, Any], spelling: Callable[[str], str]) -> Level:
    level = {name: Given(value, spelling(name)) for name, value in values.items() if value is not None}
    for part in ADDRESS.keys() & level.keys() if 'bind' in level else ():
        raise ServerOptionError(f'{spelling("bind")} and {spelling(part)} contradict each other: give one of them')
    return level


def _address(levels: Sequence[Level], port_variable: str) -> tuple[str, ...] | None:
    """Return where to listen, None for the default.

    A `bind` ends the search: what stands above replaces it whole, what stands below does not count.
    """
    found: Level = {}
    for level in levels:
        if 'bind' in level:
            return _combined(found) or read_option(portable_options()['bind'], *level['bind'])
        found = {name: level[name] for name in ADDRESS if name in level} | found
    if 'port' not in found and port_variable:
        found = {'host': Given(EVERY_INTERFACE, ''), **found, 'port': Given(port_variable, PORT_VARIABLE)}
    return _combined(found)


def _combined(found: Level) -> tuple[str, ...] | None:
    if not found:
        return None
    host, port = (
        read_option(option, *found[name]) if name in found else option.default for name, option in ADDRESS.items()
    )
    return (format_bind(host, port),)


def _merged(levels: Sequence[Level]) -> dict[str, Any]:
    """Return the options of the backend from all levels."""
    option = portable_options()['backend']
    return dict(ChainMap(*(read_option(option, *level['backend']) for level in levels if 'backend' in level)))


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the options that the environment gives; an empty variable gives none."""
    known = {_variable(name): name for name in (*portable_options(), *ADDRESS) if name != 'backend'}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    for name in sorted(ours.keys() - known.keys() - {PREFIX + each for each in OWN_VARIABLES}):
        _require_distant(name.removeprefix(PREFIX), known)
    return {known[name]: value for name, value in ours.items() if name in known}


def _require_distant(name: str, known: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly an option; another one may be the application's own."""
    from difflib import get_close_matches

    for match in get_close_matches(name, [each.removeprefix(PREFIX) for each in known], n=1, cutoff=0.8):
        raise ServerOptionError(
            f'the environment variable {PREFIX}{name} is no option: did you mean {PREFIX}{match}? Rename it or unset it'
        )


def _content(path: str) -> Any:
    import json
    import tomllib
    from pathlib import Path

    load = {'.toml': tomllib.loads, '.json': json.loads}.get(Path(path).suffix.lower())
    if load is None:
        return _ini(path)
    return load(Path(path).read_text('utf-8'))


def _ini(path: str) -> dict[str, Any]:
    """Return the content of an INI file; the sections `server` and `server.options` nested, as the other formats do."""
    from configparser import Error

    try:
        flat = _sections(path)
    except Error as error:
        raise ValueError(str(error)) from error
    except (AttributeError, TypeError) as error:  # configparser has no words of its own for it
        raise ValueError('a name without a value is continued by an indented line, or referred to by ${}') from error
    backend = {name: value and readers.literal(value) for name, value in _below(f'{TABLE}.{BACKEND_TABLE}.', flat)}
    options = dict(_below(f'{TABLE}.', flat))
    return {**flat, TABLE: {**options, BACKEND_TABLE: backend}} if options or backend else flat


def _sections(path: str) -> dict[str, Any]:
    """Return the values of an INI file under dotted names, as `ConfigDict.load_config` does."""
    from configparser import ConfigParser, ExtendedInterpolation
    from pathlib import Path

    parser = ConfigParser(allow_no_value=True, interpolation=ExtendedInterpolation())
    parser.read_string(Path(path).read_text('utf-8'), path)
    flat = {}
    for section in parser.sections():
        prefix = '' if section in ROOT_SECTIONS else f'{section}.'
        flat.update({f'{prefix}{key}'.lower(): parser.get(section, key) for key in parser.options(section)})
    return flat


def _below(prefix: str, flat: dict[str, Any]) -> list[tuple[str, Any]]:
    """Take the names with a prefix out of a flat configuration."""
    return [(name.removeprefix(prefix), flat.pop(name)) for name in list(flat) if name.startswith(prefix)]


def _named(table: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the options of a table by their names in Python."""
    known = {*portable_options(), *ADDRESS, BACKEND_TABLE} - {'backend'}
    values: dict[str, Any] = {}
    for written, value in table.items():
        name = written.replace('-', '_')
        if name not in known:
            hint = nearest(name, known) or f' Options of the backend belong to [{TABLE}.{BACKEND_TABLE}].'
            raise ServerOptionError(f'[{TABLE}] in {path} has no option {written!r}.{hint}')
        option = 'backend' if name == BACKEND_TABLE else name
        source = _in_file(path, option)
        if option in values:
            raise ServerOptionError(f'{source} is given twice, with - and with _: leave one of them')
        if value is None:
            raise ServerOptionError(f'{source} has no value: give one, or take it out')
        if name == 'socket_mode' and not isinstance(value, str):  # 440 would mean 0o670
            raise ServerOptionError(f'{source} takes octal permissions in quotes, such as "660"; it got {value!r}')
        values[option] = value
    return values


def _in_file(path: str, name: str) -> str:
    where = f'[{TABLE}.{BACKEND_TABLE}]' if name == 'backend' else f'[{TABLE}] {name}'
    return f'{where} in {path}'
