"""What is to be deployed: the options of the command, read and checked, and what follows from them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle.serving import readers as portable
from bottle.serving.addresses import UNIX_PREFIX, format_bind, parse_bind
from bottle.serving.options import portable_options
from bottle_deploy import values
from bottle_deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SERVING = ('workers', 'threads', 'graceful_timeout', 'max_body')  # the portable options that a plan passes on
AUTO = 'auto'
HOLDING = ('rocket', 'rocket3')  # whoever keeps a connection to them open holds one of their threads
FASTCGI = 'flup'  # the server that speaks it


class Option(NamedTuple):
    """How one option of the command is read and explained.

    Parameters:
        name: its name, in Python.
        read: turns a text into the option's value; a `ValueError` says what is wanted.
        metavar: what stands for the value in the help.
        help: what it means, in one line.
        repeated: whether it may be given several times; its reader then gets a sequence of texts.
    """

    name: str
    read: Callable[[Any], Any]
    metavar: str
    help: str
    repeated: bool


class Backend(NamedTuple):
    """Where one instance of the application listens.

    Parameters:
        host: a host name or an IP address without brackets; empty for a unix socket.
        port: its TCP port; 0 for a unix socket.
        path: the path of its unix socket; empty for TCP.
    """

    host: str
    port: int
    path: str

    @property
    def address(self) -> str:
        """`HOST:PORT`, with brackets around an IPv6 address, or the path of the socket."""
        return self.path or format_bind(self.host, self.port)

    @property
    def bind(self) -> str:
        """What the option `--bind` of the server takes."""
        return f'{UNIX_PREFIX}{self.path}' if self.path else self.address


def _option(default: Any, read: Callable[[Any], Any], metavar: str, help: str, *, repeated: bool = False) -> Any:
    return field(default=default, metadata={'read': read, 'metavar': metavar, 'help': help, 'repeated': repeated})


def _portable(name: str) -> Any:
    known = portable_options()[name]
    return _option(known.default, known.read, known.metavar, known.help)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be deployed. Every value was read and checked: see `make_plan`.

    Paths are absolute. What a target writes into a file goes through its function of quoting as well.
    """

    app: str = _option('', values.application, 'MODULE:NAME', 'the application')
    server: str = _option(AUTO, values.name, 'NAME', 'the server that each instance runs on')
    name: str = _option('', values.name, 'NAME', 'what the service is called; the name of the module if not given')
    directory: str = _option('', values.path, 'DIR', 'the folder of the application; the current one if not given')
    python: str = _option(sys.executable, values.path, 'FILE', 'the interpreter, of the environment that has it all')
    user: str = _option('', values.name, 'NAME', 'the user that it runs as')
    instances: int = _option(1, portable.whole_number(1), 'N', 'how many instances run on this machine')
    port: int = _option(8080, values.port, 'PORT', 'the port of the first instance; the next one has the next port')
    sockets: str = _option('', values.socket_folder, 'DIR', 'let instances listen on unix sockets in this folder')
    backend: tuple[Backend, ...] = _option(
        (), values.each(values.backend), 'ADDRESS', 'where an instance listens, on any machine', repeated=True
    )
    workers: int | None = _portable('workers')
    threads: int | None = _portable('threads')
    graceful_timeout: float = _portable('graceful_timeout')
    max_body: int = _portable('max_body')
    listen: str = _option('', values.listen, 'ADDRESS', 'where the web server listens; :80, with a certificate :443')
    host: tuple[str, ...] = _option(
        (), values.each(values.hostname), 'NAME', 'a name of the site; any if not given', repeated=True
    )
    static: tuple[tuple[str, str], ...] = _option(
        (), values.each(values.static), 'URL=DIR', 'let the web server itself serve a folder', repeated=True
    )
    certfile: str = _option('', values.path, 'FILE', 'the certificate of the web server, in PEM')
    keyfile: str = _option('', values.path, 'FILE', 'its key, where it is not in the same file')
    health: str = _option('/healthz', values.url_path, 'PATH', 'where the server says whether it is ready')
    timeout: float = _option(
        60.0, values.positive_seconds, 'SECONDS', 'how long a response may keep the web server waiting'
    )
    env: tuple[tuple[str, str], ...] = _option(
        (), values.each(values.variable), 'NAME=VALUE', 'a variable of the environment', repeated=True
    )
    writable: tuple[str, ...] = _option(
        (), values.each(values.path), 'DIR', 'a folder that the application writes to', repeated=True
    )
    requirements: str = _option('', values.path, 'FILE', 'what the application needs, as pip reads it')
    image: str = _option('', values.image, 'NAME', 'the name of the container image; that of the service if not given')
    max_instances: int = _option(0, portable.whole_number(0), 'N', 'how many instances there may be under load')

    @property
    def module(self) -> str:
        """The module of the application."""
        return self.app.partition(':')[0]

    @property
    def callable(self) -> str:
        """The name of the application in its module."""
        return self.app.partition(':')[2]

    @property
    def tls(self) -> bool:
        """Whether the web server speaks TLS."""
        return bool(self.certfile)

    @property
    def is_local(self) -> bool:
        """Whether the instances are on this machine, started with `launches`."""
        return not self.backend

    @property
    def keeps_connections(self) -> bool:
        """Whether a balancer may keep connections to an instance open while nothing is asked on them."""
        return self.server not in HOLDING

    @property
    def listening(self) -> tuple[str, int]:
        """The host, empty for every interface, and the port where the web server listens."""
        return parse_bind(self.listen or (':443' if self.tls else ':80'))

    @cached_property
    def backends(self) -> tuple[Backend, ...]:
        """Where the instances listen."""
        if self.backend:
            return self.backend
        if self.sockets:
            return tuple(Backend('', 0, f'{self.sockets}/{self.name}-{number}.sock') for number in self._numbers)
        return tuple(Backend('127.0.0.1', self.port + number - 1, '') for number in self._numbers)

    @property
    def _numbers(self) -> range:
        return range(1, self.instances + 1)

    @property
    def trusted(self) -> str:
        """Whose forwarded headers the instances on this machine believe, as `--trusted-proxies` takes it.

        Nobody's with FastCGI, where the web server itself says who the client is.
        """
        if self.server == FASTCGI:
            return 'nobody'
        return 'unix' if self.sockets else '127.0.0.1'

    def arguments(self, bind: str, *, trusted: str = '') -> list[str]:
        """Return the arguments of `python -m bottle` that serve one instance.

        Parameters:
            bind: where it listens; nothing is said of it when empty.
            trusted: whose forwarded headers it believes, as the option `--trusted-proxies` takes them.
        """
        given: dict[str, Any] = {'server': self.server, 'bind': bind, 'trusted_proxies': trusted, 'health': self.health}
        given |= {name: getattr(self, name) for name in SERVING}
        found = [self.app]
        for name, value in given.items():
            if value not in ('', None) and value != portable_options()[name].default:
                found += [f'--{name.replace("_", "-")}', f'{value:g}' if isinstance(value, float) else str(value)]
        return found

    def launches(self) -> list[list[str]]:
        """Return the commands that start the instances on this machine, each to be run in `directory`."""
        return [
            [
                *(self.python, '-m', 'bottle'),
                *self.arguments(each.bind, trusted=self.trusted),
                *(('--socket-mode', '660') if each.path else ()),  # the web server is in the group of its folder
            ]
            for each in (self.backends if self.is_local else ())
        ]

    def commands(self) -> list[str]:
        """Return the commands of `launches` as a shell reads them."""
        return [shlex.join(each) for each in self.launches()]


def plan_options() -> dict[str, Option]:
    """Return all options of the command by name, in the order of the help."""
    return {each.name: Option(each.name, **each.metadata) for each in fields(Plan)}


def make_plan(given: Mapping[str, Any]) -> Plan:
    """Return a plan of what was typed.

    Parameters:
        given: texts, or sequences of them for what may be repeated, by option; what is not there has its default.

    Raises:
        DeployError: a value is not what its option takes, or two options contradict each other.
    """
    read = {name: _read(plan_options()[name], value) for name, value in given.items()}
    read.setdefault('directory', str(Path.cwd()))
    read.setdefault('name', read['app'].partition(':')[0].replace('.', '-').replace('_', '-').strip('-'))
    if read.get('server', AUTO) == AUTO:
        read['server'] = _best_server()
    for fault in _contradictions(read):
        raise DeployError(fault)
    return Plan(**read)


def _read(option: Option, value: Any) -> Any:
    try:
        return option.read(value)
    except ValueError as error:
        raise DeployError(f'{spelling(option.name)} takes {error}; it got {value!r}') from error


def spelling(name: str) -> str:
    """Return an option as it is typed.

    Parameters:
        name: its name, in Python.
    """
    return 'the application' if name == 'app' else f'--{name.replace("_", "-")}'


def _best_server() -> str:
    """Return the server that `auto` takes here; what is written into a file must not depend on where it is read."""
    from bottle import server_names

    return str(server_names[AUTO].name)


def _contradictions(read: Mapping[str, Any]) -> Iterable[str]:
    """Yield what does not go together, each with its remedy."""
    here = [name for name in ('instances', 'port', 'sockets') if name in read]
    if 'backend' in read and here:
        yield f'--backend and {spelling(here[0])} contradict each other: give every address, or let them be counted'
    if {'port', 'sockets'} <= read.keys():
        yield '--port and --sockets contradict each other: an instance listens on one of them'
    if 'keyfile' in read and 'certfile' not in read:
        yield '--keyfile needs --certfile, the certificate that the key belongs to'
    if len(dict(read.get('env', ()))) < len(read.get('env', ())):
        yield '--env and --env contradict each other: give each variable once'
    if read.get('port', 0) + read.get('instances', 1) > 65536:
        yield '--port and --instances lead beyond port 65535: begin with a lower one'


def given_names(given: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the options that were typed.

    Parameters:
        given: as `make_plan` takes it.
    """
    return [name for name in given if name != 'app']
