"""The command line: `python -m bottle`, and the console script `bottle`."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from bottle._util import settings
from bottle.errors import ServerError, ServerOptionError
from bottle.serving.addresses import DEFAULT_HOST, DEFAULT_PORT, parse_bind

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from argparse import _ArgumentGroup as Group
    from collections.abc import Sequence

USAGE_ERROR = 2
LISTINGS = (['--servers'], ['--servers', '--json'])  # answered before argparse is imported, because that takes a while


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters:
        arguments: what follows the program's name; `sys.argv[1:]` when None.

    Returns:
        The exit code: 0, 1 for an error (reported in one line, with a traceback after `--debug`), 2 for wrong usage.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments in LISTINGS:
            return _list_servers(as_json=len(arguments) > 1)
        return _command(arguments) if _is_command(arguments) else _serve_or_list(arguments)
    except ServerError as error:
        if settings.debug:
            raise
        print(f'bottle: {error}', file=sys.stderr)
        return 1


def _is_command(arguments: Sequence[str]) -> bool:
    if not arguments or not arguments[0].replace('-', '').isidentifier() or arguments[0].startswith('-'):
        return False
    from bottle.serving.registry import registry

    return arguments[0] in registry.command_sources()


def _command(arguments: Sequence[str]) -> int:
    from bottle.serving.commands import load_command
    from bottle.serving.registry import registry

    command = load_command(registry, arguments[0])
    return (command.function(arguments[1:]) if command else None) or 0


def _serve_or_list(arguments: Sequence[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    settings.debug = settings.debug or options.debug
    if options.servers:
        return _list_servers(as_json=options.json)
    if options.json:
        parser.error('--json goes with --servers')
    if not options.app:
        parser.print_help(sys.stderr)
        print('\nbottle: no application specified: give MODULE:NAME, for example myapp:app', file=sys.stderr)
        return USAGE_ERROR
    _serve(options)
    return 0


def _list_servers(*, as_json: bool) -> int:
    from bottle.serving import listing
    from bottle.serving.registry import registry

    with redirect_stdout(sys.stderr):  # what a plugin prints when it is imported is no part of the list
        servers = listing.describe(registry)
    print(listing.as_json(servers) if as_json else listing.as_table(servers))
    gc.freeze()  # the process ends here: its last search for garbage would take as long as loading all plugins
    return 0


def _serve(options: Namespace) -> None:
    """Serve what the command line asks for.

    The server comes first: its plugin may have to prepare the process before the application is imported.
    """
    from bottle.serving import runner

    if '' not in sys.path and '.' not in sys.path:
        sys.path.insert(0, '.')
    with runner.reloading_if(options.reload):
        host, port = parse_bind(options.bind)
        adapter = runner.make_adapter(options.server, host, port, quiet=False, backend={})
        runner.prepare_process(adapter)
        app = runner.load_application(options.app)
        runner.run(app, adapter, plugins=options.plugin, config=_config(options))


def _config(options: Namespace) -> dict[str, Any]:
    """Return the configuration values of the options -c and -C, the latter last."""
    from bottle.config import ConfigDict

    config = ConfigDict()
    for name in options.conf:
        try:
            _load_config(config, name)
        except (OSError, ValueError, UnicodeError) as error:
            raise ServerOptionError(f'the configuration file {name!r} cannot be read: {error}') from error
    for parameter in options.param:
        name, separator, value = parameter.partition('=')
        config.update({name: value if separator else True})
    return config


def _load_config(config: Any, name: str) -> None:
    from configparser import Error
    from pathlib import Path

    path = Path(name)
    if path.suffix == '.json':
        values = json.loads(path.read_text('utf-8'))
        if not isinstance(values, dict):
            raise ValueError(f'it holds a {type(values).__name__}, not an object with names and values')
        config.load_dict(values)
        return
    path.open('rb').close()  # configparser would pass over a file that is not there
    try:
        config.load_config(name)
    except Error as error:
        raise ValueError(str(error).replace('\n', ' ')) from error


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser

    from bottle import __version__

    what = 'Serve a WSGI application on any installed server.'
    parser = ArgumentParser(prog='bottle', description=what, allow_abbrev=False)
    what = 'the application; MODULE alone means its default application'
    parser.add_argument('app', nargs='?', metavar='MODULE:NAME', help=what)
    parser.add_argument('--version', action='version', version=f'Bottle {__version__}')
    _add_serving(parser.add_argument_group('serving'))
    _add_application(parser.add_argument_group('application'))
    _add_listing(parser.add_argument_group('listing'))
    return parser


def _add_serving(group: Group) -> None:
    what = 'HOST:PORT, :PORT, [IPv6]:PORT or unix:/path; port 0 means any free one (%(default)s)'
    group.add_argument('-b', '--bind', metavar='ADDRESS', default=f'{DEFAULT_HOST}:{DEFAULT_PORT}', help=what)
    what = 'the server; see --servers (%(default)s)'
    group.add_argument('-s', '--server', default='wsgiref', metavar='NAME', help=what)
    group.add_argument('--reload', action='store_true', help='start anew when a module changes')


def _add_application(group: Group) -> None:
    what = 'install a framework plugin; may be repeated'
    group.add_argument('-p', '--plugin', action='append', default=[], metavar='MODULE:NAME', help=what)
    what = 'load configuration values from an INI or JSON file; may be repeated'
    group.add_argument('-c', '--conf', action='append', default=[], metavar='FILE', help=what)
    what = 'set one configuration value; may be repeated'
    group.add_argument('-C', '--param', action='append', default=[], metavar='NAME=VALUE', help=what)
    group.add_argument('--debug', action='store_true', help='show tracebacks, on error pages and at start-up')


def _add_listing(group: Group) -> None:
    what = 'list the installed servers: what is ready, what is broken, how to mend it'
    group.add_argument('--servers', action='store_true', help=what)
    group.add_argument('--json', action='store_true', help='with --servers: as JSON')
