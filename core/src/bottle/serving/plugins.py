"""The loaded plugins, registered with pluggy one at a time, so that a broken one harms nobody else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pluggy

from bottle.errors import ServerConflict, ServerError, ServerLoadError
from bottle.serving import hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bottle.serving.metadata import Source


class _Manager(pluggy.PluginManager):
    """Looks for hooks among public functions alone.

    pluggy inspects every name that a module has imported, which takes longer than to load most plugins.
    """

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        if name.startswith('_') or isinstance(getattr(plugin, name, None), type):
            return None
        return super().parse_hookimpl_opts(plugin, name)


class Plugins:
    """Loads plugins and calls their hooks."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._manager = _Manager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._sources: dict[Any, Source] = {}

    def load(self, source: Source, loader: Callable[[], Any]) -> Any:
        """Return the plugin of a source, loaded and registered at the first call.

        Parameters:
            source: where it comes from; named by every error.
            loader: imports it.

        Raises:
            ServerLoadError: it cannot be imported, or implements a hook that is not specified. The cause is chained.
            ServerConflict: another distribution has registered the same object.
        """
        key = f'{source.distribution}:{source.name}'
        with self._lock:
            plugin = self._manager.get_plugin(key)
            if plugin is None:
                plugin = self._load_new(source, key, loader)
        return plugin

    def call(self, plugin: Any, hook: str, **arguments: Any) -> Any:
        """Return what one plugin's implementation of a hook returns: a list, or the result of a first-result hook.

        Parameters:
            plugin: a loaded plugin.
            hook: the name of the hook.
            arguments: its arguments.

        Raises:
            ServerLoadError: the implementation raises; the cause is chained.
        """
        others = [each for each in self._manager.get_plugins() if each is not plugin]
        try:
            return self._manager.subset_hook_caller(hook, others)(**arguments)
        except ServerError:  # what `auto` has found out
            raise
        except (Exception, SystemExit) as error:
            raise broken(self._sources[plugin], cause(error)) from error

    def call_each(self, left_out: Collection[Any], hook: str, **arguments: Any) -> None:
        """Call the implementations of a hook in all loaded plugins but some, one after the other as they were loaded.

        Parameters:
            left_out: the plugins that are not called.
            hook: the name of the hook.
            arguments: its arguments.

        Raises:
            ServerLoadError: an implementation raises; its distribution is named, the cause is chained.
        """
        for plugin in [each for each in self._sources if each not in left_out]:
            self.call(plugin, hook, **arguments)

    def _load_new(self, source: Source, key: str, loader: Callable[[], Any]) -> Any:
        try:
            plugin = loader()
            self._refuse_second_owner(plugin, source)
            if not self._manager.is_registered(plugin):  # one module may stand behind several names of one distribution
                self._manager.register(plugin, name=key)
            self._manager.check_pending()
        except ServerError:
            raise
        except (Exception, SystemExit) as error:
            if self._manager.has_plugin(key):
                self._manager.unregister(name=key)
            raise broken(source, cause(error)) from error
        self._sources.setdefault(plugin, source)
        return plugin

    def _refuse_second_owner(self, plugin: Any, source: Source) -> None:
        owner = (self._manager.get_name(plugin) or '').partition(':')[0]
        if owner and not source.is_from(owner):
            raise ServerConflict(
                f'{owner} and {source.distribution} offer the same plugin object under two names: uninstall one of them'
            )


def broken(source: Source, why: str) -> ServerLoadError:
    """Return the error that says that a plugin cannot be used, and whose it is.

    Parameters:
        source: where the plugin comes from.
        why: the cause, in one line.
    """
    return ServerLoadError(f'the plugin {source.name!r} of the distribution {source} is broken: {why}')


def cause(error: BaseException) -> str:
    """Return an exception in one line: its type and the first line of its text.

    Parameters:
        error: the exception.
    """
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__
