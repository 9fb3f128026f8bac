"""The command line: `python -m bottle`, and the console script `bottle`."""

from __future__ import annotations

import gc
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from bottle._util import settings
from bottle.errors import ServerError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bottle.serving.types import WSGIApplication

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
    from bottle.serving.arguments import make_parser

    parser = make_parser()
    options = parser.parse_args(arguments)
    settings.debug = settings.debug or options.debug
    if options.servers:
        return _list_servers(as_json=options.json)
    if options.json:
        parser.error('--json goes with --servers')
    if options.app or options.explain:
        _serve(options)
        return 0
    parser.print_help(sys.stderr)
    print('\nbottle: no application specified: give MODULE:NAME, for example myapp:app', file=sys.stderr)
    return USAGE_ERROR


def _list_servers(*, as_json: bool) -> int:
    from bottle.serving import listing
    from bottle.serving.registry import registry

    with redirect_stdout(sys.stderr):  # what a plugin prints when it is imported is no part of the list
        servers = listing.describe(registry)
    print(listing.as_json(servers) if as_json else listing.as_table(servers))
    gc.freeze()  # the process ends here: its last search for garbage would take as long as loading all plugins
    return 0


def _serve(options: Namespace) -> None:
    """Serve what the command line asks for, or say what that would be."""
    from bottle.serving import arguments, runner
    from bottle.serving.loading import prepared
    from bottle.serving.preparation import choose, make
    from bottle.serving.translation import explain

    if '' not in sys.path and '.' not in sys.path:
        sys.path.insert(0, '.')
    invocation, config = arguments.invocation(options)
    if options.explain:
        chosen = choose(invocation)
        print(explain(make(chosen).adapter, chosen.options))  # not those of `make`, which has made a certificate
        return

    def load() -> WSGIApplication:
        return prepared(options.app, options.plugin, config)

    if options.check:
        print(runner.check(invocation, load))
    else:
        runner.serve(invocation, load, early=True)
