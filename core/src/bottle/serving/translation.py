"""What becomes of the portable options on one server: the backend does it, the core does it, or it is refused."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bottle.errors import ServerOptionError
from bottle.serving.adapter import AcceptingAdapter, ServerAdapter
from bottle.serving.addresses import FD_PREFIX, UNIX_PREFIX
from bottle.serving.options import portable_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bottle.serving.options import ServerOptions

SSL_CONTEXT = 'ssl_context'
TLS = ('certfile', 'keyfile', 'cert')
SUPERVISED = ('workers', 'max_requests', 'max_requests_jitter', 'worker_timeout')
WIDTH = 100
WIDEST_VALUE = 24

CORE = {
    'server': 'chooses this adapter',
    'bind': 'the core binds the sockets',
    'backlog': 'the core binds the sockets',
    'socket_mode': 'the core binds the sockets',
    'workers': 'the core starts the processes',
    'worker_timeout': 'the core watches its workers',
    'max_requests': 'the core counts the requests',
    'max_requests_jitter': 'the core counts the requests',
    'graceful_timeout': 'the core waits, then ends the process',
    'certfile': 'the core encrypts the connections',
    'keyfile': 'the core encrypts the connections',
    'cert': 'the core encrypts the connections',
    'max_body': 'the core limits the body',
    'health': 'the core answers',
    'trusted_proxies': 'the core reads the headers',
    'access_log': 'the core writes the log',
    'access_log_file': 'the core writes the log',
    'quiet': 'the core and the adapter print nothing',
    'reload': 'the core watches the files',
    'reload_interval': 'the core watches the files',
    'reload_include': 'the core watches the files',
    'reload_exclude': 'the core watches the files',
}

THREADS = {
    'sync': 'it answers one request after the other',
    'threads': 'it cannot be told how many threads to have',
    'greenlets': 'it runs requests in greenlets',
    'event-loop': 'it runs requests in an event loop',
    'processes': 'it runs requests in processes',
    'per-request': 'each request has a process of its own',
}


class Fate(NamedTuple):
    """What becomes of one option on one server.

    Parameters:
        option: the option's name.
        value: its value.
        kind: whether the backend does it under a name of its own, the core does it, or nobody can.
        detail: the backend's name of it, who does it, or why it is refused.
    """

    option: str
    value: Any
    kind: Literal['native', 'core', 'refused']
    detail: str


def fates(adapter: type[ServerAdapter], options: ServerOptions) -> list[Fate]:
    """Return what becomes of each option that differs from its default.

    Parameters:
        adapter: the adapter class.
        options: the options.
    """
    return [_fate(adapter, name, value) for name, value in options.given().items()]


def refuse(adapter: type[ServerAdapter], options: ServerOptions, others: Callable[[str], list[str]]) -> None:
    """Refuse what neither the backend nor the core can do.

    Parameters:
        adapter: the adapter class.
        options: the options.
        others: returns the names of the installed servers that have the option of a name, as `supporting` does.

    Raises:
        ServerOptionError: naming the server, the option, the reason and the servers that have it.
    """
    for fate in fates(adapter, options):
        if fate.kind == 'refused':
            cannot = f'cannot listen on {_shown(fate)}' if fate.option == 'bind' else f'has no option {fate.option!r}'
            able = _able(fate.option, others(fate.option))
            raise ServerOptionError(f'the server {_name(adapter)!r} {cannot}: {fate.detail}; {able}')


def supporting(option: str, adapters: Iterable[type[ServerAdapter]]) -> list[str]:
    """Return the names of the adapters that have an option, sorted.

    Parameters:
        option: the option's name; `bind` stands for every kind of address.
        adapters: the adapter classes to choose from.
    """
    value = (f'{FD_PREFIX}3',) if option == 'bind' else None
    able = (each for each in adapters if not _per_request(each) and _fate(each, option, value).kind != 'refused')
    return sorted(set(map(_name, able)))


def native_options(adapter: type[ServerAdapter], options: ServerOptions, ssl_context: Any = None) -> dict[str, Any]:
    """Return what the adapter is made with: portable options under the backend's names, and the user's own on top.

    The limit of the body is handed over even if nobody has given one, because it holds by default.

    Parameters:
        adapter: the adapter class.
        options: the options.
        ssl_context: an `ssl.SSLContext` for an adapter that takes one; of no effect for others.

    Raises:
        ServerOptionError: the same thing is said in portable words and in those of the backend.
        ValueError: TLS is asked for, and neither a context nor a file is there to be handed over.
    """
    names, given = adapter.native_names, options.given()
    plain = {name: names[name] for name in given if name in names and name not in TLS}
    _refuse_twice(options.backend, [*plain.items(), *_tls_pairs(adapter, options)])
    native = {theirs: adapter.native_value(name, _converted(name, given[name])) for name, theirs in plain.items()}
    if 'max_body' in names:
        native.setdefault(names['max_body'], adapter.native_value('max_body', options.max_body))
    return native | _tls_options(adapter, options, ssl_context) | dict(options.backend)


def supervised(adapter: type[ServerAdapter], options: ServerOptions) -> bool:
    """Return whether the core is to watch over worker processes: not over those that the backend has itself.

    Parameters:
        adapter: the adapter class.
        options: the options.
    """
    return options.reload or (options.supervised and not adapter.capabilities.worker_processes)


def explain(adapter: ServerAdapter, options: ServerOptions) -> str:
    """Return what `--explain` prints: each portable option with what becomes of it, then the native call.

    Parameters:
        adapter: the adapter, made with the native options.
        options: the options.
    """
    given = options.given()
    found = [_fate(type(adapter), name, getattr(options, name)) for name in portable_options()]
    rows = [(f'{"*" if each.option in given else " "} {each.option}', _cut(_shown(each)), each.kind) for each in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    starts = ['  '.join(map(str.ljust, row, widths)) + '  ' for row in rows]
    lines = [line for start, each in zip(starts, found, strict=True) for line in _wrapped(start, _becomes(each))]
    return '\n'.join([*lines, '', '* given; all others have their defaults', '', adapter.explain()])


def _fate(adapter: type[ServerAdapter], option: str, value: Any) -> Fate:
    if option == 'backend':
        return Fate(option, value, 'native', 'unchanged')
    if theirs := _native_name(adapter, option):
        return Fate(option, value, 'native', theirs)
    if option == 'bind' and _per_request(adapter):  # a program may say where to listen and yet be run under CGI
        return Fate(option, value, 'core', 'of no effect: the web server listens')
    if reason := _reason(adapter, option, value):
        return Fate(option, value, 'refused', reason)
    if option == 'bind' and not _takes_sockets(adapter):
        return Fate(option, value, 'native', 'host, port')
    return Fate(option, value, 'core', CORE[option])


def _able(option: str, names: list[str]) -> str:
    """Return who has an option, as the end of a sentence."""
    verb = 'can' if option == 'bind' else 'has it' if len(names) < 2 else 'have it'
    return f'{", ".join(names) or "no installed server"} {verb}'


def _native_name(adapter: type[ServerAdapter], option: str) -> str:
    """Return the backend's name of an option, or an empty text."""
    if option in TLS and not adapter.capabilities.tls:
        return ''
    names = adapter.native_names
    if option in TLS and SSL_CONTEXT in names:
        return names[SSL_CONTEXT]
    return names.get('certfile' if option == 'cert' else option, '')


def _reason(adapter: type[ServerAdapter], option: str, value: Any) -> str:
    """Return why the core cannot do what an option asks for, or an empty text."""
    if option == 'threads':
        return THREADS[adapter.capabilities.concurrency]
    if option == 'bind':
        return _unbindable(adapter, value)
    check = {
        'backlog': _socketless,
        'socket_mode': _socketless,
        'graceful_timeout': _unstoppable,
        'reload': _unwatchable,
        **dict.fromkeys(TLS, _plain),
        **dict.fromkeys(SUPERVISED, _unforkable),
    }.get(option)
    return check(adapter) if check else ''


def _takes_sockets(adapter: type[ServerAdapter]) -> bool:
    return adapter.capabilities.prebound_sockets and not _is_legacy(adapter)


def _is_legacy(adapter: type[ServerAdapter]) -> bool:
    return adapter.serve is ServerAdapter.serve


def _per_request(adapter: type[ServerAdapter]) -> bool:
    return adapter.capabilities.concurrency == 'per-request'


def _unbindable(adapter: type[ServerAdapter], addresses: tuple[str, ...]) -> str:
    if _takes_sockets(adapter):
        return ''
    if len(addresses) > 1:
        return 'it binds one address by itself'
    if addresses[0].startswith(FD_PREFIX):
        return 'it takes no sockets'
    unix = addresses[0].startswith(UNIX_PREFIX) and not adapter.capabilities.unix_sockets
    return 'it takes no unix sockets' if unix else ''


def _socketless(adapter: type[ServerAdapter]) -> str:
    if _takes_sockets(adapter):
        return ''
    return 'the web server listens' if _per_request(adapter) else 'it binds its sockets by itself'


def _unforkable(adapter: type[ServerAdapter]) -> str:
    if _per_request(adapter):
        return 'the web server starts the processes'
    if not _takes_sockets(adapter):
        return 'it binds its sockets by itself, so workers cannot share them'
    return '' if os.name == 'posix' else 'this system cannot fork'


def _plain(adapter: type[ServerAdapter]) -> str:
    if issubclass(adapter, AcceptingAdapter) and adapter.capabilities.tls:
        return ''
    if _native_name(adapter, 'certfile'):
        return 'it reads the key from the file of the certificate'
    is_behind = _per_request(adapter) or adapter.capabilities.protocol != 'http'
    return 'the web server speaks TLS' if is_behind else 'it does not speak TLS'


def _unstoppable(adapter: type[ServerAdapter]) -> str:
    if _per_request(adapter):
        return 'its process ends with the request'
    return 'it was written for Bottle 0.13 and cannot be told to stop' if _is_legacy(adapter) else ''


def _unwatchable(adapter: type[ServerAdapter]) -> str:
    if _per_request(adapter):
        return 'each request starts the program anew'
    return '' if os.name == 'posix' else 'this system cannot fork'


def _converted(option: str, value: Any) -> Any:
    """Return a value as backends take it: none of them knows a limit of 0 that means no limit."""
    return sys.maxsize if option == 'max_body' and value == 0 else value


def _tls_pairs(adapter: type[ServerAdapter], options: ServerOptions) -> list[tuple[str, str]]:
    """Return what asks for TLS, with each option of the backend that would ask for it again."""
    option = 'certfile' if options.certfile else 'cert'
    again = (SSL_CONTEXT, 'certfile', 'keyfile') if options.tls and _native_name(adapter, option) else ()
    return [(option, adapter.native_names.get(each, each)) for each in again]


def _tls_options(adapter: type[ServerAdapter], options: ServerOptions, ssl_context: Any) -> dict[str, Any]:
    if not (options.tls and _native_name(adapter, 'cert')):
        return {}
    values = {SSL_CONTEXT: ssl_context, 'certfile': options.certfile, 'keyfile': options.keyfile}
    wanted = (SSL_CONTEXT,) if SSL_CONTEXT in adapter.native_names else ('certfile', 'keyfile')
    found = {adapter.native_names[each]: values[each] for each in wanted if values[each]}
    if not found:  # the server must not speak plain HTTP instead
        raise ValueError(f'TLS is asked for, but there is no {wanted[0]} to hand over')
    return found


def _refuse_twice(backend: Mapping[str, Any], translated: Iterable[tuple[str, str]]) -> None:
    for option, theirs in translated:
        if theirs in backend:
            raise ServerOptionError(
                f'{option!r} and the option {theirs!r} of the backend mean the same: give one of them'
            )


def _becomes(fate: Fate) -> str:
    """Return the last column of the table."""
    return f"the backend's {fate.detail}" if fate.kind == 'native' and fate.option != 'backend' else fate.detail


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=' ' * len(start))


def _cut(value: str) -> str:
    return value if len(value) <= WIDEST_VALUE else f'{value[: WIDEST_VALUE - 1]}…'


def _shown(fate: Fate) -> str:
    """Return a value as a user would write it."""
    if fate.value in (None, (), {}):
        return '-'
    if fate.option == 'backend':
        return ', '.join(f'{name}={value!r}' for name, value in fate.value.items())
    if isinstance(fate.value, bool):
        return 'yes' if fate.value else 'no'
    if isinstance(fate.value, tuple):
        return ', '.join(fate.value)
    return f'{fate.value:o}' if fate.option == 'socket_mode' else f'{fate.value}'


def _name(adapter: type[ServerAdapter]) -> str:
    return adapter.name or adapter.__name__
