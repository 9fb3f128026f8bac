"""What becomes of each option on each kind of server: of the backend, of the core, or refused with a reason."""

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, get_args

import pytest

from bottle import server_names
from bottle.errors import ServerOptionError
from bottle.serving import AcceptingAdapter, Capabilities, ServerAdapter
from bottle.serving.adapter import Concurrency
from bottle.serving.builtin import WSGIRefServer
from bottle.serving.options import ServerOptions, portable_options
from bottle.serving.translation import Fate, explain, fates, native_options, refuse, supporting

OPTIONS: dict[str, dict[str, Any]] = {  # one way to give each option, with what it needs
    'server': {'server': 'x'},
    'bind': {'bind': 'localhost:80'},
    'backlog': {'backlog': 5},
    'socket_mode': {'socket_mode': '660', 'bind': 'unix:/x'},
    'threads': {'threads': 5},
    'workers': {'workers': 2},
    'worker_timeout': {'worker_timeout': 9},
    'max_requests': {'max_requests': 9},
    'max_requests_jitter': {'max_requests_jitter': 9, 'max_requests': 9},
    'graceful_timeout': {'graceful_timeout': 9},
    'certfile': {'certfile': 'c'},
    'keyfile': {'keyfile': 'k', 'certfile': 'c'},
    'cert': {'cert': 'adhoc'},
    'max_body': {'max_body': 9},
    'trusted_proxies': {'trusted_proxies': 'unix'},
    'health': {'health': '/healthz'},
    'access_log': {'access_log': 'common'},
    'access_log_file': {'access_log_file': 'f', 'access_log': 'common'},
    'quiet': {'quiet': True},
    'reload': {'reload': True},
    'reload_interval': {'reload_interval': 2},
    'reload_include': {'reload_include': '*.x'},
    'reload_exclude': {'reload_exclude': '*.x'},
    'backend': {'backend': {'a': 1}},
}


class Serving(ServerAdapter):
    """An adapter of the contract, without anything that a backend might have."""

    name = 'serving'

    def serve(self, handler: Any, sockets: Any) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Prebound(Serving):
    """Takes sockets."""

    name = 'prebound'
    native_call = 'prebound.serve'
    capabilities = Capabilities(concurrency='greenlets', prebound_sockets=True)


class Native(Prebound):
    """Has names of its own for everything."""

    name = 'native'
    capabilities = Capabilities(concurrency='greenlets', prebound_sockets=True, tls=True)
    native_names: ClassVar[Mapping[str, str]] = {
        name: f'its_{name}' for name in portable_options() if name not in ('backend', 'keyfile')
    }


class Encrypting(Serving):
    """Takes a context of TLS."""

    name = 'encrypting'
    capabilities = Capabilities(concurrency='sync', tls=True)
    native_names: ClassVar[Mapping[str, str]] = {'ssl_context': 'tls', 'max_body': 'limit'}


class Certified(Serving):
    """Takes the files of TLS."""

    name = 'certified'
    capabilities = Capabilities(concurrency='sync', tls=True)
    native_names: ClassVar[Mapping[str, str]] = {'certfile': 'its_cert', 'keyfile': 'its_key'}


class Accepting(AcceptingAdapter):
    """Is handed connections."""

    name = 'accepting'
    capabilities = Capabilities(concurrency='threads', prebound_sockets=True, tls=True)

    def serve(self, handler: Any, sockets: Any) -> None:
        """Do nothing."""


class Gateway(Accepting):
    """Is handed connections by a web server, which has decrypted them."""

    name = 'gateway'
    native_names: ClassVar[Mapping[str, str]] = {'certfile': 'cert'}
    capabilities = Capabilities(concurrency='threads', prebound_sockets=True, protocol='fastcgi')


class Undeclared(Certified):
    """Has names for TLS, and does not declare it."""

    name = 'undeclared'
    capabilities = Capabilities(concurrency='sync')


class UnixToo(Serving):
    """Binds by itself, unix sockets too."""

    name = 'unix-too'
    capabilities = Capabilities(concurrency='processes', unix_sockets=True)


class PerRequest(Serving):
    """Is started by a web server."""

    name = 'per-request'
    capabilities = Capabilities(concurrency='per-request')


class Legacy(ServerAdapter):
    """As it was written for Bottle 0.13."""

    def run(self, handler: Any) -> None:
        """Do nothing."""


class LegacyPrebound(Legacy):
    """Promises what it cannot keep."""

    capabilities = Capabilities(concurrency='threads', prebound_sockets=True)


def fate(adapter: type[ServerAdapter], name: str, **values: Any) -> Fate:
    found = fates(adapter, ServerOptions(**(values or OPTIONS[name])))
    [result] = [each for each in found if each.option == name]
    return result


def kinds(adapter: type[ServerAdapter]) -> dict[str, set[str]]:
    """Return the names of the options by what becomes of them."""
    found: dict[str, set[str]] = {'native': set(), 'core': set(), 'refused': set()}
    for name in portable_options():
        found[fate(adapter, name).kind].add(name)
    return found


ALWAYS = {
    *('server', 'max_body', 'health', 'trusted_proxies', 'access_log', 'access_log_file', 'quiet'),
    *('reload_interval', 'reload_include', 'reload_exclude'),
}
SOCKETS = {'bind', 'backlog', 'socket_mode'}
WORKERS = {'workers', 'worker_timeout', 'max_requests', 'max_requests_jitter'}
TLS = {'certfile', 'keyfile', 'cert'}

EXPECTED: list[tuple[type[ServerAdapter], set[str], set[str]]] = [
    (Serving, {'backend', 'bind'}, ALWAYS | {'graceful_timeout', 'reload'}),
    (Prebound, {'backend'}, ALWAYS | SOCKETS | WORKERS | {'graceful_timeout', 'reload'}),
    (Gateway, {'backend'}, ALWAYS | SOCKETS | WORKERS | {'graceful_timeout', 'reload'}),
    (Undeclared, {'backend', 'bind'}, ALWAYS | {'graceful_timeout', 'reload'}),
    (Accepting, {'backend'}, ALWAYS | SOCKETS | WORKERS | TLS | {'graceful_timeout', 'reload'}),
    (Encrypting, {'backend', 'bind', 'max_body'} | TLS, (ALWAYS | {'graceful_timeout', 'reload'}) - {'max_body'}),
    (Certified, {'backend', 'bind'} | TLS, ALWAYS | {'graceful_timeout', 'reload'}),
    (Native, portable_options().keys() - {'keyfile'}, set()),
    (PerRequest, {'backend'}, ALWAYS | {'bind'}),
    (Legacy, {'backend', 'bind'}, ALWAYS | {'reload'}),
    (LegacyPrebound, {'backend', 'bind'}, ALWAYS | {'reload'}),
]


@pytest.mark.parametrize(('adapter', 'native', 'core'), EXPECTED, ids=lambda each: getattr(each, '__name__', ''))
def test_what_becomes_of_every_option(adapter: type[ServerAdapter], native: set[str], core: set[str]) -> None:
    refused = portable_options().keys() - native - core
    assert kinds(adapter) == {'native': native, 'core': core, 'refused': refused}


@pytest.mark.parametrize(
    ('adapter', 'bind', 'expected'),
    [
        (Prebound, 'unix:/x,fd://3,:80', ('core', 'the core binds the sockets')),
        (Serving, '[::1]:80', ('native', 'host, port')),
        (UnixToo, 'unix:/x', ('native', 'host, port')),
        (Serving, 'unix:/x', ('refused', 'it takes no unix sockets')),
        (Serving, ':80,:81', ('refused', 'it binds one address by itself')),
        (UnixToo, 'fd://3', ('refused', 'it takes no sockets')),
        (Legacy, 'fd://3', ('refused', 'it takes no sockets')),
        (PerRequest, ':80', ('core', 'of no effect: the web server listens')),
    ],
)
def test_addresses(adapter: type[ServerAdapter], bind: str, expected: tuple[str, str]) -> None:
    assert fate(adapter, 'bind', bind=bind)[2:] == expected


def test_nobody_forks_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'name', 'nt')
    assert {name for name in portable_options() if fate(Prebound, name).detail == 'this system cannot fork'} == {
        *WORKERS,
        'reload',
    }


@pytest.mark.parametrize(
    ('adapter', 'detail'),
    [
        (Prebound, 'it does not speak TLS'),
        (Undeclared, 'it does not speak TLS'),
        (Gateway, 'the web server speaks TLS'),
        (PerRequest, 'the web server speaks TLS'),
        (Native, 'it reads the key from the file of the certificate'),
    ],
)
def test_why_there_is_no_key(adapter: type[ServerAdapter], detail: str) -> None:
    assert fate(adapter, 'keyfile') == Fate('keyfile', 'k', 'refused', detail)


def test_only_what_is_given_has_a_fate() -> None:
    assert fates(Prebound, ServerOptions()) == []
    assert fates(Native, ServerOptions(threads=4)) == [Fate('threads', 4, 'native', 'its_threads')]


# Refusing


def nobody(option: str) -> list[str]:
    return []


CANDIDATES = (Serving, Prebound, Native, Accepting, UnixToo, PerRequest, Native)


@pytest.mark.parametrize(
    ('option', 'expected'),
    [
        ('threads', ['native']),
        ('bind', ['accepting', 'native', 'prebound']),
        ('workers', ['accepting', 'native', 'prebound']),
        ('certfile', ['accepting', 'native']),
        ('graceful_timeout', ['accepting', 'native', 'prebound', 'serving', 'unix-too']),
    ],
)
def test_who_has_an_option(option: str, expected: list[str]) -> None:
    assert supporting(option, CANDIDATES) == expected


def test_a_legacy_adapter_goes_by_the_name_of_its_class() -> None:
    assert supporting('quiet', [Legacy]) == ['Legacy']


@pytest.mark.parametrize(
    ('adapter', 'values', 'others', 'expected'),
    [
        (
            Prebound,
            {'threads': 3},
            lambda _: ['paste', 'waitress'],
            "the server 'prebound' has no option 'threads': it runs requests in greenlets; paste, waitress have it",
        ),
        (
            Accepting,
            {'threads': 3},
            lambda option: supporting(option, CANDIDATES),
            "the server 'accepting' has no option 'threads': it cannot be told how many threads to have; native has it",
        ),
        (
            Legacy,
            {'backlog': 3},
            nobody,
            "the server 'Legacy' has no option 'backlog': it binds its sockets by itself; no installed server has it",
        ),
        (
            Serving,
            {'bind': 'fd://3'},
            lambda option: supporting(option, CANDIDATES),
            "the server 'serving' cannot listen on fd://3: it takes no sockets; accepting, native, prebound can",
        ),
    ],
)
def test_a_refusal(
    adapter: type[ServerAdapter], values: dict[str, Any], others: Callable[[str], list[str]], expected: str
) -> None:
    with pytest.raises(ServerOptionError) as caught:
        refuse(adapter, ServerOptions(**values), others)
    assert str(caught.value) == expected


@pytest.mark.parametrize('concurrency', get_args(Concurrency))
def test_every_kind_of_server_can_say_why_it_has_no_threads(concurrency: Concurrency) -> None:
    adapter = type('Kind', (Serving,), {'capabilities': Capabilities(concurrency=concurrency)})
    with pytest.raises(ServerOptionError, match=r"has no option 'threads': (it|each) "):
        refuse(adapter, ServerOptions(threads=1), nobody)


def test_what_is_not_refused_passes() -> None:
    refuse(Native, ServerOptions(threads=1, workers=2, bind=(':80', ':81')), nobody)
    refuse(PerRequest, ServerOptions(max_body=5, backend={'a': 1}), nobody)


# Native options


@pytest.mark.parametrize(
    ('adapter', 'values', 'expected'),
    [
        (Prebound, {'workers': 3, 'max_body': 5}, {}),
        (Prebound, {'backend': {'a': 1}}, {'a': 1}),
        (Native, {}, {'its_max_body': 1 << 30}),
        (Native, {'threads': '3', 'max_body': '1M'}, {'its_threads': 3, 'its_max_body': 1 << 20}),
        (Native, {'bind': ':80,:81', 'max_body': 5}, {'its_bind': (':80', ':81'), 'its_max_body': 5}),
        (Encrypting, {'backend': {'limit': 5}}, {'limit': 5}),
        (Certified, {'certfile': 'c'}, {'its_cert': 'c'}),
        (Certified, {'certfile': 'c', 'keyfile': 'k'}, {'its_cert': 'c', 'its_key': 'k'}),
        (Certified, {'certfile': 'c', 'backend': {'a': 1}}, {'its_cert': 'c', 'a': 1}),
        (Certified, {'backend': {'its_cert': 'c'}}, {'its_cert': 'c'}),
        (Accepting, {'certfile': 'c'}, {}),
    ],
)
def test_translated(adapter: type[ServerAdapter], values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert native_options(adapter, ServerOptions(**values)) == expected


def test_no_limit_is_no_limit_for_the_backend_either() -> None:
    assert native_options(Encrypting, ServerOptions(max_body=0))['limit'] > 1 << 60


@pytest.mark.parametrize('values', [{'cert': 'adhoc'}, {'certfile': 'c'}, {'certfile': 'c', 'keyfile': 'k'}])
def test_a_context_of_tls(values: dict[str, Any]) -> None:
    context = object()
    assert native_options(Encrypting, ServerOptions(**values), context) == {'tls': context, 'limit': 1 << 30}
    assert native_options(Accepting, ServerOptions(**values), context) == {}


@pytest.mark.parametrize('adapter', [Encrypting, Certified])
def test_tls_never_becomes_plain_http(adapter: type[ServerAdapter]) -> None:
    with pytest.raises(ValueError, match='TLS is asked for'):
        native_options(adapter, ServerOptions(cert='adhoc'))


@pytest.mark.parametrize(
    ('adapter', 'values', 'expected'),
    [
        (
            Native,
            {'threads': 1, 'backend': {'its_threads': 1}},
            "'threads' and the option 'its_threads' of the backend",
        ),
        (Encrypting, {'max_body': 1, 'backend': {'limit': 2}}, "'max_body' and the option 'limit' of the backend"),
        (Encrypting, {'cert': 'adhoc', 'backend': {'tls': 1}}, "'cert' and the option 'tls' of the backend"),
        (Encrypting, {'certfile': 'a', 'backend': {'keyfile': 1}}, "'certfile' and the option 'keyfile' of"),
        (Certified, {'certfile': 'a', 'backend': {'its_key': 1}}, "'certfile' and the option 'its_key' of"),
    ],
)
def test_the_same_thing_twice(adapter: type[ServerAdapter], values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ServerOptionError, match='mean the same: give one of them') as caught:
        native_options(adapter, ServerOptions(**values), object())
    assert str(caught.value).startswith(expected)


def test_options_are_copied() -> None:
    options = ServerOptions(backend={'a': 1})
    native_options(Native, options)['a'] = 2
    assert options.backend == {'a': 1}


# Explaining


def test_explained() -> None:
    values: dict[str, Any] = {'bind': 'unix:/x', 'socket_mode': '660', 'trusted_proxies': '10.0.0.0/8,unix'}
    options = ServerOptions(**values, quiet=True, threads=2, backend={'a': 'b'})
    text = explain(Prebound(a='b'), options)
    lines = text.splitlines()
    for expected in (
        '* bind                 unix:/x                   core     the core binds the sockets',
        '* socket_mode          660                       core     the core binds the sockets',
        '* threads              2                         refused  it runs requests in greenlets',
        '  workers              -                         core     the core starts the processes',
        '* trusted_proxies      10.0.0.0/8, unix          core     the core reads the headers',
        '* quiet                yes                       core     the core and the adapter print nothing',
        '  reload_include       *.py, *.tpl, *.stpl, *.…  core     the core watches the files',
        "* backend              a='b'                     native   unchanged",
    ):
        assert expected in lines
    assert lines[-1] == "prebound.serve(handler, sockets, a='b')"


@pytest.mark.parametrize('adapter', [each for each, _, _ in EXPECTED] + [WSGIRefServer])
def test_every_option_is_explained_within_the_width(adapter: type[ServerAdapter]) -> None:
    table = explain(adapter(), ServerOptions()).split('\n\n', maxsplit=1)[0].splitlines()
    names = [line.split()[0] for line in table if not line.startswith(' ' * 20)]
    assert names == list(portable_options())
    assert max(map(len, table)) <= 100


@pytest.mark.parametrize('name', [name for name in server_names if name != 'auto'])
def test_native_names_are_options_of_the_backend(name: str) -> None:
    adapter = server_names[name]
    assert set(adapter.native_names) <= {*portable_options(), 'ssl_context'} - {'backend'}
    assert set(adapter.native_names.values()) <= set(adapter().native_options() or ())
