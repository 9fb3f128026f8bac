"""From a name to an adapter class: found, blocked, claimed twice, assigned, or not there at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bottle
from bottle.errors import BackendMissing, ServerBlocked, ServerConflict, ServerLoadError, ServerNotFound
from bottle.serving import Backend, ServerAdapter
from bottle.serving.builtin import WSGIRefServer
from bottle.serving.registry import FIRST_PARTY, Registry, ServerNames, disabled, install_command
from tests.support.distributions import server_plugin


class Mine(ServerAdapter):
    """An adapter of this program."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Return a registry of its own."""
    monkeypatch.delenv('BOTTLE_DISABLED_SERVERS', raising=False)
    return Registry()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that lays out a distribution with a server."""
    monkeypatch.syspath_prepend(tmp_path)
    return lambda *arguments, **options: server_plugin(*arguments, **options).lay_out(tmp_path)


def test_what_is_built_in(registry: Registry) -> None:
    assert {'auto', 'wsgiref'} <= set(registry.names())
    assert registry.load('wsgiref') is WSGIRefServer
    assert registry.load('bottle:wsgiref') is WSGIRefServer


def test_names_are_read_without_importing(registry: Registry, install: Callable[..., None]) -> None:
    install('unloaded', 'raise AssertionError("imported")')
    assert 'unloaded' in registry.names()
    with pytest.raises(ServerLoadError, match='AssertionError: imported'):
        registry.load('unloaded')


def test_a_name_claimed_twice(registry: Registry, install: Callable[..., None]) -> None:
    install('acme_twice', distribution='first-of-two')
    install('acme_twice', distribution='second-of-two')
    with pytest.raises(
        ServerConflict, match=r'first-of-two 1\.0 and second-of-two 1\.0: choose with first-of-two:acme_twice'
    ):
        registry.load('acme_twice')
    assert registry.load('second-of-two:acme_twice').__module__ == 'second_of_two'
    assert registry.load('First_of.Two:acme_twice').__module__ == 'first_of_two'
    registry.assign('acme_twice', Mine)
    assert registry.load('acme_twice') is Mine


@pytest.mark.parametrize('name', ['nothing', 'bottle:nothing', 'other:wsgiref', 'bottle.errors:nothing', '1:2', ''])
def test_no_such_server(registry: Registry, name: str) -> None:
    with pytest.raises(ServerNotFound, match='there is no server'):
        registry.load(name)


@pytest.mark.parametrize('target', ['bottle.serving.builtin:WSGIRefServer', 'bottle.serving.builtin:FALLBACK'])
def test_a_class_by_its_module(registry: Registry, target: str) -> None:
    if target.endswith('Server'):
        assert registry.load(target) is WSGIRefServer
    else:
        with pytest.raises(ServerLoadError, match="'wsgiref' is no subclass of"):
            registry.load(target)


def test_a_first_party_name_comes_with_its_remedy(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('bottle.serving.metadata.sources', lambda group: [])
    for name in FIRST_PARTY:
        with pytest.raises(ServerNotFound, match=f'python -m pip install bottle-server-{name}'):
            registry.load(name)
    with pytest.raises(ServerNotFound, match=r"Did you mean 'waitress'\? Installed: auto, wsgiref"):
        registry.load('waitres')


@pytest.mark.parametrize(('value', 'names'), [('', []), ('a', ['a']), (' a , b,', ['a', 'b']), (',', [])])
def test_blocked_names(monkeypatch: pytest.MonkeyPatch, value: str, names: list[str]) -> None:
    monkeypatch.setenv('BOTTLE_DISABLED_SERVERS', value)
    assert disabled() == names


@pytest.mark.parametrize('name', ['wsgiref', 'bottle:wsgiref', 'auto', 'unknown'])
def test_a_blocked_name_is_not_loaded(registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv('BOTTLE_DISABLED_SERVERS', 'wsgiref,auto,unknown')
    with pytest.raises(ServerBlocked, match='BOTTLE_DISABLED_SERVERS'):
        registry.load(name)


def test_the_command_for_an_absent_backend(registry: Registry, install: Callable[..., None]) -> None:
    install('acme_absent', backend='engine_absent', requires=['engine_absent>=2'])
    with pytest.raises(BackendMissing, match=r'python -m pip install "engine_absent>=2"$'):
        registry.require_backend(registry.load('acme_absent'))


@pytest.mark.parametrize(
    ('backend', 'command'),
    [
        (None, ''),
        (Backend('engine', 'engine'), 'python -m pip install "engine"'),
        (Backend('engine', 'engine', 'conda install engine'), 'conda install engine'),
    ],
)
def test_install_commands(backend: Backend | None, command: str) -> None:
    adapter = type('Adapter', (ServerAdapter,), {'backend': backend})
    assert install_command(adapter, []) == command


def test_server_names_is_a_mapping(registry: Registry) -> None:
    names = ServerNames(registry)
    before = len(names)
    names['mine'] = Mine
    assert 'mine' in names
    assert names['mine'] is names.get('mine') is Mine
    assert list(names) == sorted(names)
    assert len(names) == before + 1
    assert ('mine' in repr(names), names.pop('mine')) == (True, Mine)
    assert 'mine' not in names
    assert names.get('mine') is None


def test_a_text_that_was_assigned_is_imported_when_it_is_used(registry: Registry) -> None:
    registry.assign('text', 'bottle.serving.builtin:WSGIRefServer')
    registry.assign('absent', 'no_such_module:Server')
    assert registry.load('text') is WSGIRefServer
    with pytest.raises(ServerLoadError, match="registered as 'absent' cannot be imported: ModuleNotFoundError"):
        registry.load('absent')


@pytest.mark.parametrize('value', [int, None, 42, 'bottle:Bottle'])
def test_what_is_assigned_is_checked_when_it_is_used(registry: Registry, value: Any) -> None:
    registry.assign('odd', value)
    with pytest.raises(ServerLoadError, match=r"what is registered as 'odd': .* is no subclass"):
        registry.load('odd')


def test_the_public_mapping_is_one_object() -> None:
    assert bottle.server_names is bottle.server_names
    assert isinstance(bottle.server_names, ServerNames)
