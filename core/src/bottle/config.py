"""Configuration of applications, plugins and routes, and a finder for files that belong to an application."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, TypeVar, overload

from bottle._util import load, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
    from pathlib import Path
    from typing import Self
    from weakref import WeakSet

__all__ = ['ConfigDict', 'ResourceManager']

T = TypeVar('T')

_UNSET: Any = object()

_ROOT_SECTIONS = ('bottle', 'ROOT')


class ConfigDict(dict[str, Any]):
    """A flat dict for configuration: text keys with dots as name spaces, meta data per key, listeners, overlays.

    An overlay is another ConfigDict that shows the values of this one until it gets values of its own: each route has
    an overlay of its application's configuration. All overlays share the meta data of the dict they were made from.
    """

    __slots__ = ('__weakref__', '_listeners', '_meta', '_overlays', '_source', '_virtual')

    __hash__ = object.__hash__  # type: ignore[assignment] # found by identity in the set of overlays, never by content

    def __init__(self) -> None:
        super().__init__()
        self._meta: dict[str, dict[str, Any]] = {}
        self._listeners: list[Callable[[ConfigDict, str, Any], object]] = []
        self._overlays: WeakSet[ConfigDict] | None = None
        self._virtual: set[str] = set()
        self._source: ConfigDict | None = None

    # Loading

    def load_module(self, name: str, squash: bool = True) -> Self:
        """Load the values of a Python module's upper-case names.

        Parameters:
            name: the dotted name of the module, or `module:object`.
            squash: flatten values that are dicts into name spaces, as `load_dict` does.

        Returns:
            The ConfigDict itself.

        Raises:
            ImportError: the module cannot be imported.
        """
        module = load(name)
        found = {key: getattr(module, key) for key in dir(module) if key.isupper()}
        if squash:
            return self.load_dict(found)
        self.update(found)
        return self

    def load_config(self, filename: str | os.PathLike[str] | Iterable[str], **options: Any) -> Self:
        """Load `*.ini` files; a section is a name space, all keys are made lower case.

        The values of the sections `bottle` and `ROOT` get no name space. Values may refer to others by `${key}` and
        `${section:key}`, and a key may have no value (None), unless `options` say otherwise.

        Parameters:
            filename: one path or several; those that do not exist are skipped.
            options: passed to `configparser.ConfigParser`.

        Returns:
            The ConfigDict itself.

        Raises:
            configparser.Error: a file cannot be understood.
        """
        from configparser import ConfigParser, ExtendedInterpolation

        parser = ConfigParser(**{'allow_no_value': True, 'interpolation': ExtendedInterpolation(), **options})
        parser.read(filename, encoding='utf-8')
        for section in parser.sections():
            prefix = '' if section in _ROOT_SECTIONS else f'{section}.'
            for key in parser.options(section):
                self[f'{prefix}{key}'.lower()] = parser.get(section, key)
        return self

    def load_dict(self, source: Mapping[str, Any], namespace: str = '') -> Self:
        """Load a dict; dicts inside it become name spaces: `{'db': {'host': 'x'}}` sets `db.host`.

        Parameters:
            source: the values.
            namespace: goes before every key, with a dot between.

        Returns:
            The ConfigDict itself.

        Raises:
            TypeError: a key is not text.
        """
        prefix = f'{namespace}.' if namespace else ''
        for key, value in source.items():
            full_key = prefix + _text_key(key)
            if isinstance(value, dict):
                self.load_dict(value, full_key)
            else:
                self[full_key] = value
        return self

    # Access

    def __setitem__(self, key: str, value: Any) -> None:
        convert = self.meta_get(_text_key(key), 'filter')
        self._assign(key, convert(value) if convert else value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        if key in self._virtual:
            raise KeyError(f'Virtual keys cannot be deleted: {key}')
        if self._source is not None and key in self._source:
            self._inherit(key, self._source[key])
        else:
            self._discard(key)

    def update(self, *args: Any, **values: Any) -> None:
        """Set several values, as `dict.update` does.

        Parameters:
            args: a mapping or pairs; a text before it is the name space of all of them: `update('db', host='x')`.
            values: further values.

        Raises:
            TypeError: a key is not text.
        """
        prefix = ''
        if args and isinstance(args[0], str):
            prefix, args = args[0].strip('.') + '.', args[1:]
        for key, value in dict(*args, **values).items():
            self[prefix + _text_key(key)] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc] # one signature where dict has two overloads
        self.update(other)
        return self

    def setdefault(self, key: str, value: Any = None) -> Any:
        """Return the value of `key`; set it to `value` first if there is none."""
        if key not in self:
            self[key] = value
        return self[key]

    @overload
    def pop(self, key: str, /) -> Any: ...

    @overload
    def pop(self, key: str, default: T, /) -> Any | T: ...

    def pop(self, key: str, default: Any = _UNSET, /) -> Any:
        """Delete `key` and return its value, or `default` if there is none.

        Raises:
            KeyError: there is no such key and no default, or the key only shows the value of another dict.
        """
        if key not in self and default is not _UNSET:
            return default
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the key that was set last and return it with its value.

        Raises:
            KeyError: there is none.
        """
        for key in reversed(self):
            if key not in self._virtual:
                return key, self.pop(key)
        raise KeyError('popitem(): dictionary is empty')

    def clear(self) -> None:
        """Delete every key; those that show the value of another dict stay."""
        for key in [key for key in self if key not in self._virtual]:
            del self[key]

    # Meta data

    def meta_get(self, key: str, metafield: str, default: Any = None) -> Any:
        """Return the value of a meta field of a key, or `default`."""
        return self._meta.get(key, {}).get(metafield, default)

    def meta_set(self, key: str, metafield: str, value: Any) -> None:
        """Set a meta field of a key, which need not exist yet.

        The field `filter` holds a callable: each value set from now on is replaced by what it returns for the value.
        """
        self._meta.setdefault(key, {})[metafield] = value

    def meta_list(self, key: str) -> KeysView[str]:
        """Return the names of the meta fields of a key."""
        return self._meta.get(key, {}).keys()

    def _define(self, key: str, default: Any = _UNSET, help: Any = _UNSET, validate: Any = _UNSET) -> None:
        if default is not _UNSET:
            self.setdefault(key, default)
        for field, value in (('help', help), ('validate', validate)):
            if value is not _UNSET:
                self.meta_set(key, field, value)

    # Listeners and overlays

    def _add_change_listener(self, func: Callable[[ConfigDict, str, Any], T]) -> Callable[[ConfigDict, str, Any], T]:
        self._listeners.append(func)
        return func

    def _make_overlay(self) -> ConfigDict:
        from weakref import WeakSet

        overlay = ConfigDict()
        overlay._meta = self._meta
        overlay._source = self
        if self._overlays is None:
            self._overlays = WeakSet()
        self._overlays.add(overlay)
        overlay._virtual.update(self)
        dict.update(overlay, self)
        return overlay

    def _notify(self, key: str, value: Any) -> None:
        for listener in self._listeners:
            listener(self, key, value)

    def _assign(self, key: str, value: Any) -> None:
        self._virtual.discard(key)
        self._store(key, value)

    def _inherit(self, key: str, value: Any) -> None:
        self._virtual.add(key)
        self._store(key, value)

    def _store(self, key: str, value: Any) -> None:
        if self.get(key, _UNSET) is value:
            return
        self._notify(key, value)
        super().__setitem__(key, value)
        for overlay in self._heirs(key):
            overlay._inherit(key, value)

    def _discard(self, key: str) -> None:
        self._notify(key, None)
        super().__delitem__(key)
        self._virtual.discard(key)
        for overlay in self._heirs(key):
            overlay._discard(key)

    def _heirs(self, key: str) -> list[ConfigDict]:
        """Return the overlays that have no value of their own for `key`."""
        return [each for each in self._overlays or () if key in each._virtual or key not in each]


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f'Key has type {type(key)!r} (not a string)')
    return key


class ResourceManager:
    """Finds files that belong to an application in a list of folders.

    Names are trusted: one with `..` may lead out of the folders. Serve files to clients with `static_file` instead.

    Parameters:
        base: what relative folders are relative to: a folder with a slash at its end, or a file (say `__file__`) in it.
        opener: opens the files that were found.
        cachemode: `all` remembers what was found and what was not, `found` only the former, `none` nothing.

    Attributes:
        path: the folders in the order of the search, absolute, each with a slash at its end.
        cache: what is remembered: absolute paths by name, None for what was not found.
    """

    def __init__(self, base: str = './', opener: Callable[..., IO[Any]] = open, cachemode: str = 'all') -> None:
        self.base = base
        self.opener = opener
        self.cachemode = cachemode
        self.path: list[str] = []
        self.cache: dict[str, str | None] = {}

    def add_path(self, path: str, base: str | None = None, index: int | None = None, create: bool = False) -> bool:
        """Add a folder to the list; one that is there already moves to its new place.

        Parameters:
            path: the folder with a slash at its end, or a file in it.
            base: takes the place of the manager's `base`.
            index: the position in the list; the end unless given.
            create: make the folder if there is none.

        Returns:
            Whether the folder exists.
        """
        from pathlib import Path

        folder = os.path.normpath(Path.cwd() / _folder(base or self.base) / _folder(path))
        entry = folder.rstrip(os.sep) + os.sep
        if entry in self.path:
            self.path.remove(entry)
        if create:
            Path(entry).mkdir(parents=True, exist_ok=True)
        self.path.insert(len(self.path) if index is None else index, entry)
        self.cache.clear()
        return Path(entry).exists()

    def __iter__(self) -> Iterator[str]:
        """Yield the paths of all files in all folders and their sub-folders."""
        for folder in self.path:
            for parent, _, names in os.walk(folder):
                yield from (os.path.normpath(f'{parent}/{name}') for name in names)

    def lookup(self, name: str) -> str | None:
        """Return the absolute path of the first file called `name`, or None.

        A name may contain slashes; an absolute path stands for itself.
        """
        if name in self.cache and not settings.debug:
            return self.cache[name]
        found = next((str(path) for path in self._candidates(name) if path.is_file()), None)
        if self.cachemode == 'all' or (self.cachemode == 'found' and found):
            self.cache[name] = found
        return found

    def _candidates(self, name: str) -> Iterator[Path]:
        from pathlib import Path

        return (Path(folder, name) for folder in self.path)

    def open(self, name: str, mode: str = 'r', *args: Any, **kwargs: Any) -> IO[Any]:
        """Find a file and open it.

        Parameters:
            name: as for `lookup`.
            mode: as for the built-in `open`, and so are all further arguments.

        Returns:
            What the opener returned: an open file.

        Raises:
            OSError: there is no such file, or it cannot be opened.
        """
        path = self.lookup(name)
        if not path:
            raise OSError(f'Resource {name!r} not found.')
        return self.opener(path, mode, *args, **kwargs)


def _folder(path: str) -> str:
    """Return what stands before the last slash; unlike `Path.parent`, `data/` is the folder `data` itself."""
    return os.path.split(path)[0]
