"""systemd: a service, and the socket that starts it: <https://www.freedesktop.org/software/systemd/man/>."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import SERVING
from bottle_deploy.target import COMMON, Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

PLAIN = re.compile(r'[\w./:=@,+-]+', re.A)
KILL_AFTER = 5  # seconds that a process has to end after its grace period
LONGEST_USER = 31  # characters: UT_NAMESIZE of the system, less one
HOMES = ('/home', '/root', '/run/user')  # what ProtectHome hides
SUFFIXES = ('.service', '.socket')
TRIED = '1'  # a port, and the number of a unix socket: the instance that stands for all in a check


def quote(value: str) -> str:
    """Return a value as systemd reads one word of several: in double quotes unless it is plain.

    Parameters:
        value: the text.
    """
    if PLAIN.fullmatch(value):
        return value
    escaped = value.replace('\\', '\\\\').replace('"', '\\"').replace('%', '%%')
    return f'"{escaped}"'


def quote_argument(value: str) -> str:
    """Return a value as an argument of a command, where a dollar sign begins a variable.

    Parameters:
        value: the text.
    """
    return quote(value).replace('$', '$$')


def quote_program(path: str) -> str:
    """Return the path of a program, where systemd knows no escapes.

    Parameters:
        path: the path.

    Raises:
        DeployError: it holds a quote, a backslash or a dollar sign.
    """
    if re.search(r'["\'\\$]', path):
        raise DeployError(f'systemd cannot start {path!r}: choose a --python without quotes, backslashes and $')
    return quote(path)


def quote_line(path: str) -> str:
    """Return a path that takes the rest of its line, where quotes are part of it.

    Parameters:
        path: the path of a folder.
    """
    end = '/' if path.endswith('\\') or path != path.rstrip() else ''  # a continued line, and what would be stripped
    return path.replace('%', '%%') + end


def files(plan: Plan) -> dict[str, str]:
    """Return a service and its socket; a template of each, instantiated by port or number, where there are several.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: the interpreter cannot be named, or a folder is to be writable for a user without a name.
    """
    if plan.writable and not plan.user:
        raise DeployError('--writable needs --user, who owns the folder')
    several = plan.instances > 1
    unit = f'{plan.name}@' if several else plan.name
    facts = {
        'plan': plan,
        'unit': unit,
        'several': several,
        'instances': [f'{unit}{each}' for each in _instances(plan)] if several else [plan.name],
        'socket': f'{unit}{"%i" if several else ""}.socket',
        'directory': quote_line(plan.directory),
        'command': command(plan),
        'stop_timeout': math.ceil(plan.graceful_timeout) + KILL_AFTER,
        'user': plan.user or plan.name[:LONGEST_USER],
        'in_home': _in_home(plan.directory, plan.python, os.path.realpath(plan.python), *plan.writable),
        'listen': _listen(plan, '%i' if several else str(_instances(plan)[0])),
    }
    return {
        f'{unit}.service': fill('systemd-service.tpl', quote, **facts),
        f'{unit}.socket': fill('systemd-socket.tpl', quote, **facts),
    }


def command(plan: Plan) -> str:
    """Return what the service runs. It says nothing of where it listens, because it takes the socket.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: systemd cannot name the interpreter.
    """
    arguments = ['-m', 'bottle', *plan.arguments('', trusted=plan.trusted)]
    return ' '.join([quote_program(plan.python), *map(quote_argument, arguments)])


def _instances(plan: Plan) -> range:
    first = 1 if plan.sockets else plan.port
    return range(first, first + plan.instances)


def _listen(plan: Plan, instance: str) -> str:
    if plan.sockets:
        return quote_line(f'{plan.sockets}/{plan.name}-') + f'{instance}.sock'
    return f'127.0.0.1:{instance}'


def _in_home(*paths: str) -> bool:
    return any(Path(path).is_relative_to(home) for path in paths for home in HOMES)


def check(folder: Path) -> str:
    """Have systemd verify the units.

    Parameters:
        folder: where they are.

    Raises:
        DeployError: systemd is not installed, or finds fault.
    """
    units = sorted(each for each in folder.iterdir() if each.suffix in SUFFIXES)
    named = [str(each.with_name(each.name.replace('@.', f'@{TRIED}.'))) for each in units]
    # Faults of these units, not of others that they are ordered after.
    return checking.run('systemd-analyze', 'verify', '--man=no', '--generators=no', '--recursive-errors=no', *named)


SYSTEMD = Target(
    name='systemd',
    kind='platform',
    help='units of systemd: a hardened service, and the socket that it takes over',
    uses=COMMON | {'user', 'instances', 'port', 'sockets', 'health', 'env', 'writable', *SERVING},
    files=files,
    check=check,
)
