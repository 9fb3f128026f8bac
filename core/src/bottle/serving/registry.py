"""Discovery: which servers are installed, and the adapter that a name stands for.

Names come from entry point metadata without importing anything; a plugin is imported when its name is asked for, alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from functools import cached_property
from typing import Any

from bottle._util import load, nearest
from bottle.errors import BackendMissing, ServerBlocked, ServerConflict, ServerLoadError, ServerNotFound
from bottle.serving import foreign, metadata
from bottle.serving.adapter import Backend, Capabilities, ServerAdapter
from bottle.serving.builtin import PREFERENCE, UNFIT, builtin_plugins
from bottle.serving.hookspecs import COMMANDS, EXTENSIONS, SERVERS
from bottle.serving.metadata import Source
from bottle.serving.plugins import Plugins, broken, cause

FIRST_PARTY = frozenset({*PREFERENCE, *UNFIT} - {'rocket3'})  # `rocket` brings it
DISABLED_VARIABLE = 'BOTTLE_DISABLED_SERVERS'


class Registry:
    """Finds servers, extensions and commands, and loads them one at a time."""

    def __init__(self) -> None:
        self._assigned: dict[str, Any] = {}
        self._adapters: dict[Any, type[ServerAdapter]] = {}

    def names(self) -> list[str]:
        """Return the names of all servers, sorted; nothing is imported."""
        return sorted(self.sources())

    def sources(self) -> dict[str, list[Source]]:
        """Return where each server comes from, by name; more than one source is a conflict. Nothing is imported."""
        found: dict[str, list[Source]] = {}
        for each in [*map(metadata.core_source, self._builtin), *metadata.sources(SERVERS)]:
            found.setdefault(each.name, []).append(each)
        for name in self._assigned:
            found[name] = [Source(name, 'this process')]
        return found

    def assign(self, name: str, adapter: Any) -> None:
        """Register an adapter for this process, before anything installed under the name.

        Parameters:
            name: the server's name.
            adapter: a `ServerAdapter` subclass, or the text `module:Class`.
        """
        self._assigned[name] = adapter

    def unassign(self, name: str) -> None:
        """Take back what `assign` did.

        Parameters:
            name: the server's name.

        Raises:
            ServerNotFound: the name was not assigned in this process.
        """
        if name not in self._assigned:
            raise ServerNotFound(
                f'the server {name!r} was not registered in this process: remove an installed one with pip uninstall'
            )
        del self._assigned[name]

    def load(self, name: str) -> type[ServerAdapter]:
        """Return the adapter class that a name stands for; its plugin is imported, its backend is not.

        Parameters:
            name: a server's name, `distribution:name`, the `module:Class` of an adapter, or `egg:distribution#name` for
                what is published in the group `paste.server_runner`.

        Raises:
            ServerNotFound: nobody offers the name.
            ServerBlocked: the name is listed in `BOTTLE_DISABLED_SERVERS`.
            ServerConflict: two distributions offer it.
            ServerLoadError: the plugin cannot be imported, or does not keep the contract.
        """
        distribution, _, short = name.rpartition(':')
        require_allowed(short)
        sources = self.sources()
        found = [each for each in sources.get(short, ()) if not distribution or each.is_from(distribution)]
        if not found:
            return self._load_target(name, sources)
        return self.load_only(found)

    def load_only(self, sources: list[Source]) -> type[ServerAdapter]:
        """Return the adapter class of the one source of a name.

        Parameters:
            sources: where the name comes from.

        Raises:
            ServerConflict: there is more than one source.
            ServerLoadError: the plugin cannot be imported, or does not keep the contract.
        """
        source = self._only(sources)
        if source.name in self._assigned:
            return _assigned(source.name, self._assigned[source.name])
        plugin = self._load_plugin(source)
        adapter = self.plugins.call(plugin, 'bottle_server_adapter')
        if adapter is None:
            raise broken(source, 'it does not implement the hook bottle_server_adapter')
        self._adapters[plugin] = _checked(adapter, f'the plugin {source.name!r} of the distribution {source} is broken')
        return self._adapters[plugin]

    def require_backend(self, adapter: type[ServerAdapter]) -> None:
        """Make sure that the backend of an adapter is installed; it is not imported.

        Parameters:
            adapter: the adapter class.

        Raises:
            BackendMissing: it is not; the text holds the command that installs it.
        """
        backend = adapter.backend
        if backend is not None and not metadata.installed_version(backend.distribution):
            remedy = install_command(adapter, self.sources().get(adapter.name, []))
            raise BackendMissing(
                f'the server {adapter.name!r} needs {backend.distribution}, which is not installed: {remedy}'
            )

    def call(self, adapter: type[ServerAdapter], hook: str, **arguments: Any) -> None:
        """Call a hook of the adapter's own plugin and of every loaded extension.

        Parameters:
            adapter: the chosen adapter class; the plugins of other servers are left out.
            hook: the name of the hook.
            arguments: its arguments.
        """
        others = [plugin for plugin, loaded in self._adapters.items() if loaded is not adapter]
        self.plugins.call_each(others, hook, **arguments)

    def load_extensions(self) -> list[Any]:
        """Return the plugins of the group `bottle.plugins`, loaded, in the order of their names.

        Raises:
            ServerLoadError: one is broken. It is not passed over: it may be what protects the application.
        """
        return [self._load_plugin(source) for source in metadata.sources(EXTENSIONS)]

    def command_sources(self) -> dict[str, list[Source]]:
        """Return where each installed command comes from, by name; nothing is imported."""
        found: dict[str, list[Source]] = {}
        for each in metadata.sources(COMMANDS):
            found.setdefault(each.name, []).append(each)
        return found

    def load_command(self, sources: list[Source]) -> Any:
        """Return the plugin that offers a command, loaded.

        Parameters:
            sources: where the command comes from.

        Raises:
            ServerConflict: there is more than one source.
            ServerLoadError: the plugin is broken.
        """
        return self._load_plugin(self._only(sources))

    @cached_property
    def plugins(self) -> Plugins:
        """The loaded plugins."""
        return Plugins()

    @cached_property
    def _builtin(self) -> dict[str, Any]:
        return builtin_plugins(self)

    def _load_plugin(self, source: Source) -> Any:
        loader = source.entry_point.load if source.entry_point is not None else lambda: self._builtin[source.name]
        return self.plugins.load(source, loader)

    def _only(self, sources: list[Source]) -> Source:
        if len(sources) != 1:
            owners = ' and '.join(map(str, sources))
            raise ServerConflict(f'the name {sources[0].name!r} is claimed by {owners}: {choose_one(sources)}')
        return sources[0]

    def _load_target(self, name: str, sources: dict[str, list[Source]]) -> type[ServerAdapter]:
        if name.startswith(foreign.PREFIX):
            return foreign.runner_adapter(name)
        if ':' not in name:
            raise _not_found(name, sources)
        try:
            adapter = load(name)
        except (Exception, SystemExit) as error:
            raise ServerNotFound(
                f'there is no server {name!r}, and it is no module:Class either ({cause(error)})'
            ) from error
        return _checked(adapter, repr(name))


class ServerNames(MutableMapping[str, Any]):
    """The servers by name: iterating reads metadata, an item is loaded, an assignment holds in this process.

    Parameters:
        registry: where the servers are found.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __getitem__(self, name: str) -> type[ServerAdapter]:
        return self._registry.load(name)

    def __setitem__(self, name: str, adapter: Any) -> None:
        self._registry.assign(name, adapter)

    def __delitem__(self, name: str) -> None:
        self._registry.unassign(name)

    def __contains__(self, name: object) -> bool:
        return name in self._registry.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._registry.names())

    def __len__(self) -> int:
        return len(self._registry.names())

    def __repr__(self) -> str:
        return f'<server_names: {", ".join(self)}>'


def disabled() -> list[str]:
    """Return the names that the environment variable `BOTTLE_DISABLED_SERVERS` blocks."""
    return [name.strip() for name in os.environ.get(DISABLED_VARIABLE, '').split(',') if name.strip()]


def require_allowed(name: str) -> None:
    """Make sure that a server is not blocked.

    Parameters:
        name: the server's name.

    Raises:
        ServerBlocked: it is.
    """
    if name in disabled():
        raise ServerBlocked(
            f'the server {name!r} is blocked: take it out of the environment variable {DISABLED_VARIABLE}'
        )


def install_command(adapter: type[ServerAdapter], sources: list[Source]) -> str:
    """Return the command that installs the backend of an adapter.

    Parameters:
        adapter: the adapter class.
        sources: where it comes from; its metadata knows which versions will do.
    """
    backend = adapter.backend
    if backend is None or backend.install:
        return backend.install if backend else ''
    wanted = metadata.requirement(sources[0], backend.distribution) if sources else backend.distribution
    return f'python -m pip install "{wanted}"'


def choose_one(sources: list[Source]) -> str:
    """Return the remedy for a name that several distributions claim.

    Parameters:
        sources: where the name comes from.
    """
    return (
        f'choose with {" or ".join(f"{each.distribution}:{each.name}" for each in sources)}, or uninstall one of them'
    )


def _assigned(name: str, adapter: Any) -> type[ServerAdapter]:
    what = f'what is registered as {name!r}'
    try:
        return _checked(load(adapter) if isinstance(adapter, str) else adapter, what)
    except ServerLoadError:
        raise
    except (Exception, SystemExit) as error:
        raise ServerLoadError(f'{what} cannot be imported: {cause(error)}') from error


def _checked(adapter: Any, what: str) -> type[ServerAdapter]:
    if not (isinstance(adapter, type) and issubclass(adapter, ServerAdapter)):
        raise ServerLoadError(f'{what}: {adapter!r} is no subclass of bottle.ServerAdapter')
    if not isinstance(adapter.capabilities, Capabilities):
        raise ServerLoadError(f'{what}: {adapter.__name__}.capabilities is no bottle.serving.Capabilities')
    if not isinstance(adapter.backend, Backend | None):
        raise ServerLoadError(f'{what}: {adapter.__name__}.backend is no bottle.serving.Backend')
    return adapter


def _not_found(name: str, installed: dict[str, list[Source]]) -> ServerNotFound:
    if name in FIRST_PARTY:
        return ServerNotFound(f'the server {name!r} is not installed: python -m pip install bottle-server-{name}')
    hint = nearest(name, {*installed, *FIRST_PARTY})
    return ServerNotFound(f'there is no server {name!r}.{hint} Installed: {", ".join(sorted(installed))}')


registry = Registry()
server_names = ServerNames(registry)
