"""Plugins are registered one at a time; one that is broken leaves no trace."""

from functools import partial
from types import ModuleType
from typing import Any

import pytest

from bottle.errors import ServerConflict, ServerLoadError, ServerNotFound
from bottle.serving import ServerAdapter, hookimpl
from bottle.serving.metadata import Source
from bottle.serving.plugins import Plugins, cause

SOURCE = Source('acme', 'acme-server', '2.0')
HOOK = 'bottle_server_adapter'


class Adapter(ServerAdapter):
    """Stands for an adapter."""


def plugin(**functions: Any) -> ModuleType:
    """Return a module that implements hooks."""
    module = ModuleType('acme')
    for name, function in functions.items():
        setattr(module, name, hookimpl(function))
    return module


def fail(error: BaseException) -> Any:
    """Raise an exception where only an expression fits."""
    raise error


def test_a_plugin_is_loaded_once() -> None:
    plugins = Plugins()
    first = plugins.load(SOURCE, plugin)
    assert plugins.load(SOURCE, lambda: fail(AssertionError())) is first


@pytest.mark.parametrize('error', [ValueError('why'), SystemExit('why'), SyntaxError('why'), ImportError('why')])
def test_what_a_plugin_raises_is_chained(error: BaseException) -> None:
    plugins = Plugins()
    with pytest.raises(
        ServerLoadError, match=r"plugin 'acme' of the distribution acme-server 2\.0 is broken: .*why"
    ) as caught:
        plugins.load(SOURCE, lambda: fail(error))
    assert caught.value.__cause__ is error
    assert plugins.load(SOURCE, plugin)  # mended, it loads


def test_ctrl_c_is_no_fault_of_a_plugin() -> None:
    with pytest.raises(KeyboardInterrupt):
        Plugins().load(SOURCE, lambda: fail(KeyboardInterrupt()))


def test_our_own_errors_pass() -> None:
    with pytest.raises(ServerNotFound):
        Plugins().load(SOURCE, lambda: fail(ServerNotFound('x')))


@pytest.mark.parametrize('name', ['bottle_server_adaptor', 'server_adapter', 'botle_server_adapter'])
def test_a_misspelt_hook_is_an_error_and_harms_no_other(name: str) -> None:
    plugins = Plugins()
    with pytest.raises(ServerLoadError, match=f"unknown hook '{name}'"):
        plugins.load(SOURCE, lambda: plugin(**{name: lambda: None}))
    other = plugins.load(Source('fine', 'fine'), lambda: plugin(bottle_server_adapter=lambda: Adapter))
    assert plugins.call(other, HOOK) is Adapter


def test_a_misspelt_argument_is_an_error() -> None:
    with pytest.raises(ServerLoadError, match='is broken'):
        Plugins().load(SOURCE, lambda: plugin(bottle_prepare_process=lambda option: None))


def test_hooks_are_called_alone_or_without_some() -> None:
    plugins = Plugins()
    called: list[str] = []

    def noting(name: str) -> ModuleType:
        def note(server: Any) -> None:
            called.append(name)

        return plugin(bottle_server_started=note)

    made = [plugins.load(Source(name, name), partial(noting, name)) for name in 'abc']
    plugins.call(made[1], 'bottle_server_started', server=None)
    assert called == ['b']
    called.clear()
    plugins.call_each(made[:2], 'bottle_server_started', server=None)
    assert called == ['c']


def test_what_an_implementation_raises_names_its_plugin() -> None:
    plugins = Plugins()
    loaded = plugins.load(SOURCE, lambda: plugin(bottle_server_adapter=lambda: fail(RuntimeError('no licence'))))
    with pytest.raises(ServerLoadError, match=r'acme-server 2\.0 is broken: RuntimeError: no licence') as caught:
        plugins.call(loaded, HOOK)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_the_same_object_from_two_distributions() -> None:
    plugins, shared = Plugins(), plugin()
    plugins.load(SOURCE, lambda: shared)
    assert plugins.load(Source('alias', 'Acme_Server'), lambda: shared) is shared
    with pytest.raises(ServerConflict, match='acme-server and thief'):
        plugins.load(Source('acme', 'thief'), lambda: shared)


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (ValueError('one\ntwo'), 'ValueError: one'),
        (ValueError('\n  one '), 'ValueError: one'),
        (ValueError(), 'ValueError'),
        (KeyError('k'), "KeyError: 'k'"),
        (SystemExit(3), 'SystemExit: 3'),
    ],
)
def test_a_cause_is_one_line(error: BaseException, text: str) -> None:
    assert cause(error) == text
