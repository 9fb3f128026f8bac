"""The portable vocabulary: what every server is told in the same words, whoever its backend is."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle.errors import ServerOptionError
from bottle.serving import readers
from bottle.serving.addresses import DEFAULT_HOST, DEFAULT_PORT, UNIX_PREFIX, parse_bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bottle.serving.readers import Reader

DEFAULT_BACKLOG = 1024
DEFAULT_MAX_BODY = 1 << 30

SOURCES = ('*.py', '*.tpl', '*.stpl', '*.html', '*.mako', '*.jinja', '*.jinja2', '*.j2', '*.toml', '*.ini')
UNWATCHED = ('.*', '__pycache__', 'node_modules', '*.egg-info', 'build', 'dist')


class Option(NamedTuple):
    """How one portable option is read and explained.

    Parameters:
        name: its name, in Python.
        default: its value when nobody gives one.
        read: turns a text or a Python value into the option's value; a `ValueError` says what is wanted.
        metavar: what stands for the value in the help.
        help: what it means, in one line.
    """

    name: str
    default: Any
    read: Reader
    metavar: str
    help: str


def _option(default: Any, read: Reader, metavar: str, help: str) -> Any:  # the field's own term
    return field(default=default, metadata={'read': read, 'metavar': metavar, 'help': help})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server is started with: the same words for every backend.

    Each value is read and checked when the object is made, whether it is a Python value or a text from the command
    line, a file or the environment. An option that has its default asks nothing of a server.

    Raises:
        ServerOptionError: a value is not what its option takes, or two options contradict each other.
    """

    server: str = _option('wsgiref', readers.text, 'NAME', 'the server; see --servers')
    bind: tuple[str, ...] = _option(
        (f'{DEFAULT_HOST}:{DEFAULT_PORT}',),
        readers.binds,
        'ADDRESS',
        'where to listen: HOST:PORT, :PORT, [IPv6]:PORT, unix:/path or fd://N; port 0 means any free one',
    )
    backlog: int = _option(
        DEFAULT_BACKLOG, readers.whole_number(1), 'N', 'how many connections may wait to be accepted'
    )
    socket_mode: int | None = _option(None, readers.mode, 'MODE', 'the permissions of unix sockets, such as 660')
    threads: int | None = _option(None, readers.whole_number(1), 'N', 'how many threads of a process answer requests')
    workers: int | None = _option(
        None, readers.whole_number(1), 'N', 'how many processes share the listening sockets; SIGHUP replaces them'
    )
    worker_timeout: float = _option(
        0.0,
        readers.seconds,
        'SECONDS',
        'replace a worker whose requests make no progress for so long; 0 waits for ever',
    )
    max_requests: int = _option(
        0, readers.whole_number(0), 'N', 'replace a worker after so many requests; 0 never does'
    )
    max_requests_jitter: int = _option(
        0, readers.whole_number(0), 'N', 'add a random number up to this to max_requests'
    )
    graceful_timeout: float = _option(
        30.0, readers.seconds, 'SECONDS', 'how long running requests may take after the signal to stop'
    )
    certfile: str | None = _option(None, readers.text, 'FILE', 'the certificate, in PEM: speak TLS')
    keyfile: str | None = _option(None, readers.text, 'FILE', 'its key, where it is not in the same file')
    cert: str | None = _option(None, readers.one_of('adhoc'), 'adhoc', 'speak TLS with a certificate made for this run')
    max_body: int = _option(
        DEFAULT_MAX_BODY, readers.size, 'SIZE', 'refuse longer request bodies, such as 10M; 0 refuses none'
    )
    trusted_proxies: tuple[str, ...] = _option(
        (),
        readers.networks,
        'NETWORKS',
        'whose Forwarded and X-Forwarded-* headers are believed, such as 10.0.0.0/8,unix; nobody: they are removed',
    )
    health: str | None = _option(
        None, readers.url_path, 'PATH', 'answer this path without the application: 200 when ready, 503 in a drain'
    )
    access_log: str | None = _option(
        None,
        readers.one_of('none', 'common', 'combined', 'json'),
        'FORMAT',
        'log requests: none, common, combined or json',
    )
    access_log_file: str | None = _option(
        None, readers.text, 'FILE', 'where to log requests; standard output if not given'
    )
    quiet: bool = _option(False, readers.flag, '', 'print nothing but warnings and errors')
    reload: bool = _option(False, readers.flag, '', 'replace the worker when a source file changes')
    reload_interval: float = _option(
        1.0, readers.seconds, 'SECONDS', 'how often files are looked at, without watchfiles'
    )
    reload_include: tuple[str, ...] = _option(SOURCES, readers.texts, 'PATTERNS', 'the names of files that are watched')
    reload_exclude: tuple[str, ...] = _option(
        UNWATCHED, readers.texts, 'PATTERNS', 'the names of files and folders that are not watched'
    )
    backend: Mapping[str, Any] = field(
        default_factory=dict,
        metadata={
            'read': readers.backend_options,
            'metavar': 'NAME=VALUE',
            'help': 'an option of the backend, unchanged',
        },
    )

    def __post_init__(self) -> None:
        """Read every value, then look for contradictions."""
        for option in portable_options().values():
            value = getattr(self, option.name)
            if value is not option.default:  # equal would not do: False is equal to 0
                object.__setattr__(self, option.name, read_option(option, value))
        for fault in _contradictions(self):
            raise ServerOptionError(fault)

    @property
    def host(self) -> str:
        """The host of the first address: a name, an IP address, `unix:/path` or `fd://N`."""
        return parse_bind(self.bind[0])[0]

    @property
    def port(self) -> int:
        """The TCP port of the first address; 0 where the system chooses, or has no ports."""
        return parse_bind(self.bind[0])[1]

    @property
    def tls(self) -> bool:
        """Whether the server is to speak TLS."""
        return bool(self.certfile or self.cert)

    @property
    def supervised(self) -> bool:
        """Whether a parent process is to watch over workers."""
        return bool(self.workers or self.reload or self.max_requests or self.worker_timeout)

    def given(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, by name."""
        values = {each.name: getattr(self, each.name) for each in portable_options().values()}
        return {name: value for name, value in values.items() if value != portable_options()[name].default}


@cache
def portable_options() -> dict[str, Option]:
    """Return all portable options by name, in the order in which they are explained."""
    found = {}
    for each in fields(ServerOptions):
        default = {} if each.name == 'backend' else each.default
        found[each.name] = Option(each.name, default, **each.metadata)
    return found


def read_option(option: Option, value: Any, source: str = '') -> Any:
    """Return the value of an option.

    Parameters:
        option: the option.
        value: a text or a Python value.
        source: how the user has given it, for the error, such as `--threads`; the option's name when empty.

    Raises:
        ServerOptionError: the option does not take the value.
    """
    try:
        return option.read(value)
    except ServerOptionError as error:
        raise ServerOptionError(f'{source}: {error}' if source else str(error)) from error
    except ValueError as error:
        name = source or f'the option {option.name!r}'
        raise ServerOptionError(f'{name} takes {error}; it got {value!r}') from error


def _contradictions(options: ServerOptions) -> Iterable[str]:
    """Yield what does not go together, each with its remedy."""
    if options.cert and (options.certfile or options.keyfile):
        yield 'cert and certfile contradict each other: give a certificate of your own, or have one made, not both'
    if options.keyfile and not options.certfile:
        yield 'keyfile needs certfile, the certificate that the key belongs to'
    if options.max_requests_jitter and not options.max_requests:
        yield 'max_requests_jitter needs max_requests, which it is added to'
    if options.access_log_file and options.access_log in (None, 'none'):
        yield 'access_log_file needs access_log, the format: common, combined or json'
    if options.socket_mode is not None and not any(each.startswith(UNIX_PREFIX) for each in options.bind):
        yield 'socket_mode needs a unix socket to listen on, such as unix:/run/app.sock'
