"""The arguments of the command line: one for each portable option, and those of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bottle.errors import ServerOptionError
from bottle.serving import readers
from bottle.serving.configuration import read_file
from bottle.serving.options import portable_options
from bottle.serving.preparation import Invocation

if TYPE_CHECKING:
    from argparse import ArgumentParser, HelpFormatter, Namespace
    from argparse import _ArgumentGroup as Group
    from collections.abc import Sequence

    from bottle.serving.configuration import FileOptions
    from bottle.serving.options import Option

SHORT = {'bind': ('-b',), 'server': ('-s',), 'quiet': ('-q',)}
GROUPS = {
    'serving': ('server', 'bind', 'backlog', 'socket_mode', 'threads', 'graceful_timeout', 'max_body', 'backend'),
    'processes': ('workers', 'worker_timeout', 'max_requests', 'max_requests_jitter'),
    'TLS and proxies': ('certfile', 'keyfile', 'cert', 'trusted_proxies', 'health'),
    'logging': ('access_log', 'access_log_file', 'quiet'),
    'development': ('reload', 'reload_interval', 'reload_include', 'reload_exclude'),
}


def invocation(options: Namespace) -> tuple[Invocation, dict[str, Any]]:
    """Return what a command line asks for, and the configuration values for the application.

    Parameters:
        options: what the parser has read.

    Raises:
        ServerOptionError: a configuration file cannot be read, or an option is not written as it should be.
    """
    files, config = _configuration(options)
    given = {name: getattr(options, name) for name in portable_options() if name not in ('server', 'backend')}
    given['bind'] = ','.join(options.bind) if options.bind else None  # each may hold several, as everywhere
    given['backend'] = _named_values(options.backend)
    return Invocation(server=options.server, given=given, files=files, spelling=_spelling), config


def _configuration(options: Namespace) -> tuple[list[FileOptions], dict[str, Any]]:
    """Return what the files of -c give to the server, and what they and -C give to the application, the latter last."""
    from bottle.config import ConfigDict

    config = ConfigDict()
    files = []
    for path in options.conf:
        found, rest = read_file(path)
        files.append(found)
        config.load_dict(rest)
    for parameter in options.param:
        name, separator, value = parameter.partition('=')
        config.update({name: value if separator else True})
    return files, config


def _named_values(pairs: Sequence[str]) -> dict[str, Any] | None:
    """Return the options of -o, with values in the notation of TOML; what is none is a text."""
    values: dict[str, Any] = {}
    for pair in pairs or ():
        name, separator, value = pair.partition('=')
        if not (separator and name):
            raise ServerOptionError(f'-o takes NAME=VALUE, for example -o connection_limit=500; it got {pair!r}')
        values[name] = readers.literal(value)
    return values or None


def _spelling(name: str) -> str:
    return '-o' if name == 'backend' else f'--{name.replace("_", "-")}'


def make_parser() -> ArgumentParser:
    """Return the parser of what serves and lists."""
    from argparse import ArgumentParser

    from bottle import __version__

    parser = ArgumentParser(
        prog='bottle',
        usage='bottle [options] MODULE[:NAME]\n       bottle --servers [--json]',
        description='Serve a WSGI application on any installed server.',
        epilog='Options may also stand in [server] of a file (-c) and in the environment as BOTTLE_NAME.',
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    what = 'the application; MODULE alone means its default application'
    parser.add_argument('app', nargs='?', metavar='MODULE:NAME', help=what)
    parser.add_argument('--version', action='version', version=f'Bottle {__version__}')
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in names:
            _add_option(group, portable_options()[name])
    _add_application(parser.add_argument_group('application'))
    _add_information(parser.add_argument_group('information'))
    return parser


def _formatter(prog: str) -> HelpFormatter:
    from argparse import HelpFormatter

    return HelpFormatter(prog, max_help_position=34, width=110)


def _add_option(group: Group, option: Option) -> None:
    """Add a portable option; what is not typed is None, so that files and the environment are asked."""
    names = [*SHORT.get(option.name, ()), _spelling(option.name)]
    if option.name == 'backend':
        names = ['-o']
    if option.read is readers.flag:
        group.add_argument(*names, dest=option.name, action='store_true', default=None, help=option.help)
    elif option.name in ('bind', 'backend'):
        what = f'{option.help}; may be repeated'
        group.add_argument(*names, dest=option.name, action='append', metavar=option.metavar, help=what)
    else:
        group.add_argument(*names, dest=option.name, metavar=option.metavar, help=option.help.replace('%', '%%'))


def _add_application(group: Group) -> None:
    what = 'install a framework plugin; may be repeated'
    group.add_argument('-p', '--plugin', action='append', default=[], metavar='MODULE:NAME', help=what)
    what = 'read a TOML, INI or JSON file: [server] for these options, the rest for the application; may be repeated'
    group.add_argument('-c', '--conf', action='append', default=[], metavar='FILE', help=what)
    what = 'set one configuration value; may be repeated'
    group.add_argument('-C', '--param', action='append', default=[], metavar='NAME=VALUE', help=what)
    group.add_argument('--debug', action='store_true', help='show tracebacks, on error pages and at start-up')


def _add_information(group: Group) -> None:
    what = 'list the installed servers: what is ready, what is broken, how to mend it'
    group.add_argument('--servers', action='store_true', help=what)
    group.add_argument('--json', action='store_true', help='with --servers: as JSON')
    what = 'show what each option becomes on the server, and serve nothing'
    group.add_argument('--explain', action='store_true', help=what)
    what = 'check the options, the certificate, the application and the address, and serve nothing'
    group.add_argument('--check', action='store_true', help=what)
