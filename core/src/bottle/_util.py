"""Small tools that know nothing of HTTP: text, descriptors, deprecation, `load`, and the process-wide settings."""

from __future__ import annotations

from functools import update_wrapper
from json import dumps as json_dumps
from json import loads as json_lds
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping
    from typing import Self

__all__ = [
    'DictProperty',
    'Settings',
    'cached_property',
    'depr',
    'html_escape',
    'html_quote',
    'json_dumps',
    'json_lds',
    'json_loads',
    'lazy_attribute',
    'load',
    'makelist',
    'nearest',
    'settings',
    'tob',
    'touni',
]

T = TypeVar('T')
R = TypeVar('R')


class Settings:
    """What holds for the whole process.

    Attributes:
        debug: error pages show tracebacks, templates are not cached.
        norun: `run` returns at once; set while `load_app` imports an application that would start itself.
    """

    __slots__ = ('debug', 'norun')

    def __init__(self) -> None:
        self.debug = False
        self.norun = False


settings = Settings()


def depr(cause: str, fix: str, *, since: str = '1.0', stacklevel: int = 3) -> None:
    """Warn that something is deprecated.

    Parameters:
        cause: what is deprecated, a sentence without its full stop.
        fix: what to do instead, a sentence without its full stop.
        since: the version of Bottle that deprecated it.
        stacklevel: whose line is blamed, counted from here: 3 is the caller of the function that calls `depr`.

    Raises:
        DeprecationWarning: when the warning filters turn warnings into errors.
    """
    import warnings

    warnings.warn(f'{cause}. {fix}. (Deprecated since Bottle {since}.)', DeprecationWarning, stacklevel=stacklevel)


# Text


def tob(s: object, enc: str = 'utf8') -> bytes:
    """Return `s` as bytes: text is encoded with `enc`, None is empty, anything else goes through `bytes()`."""
    if isinstance(s, str):
        return s.encode(enc)
    return b'' if s is None else bytes(cast('bytes', s))


def touni(s: object, enc: str = 'utf8', err: str = 'strict') -> str:
    """Return `s` as text: bytes are decoded with `enc` and the error handler `err`, None is empty, else `str()`.

    Raises:
        UnicodeDecodeError: the bytes are not valid in `enc` and `err` is `strict`.
    """
    if isinstance(s, bytes):
        return s.decode(enc, err)
    return '' if s is None else str(s)


def makelist(data: Any) -> list[Any]:
    """Return the items of a list, tuple, set or dict as a list; of any other value a list of one, or none if false."""
    if isinstance(data, (tuple, list, set, dict)):
        return list(data)
    return [data] if data else []


def html_escape(string: str) -> str:
    """Return `string` with the five characters replaced that mean something in HTML text and attributes."""
    return (
        string.replace('&', '&amp;')
        .replace('<', '&lt;')
        .replace('>', '&gt;')
        .replace('"', '&quot;')
        .replace("'", '&#039;')
    )


def html_quote(string: str) -> str:
    """Return `string` as a double-quoted HTML attribute value; line breaks and tabs survive."""
    escaped = html_escape(string).replace('\n', '&#10;').replace('\r', '&#13;').replace('\t', '&#9;')
    return f'"{escaped}"'


def json_loads(s: str | bytes) -> Any:
    """Return the value of a JSON document (RFC 8259) given as text or as UTF-8 bytes.

    Raises:
        ValueError: the document is not valid JSON or not valid UTF-8.
        RecursionError: it is nested too deeply.
    """
    return json_lds(touni(s))


# Import by name


def load(target: str, **namespace: Any) -> Any:
    """Import a module or fetch something out of one.

    Parameters:
        target: `package.module` for the module, `package.module:name` for an attribute of it (dots allowed),
            `package.module:expression` for a Python expression that begins with an attribute of the module, such
            as `myapp:make_app("test")`. The expression is evaluated: never pass text from outside the program.
        namespace: further names for the expression.

    Returns:
        The module, the attribute, or the value of the expression.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such attribute.
    """
    from importlib import import_module

    name, _, expression = target.partition(':')
    module = import_module(name)
    if not expression:
        return module
    if all(part.isidentifier() for part in expression.split('.')):
        return _attribute(module, expression)
    package = name.partition('.')[0]
    scope = {**namespace, package: import_module(package)}
    return eval(f'{name}.{expression}', scope)  # noqa: S307 - documented feature; the target is the programmer's own text


def _attribute(value: Any, path: str) -> Any:
    for part in path.split('.'):
        value = getattr(value, part)
    return value


# Descriptors


class DictProperty(Generic[T]):
    """A property that is computed once and kept in a dict of the instance.

    Use it as a decorator. Parameters:
        attr: the name of the instance's attribute that holds the dict.
        key: the key in that dict; the name of the function if None.
        read_only: setting and deleting raise AttributeError.
    """

    def __init__(self, attr: str, key: str | None = None, read_only: bool = False) -> None:
        self.attr = attr
        self.key: str = key or ''
        self.read_only = read_only
        self.getter: Callable[[Any], T] | None = None

    def __call__(self: DictProperty[Any], func: Callable[[Any], R]) -> DictProperty[R]:
        """Take `func(instance)` as what computes the value, and return the property."""
        update_wrapper(cast('Callable[..., R]', self), func, updated=())
        self.getter = func
        self.key = self.key or func.__name__
        return self

    @overload
    def __get__(self, obj: None, cls: type | None = None) -> Self: ...
    @overload
    def __get__(self, obj: object, cls: type | None = None) -> T: ...
    def __get__(self, obj: object | None, cls: type | None = None) -> Self | T:
        if obj is None:
            return self
        storage: MutableMapping[str, T] = getattr(obj, self.attr)
        try:
            return storage[self.key]
        except KeyError:
            pass
        # Computed outside of the handler: an error in the getter must not drag a KeyError along as its context.
        value = storage[self.key] = cast('Callable[[Any], T]', self.getter)(obj)
        return value

    def __set__(self, obj: object, value: T) -> None:
        self._writable(obj)[self.key] = value

    def __delete__(self, obj: object) -> None:
        del self._writable(obj)[self.key]

    def _writable(self, obj: object) -> MutableMapping[str, Any]:
        if self.read_only:
            raise AttributeError('Read-only property.')
        return cast('MutableMapping[str, Any]', getattr(obj, self.attr))


class cached_property(Generic[T]):
    """A property computed once per instance; the value replaces it in `instance.__dict__` and `del` resets it."""

    def __init__(self, func: Callable[[Any], T]) -> None:
        update_wrapper(cast('Callable[..., T]', self), func)
        self.func = func

    @overload
    def __get__(self, obj: None, cls: type | None = None) -> Self: ...
    @overload
    def __get__(self, obj: object, cls: type | None = None) -> T: ...
    def __get__(self, obj: object | None, cls: type | None = None) -> Self | T:
        if obj is None:
            return self
        value = obj.__dict__[self.func.__name__] = self.func(obj)
        return value


class lazy_attribute(Generic[T]):
    """A class attribute that is computed from the class at the first look-up and then replaces this descriptor."""

    def __init__(self, func: Callable[[Any], T]) -> None:
        update_wrapper(cast('Callable[..., T]', self), func, updated=())
        self.getter = func

    def __get__(self, obj: object | None, cls: type) -> T:
        value = self.getter(cls)
        setattr(cls, self.getter.__name__, value)
        return value


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint such as ` Did you mean 'gevent'?`, or an empty string when nothing is near.

    Parameters:
        word: what was typed.
        known: what could have been meant.
    """
    from difflib import get_close_matches

    matches = get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f' Did you mean {" or ".join(map(repr, matches))}?' if matches else ''
