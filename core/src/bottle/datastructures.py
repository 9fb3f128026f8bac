"""Dictionaries with several values per key: MultiDict, FormsDict for fields, HeaderDict; and the request's headers."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from bottle._util import touni
from bottle.httputil import from_wire, header_name, header_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, KeysView


class MultiDict(MutableMapping[str, Any]):
    """A dict that keeps every value ever set for a key and answers with the newest.

    Parameters:
        a: at most one mapping, MultiDict or iterable of pairs.
        k: further keys and values.

    Assignment adds a value. Plain dict methods see the newest value of each key only.

    Attributes:
        dict: the keys with the lists of their values, oldest first.
    """

    def __init__(self, *a: Any, **k: Any) -> None:
        if len(a) > 1:
            raise TypeError(f'{type(self).__name__} expected at most 1 positional argument, got {len(a)}')
        self.dict: dict[str, list[Any]] = {}
        for source in (*a, k):
            for key, value in _pairs(source):
                self.append(key, value)

    def __len__(self) -> int:
        return len(self.dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.dict)

    def __contains__(self, key: object) -> bool:
        return key in self.dict

    def __delitem__(self, key: str) -> None:
        del self.dict[key]

    def __getitem__(self, key: str) -> Any:
        return self.dict[key][-1]

    def __setitem__(self, key: str, value: Any) -> None:
        self.append(key, value)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({list(self.allitems())!r})'

    def keys(self) -> KeysView[str]:
        """Return a view of the keys."""
        return self.dict.keys()

    def values(self) -> Any:
        """Return an iterator over the newest value of each key."""
        return (values[-1] for values in self.dict.values())

    def items(self) -> Any:
        """Return an iterator over each key with its newest value."""
        return ((key, values[-1]) for key, values in self.dict.items())

    def allitems(self) -> Iterator[tuple[str, Any]]:
        """Return an iterator over every key and value; a key comes once for each of its values."""
        return ((key, value) for key, values in self.dict.items() for value in values)

    iterkeys = keys
    itervalues = values
    iteritems = items
    iterallitems = allitems

    def get(
        self,
        key: str,
        default: Any = None,
        index: int = -1,
        type: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Return one value of a key, or the default.

        Parameters:
            key: the key.
            default: what to return if there is no such value, or if `type` raises an exception.
            index: which of the values, as a list index; the newest by default.
            type: a function that converts the value.
        """
        try:
            value = self.dict[key][index]
        except (KeyError, IndexError):
            return default
        if type is None:
            return value
        # Whatever a converter raises means that the value is not of its type.
        with suppress(Exception):
            return type(value)
        return default

    def append(self, key: str, value: Any) -> None:
        """Add a value to those of the key."""
        self.dict.setdefault(key, []).append(value)

    def replace(self, key: str, value: Any) -> None:
        """Replace all values of the key by this one."""
        self.dict[key] = [value]

    def getall(self, key: str) -> list[Any]:
        """Return all values of the key, oldest first; the list is empty if there is none."""
        return self.dict.get(key) or []

    #: Other libraries call them so.
    getone = get
    getlist = getall


def _pairs(source: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(source, MultiDict):
        return source.allitems()
    pairs: Iterable[tuple[str, Any]] = source.items() if hasattr(source, 'items') else source
    return pairs


class FormsDict(MultiDict):
    """The fields of a form, a query string or the cookies of a request.

    Fields are attributes, too: `forms.name` is the value as text, or an empty string if it is missing or not valid.
    Values from a request are text already, decoded as UTF-8; bytes that are not UTF-8 stand in it as lone surrogates.

    Attributes:
        input_encoding: the encoding that `getunicode` and `decode` assume if none is given.
        recode_unicode: True if the values are native strings (PEP 3333) and must be decoded yet.
    """

    input_encoding = 'utf8'
    recode_unicode = False

    def _recode(self, value: Any, encoding: str | None) -> Any:
        if isinstance(value, str):
            return value if value.isascii() else self._recode_text(value, encoding)
        return value.decode(encoding or self.input_encoding) if isinstance(value, bytes) else value

    def _recode_text(self, value: str, encoding: str | None) -> str:
        raw = value.encode('latin-1') if self.recode_unicode else value.encode('utf8', 'surrogateescape')
        return raw.decode(encoding or self.input_encoding)

    def decode(self, encoding: str | None = None) -> FormsDict:
        """Return a copy with all keys and values decoded anew.

        Parameters:
            encoding: the encoding that the client used; `input_encoding` if None.

        Raises:
            UnicodeDecodeError: a key or a value is not valid in this encoding.
        """
        copy = FormsDict()
        copy.input_encoding = encoding or self.input_encoding
        for key, value in self.allitems():
            copy.append(self._recode(key, encoding), self._recode(value, encoding))
        return copy

    def getunicode(self, name: str, default: Any = None, encoding: str | None = None) -> Any:
        """Return the newest value of a field as text, or the default if it is missing or not valid in the encoding."""
        try:
            return self._recode(self.dict[name][-1], encoding)
        except (UnicodeError, KeyError):
            return default

    def __getattr__(self, name: str) -> Any:
        # copy, pickle and others probe for methods such as __deepcopy__, which a field must not imitate.
        if name[:2] == '__' and name[-2:] == '__':
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        return self.getunicode(name, default='') if name in self.dict else ''


def forms_dict(pairs: Iterable[tuple[str, Any]]) -> FormsDict:
    """Return a FormsDict of names and values; faster than its constructor, which takes mappings, too."""
    forms = FormsDict()
    fields = forms.dict
    for name, value in pairs:
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    return forms


class HeaderDict(MultiDict):
    """Header fields: names without case, one value per assignment, names and values checked.

    Assignment replaces the values of a name, `append` adds one. Values become text. Names are spelt `Content-Type`.

    Raises:
        ValueError: on setting, if the name is not a token or the value holds control characters (RFC 9110 section 5).
    """

    def __init__(self, *a: Any, **ka: Any) -> None:
        super().__init__()
        if a or ka:
            self.update(*a, **ka)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _lookup(key) in self.dict

    def __delitem__(self, key: str) -> None:
        del self.dict[_lookup(key)]

    def __getitem__(self, key: str) -> str:
        return str(self.dict[_lookup(key)][-1])

    def __setitem__(self, key: str, value: Any) -> None:
        self.dict[header_name(key)] = [header_value(value)]

    def append(self, key: str, value: Any) -> None:
        """Add a field of this name."""
        # Checked first: a refused value must not leave an empty list behind.
        text = header_value(value)
        self.dict.setdefault(header_name(key), []).append(text)

    def replace(self, key: str, value: Any) -> None:
        """Replace all fields of this name by one."""
        self[key] = value

    def getall(self, key: str) -> list[str]:
        """Return the values of all fields of this name, oldest first."""
        return self.dict.get(_lookup(key)) or []

    def get(self, key: str, default: Any = None, index: int = -1, type: Callable[[Any], Any] | None = None) -> Any:
        """Return one value of a name, or the default; see `MultiDict.get`."""
        return super().get(_lookup(key), default, index, type)

    def filter(self, names: Iterable[str]) -> None:
        """Remove the fields of these names."""
        for name in names:
            self.dict.pop(_lookup(name), None)

    getone = get
    getlist = getall


def _lookup(name: str) -> str:
    """Return the spelling of a name that is only looked for: an impossible one is simply not there."""
    try:
        return header_name(name)
    except ValueError:
        return name


def _field_text(value: Any) -> str:
    """Return what a server put into the environ as text: UTF-8 with `surrogateescape`, like all text of a request."""
    return from_wire(value) if isinstance(value, str) else touni(value, err='surrogateescape')


class WSGIHeaderDict(MutableMapping[str, Any]):
    """The header fields of a request: a read-only view of a WSGI environ, names without case.

    Parameters:
        environ: the WSGI environ (PEP 3333); its `HTTP_…` keys, `CONTENT_TYPE` and `CONTENT_LENGTH` are the fields.

    Attributes:
        cgikeys: the environ keys of fields that have no `HTTP_` in front.
    """

    cgikeys = ('CONTENT_TYPE', 'CONTENT_LENGTH')

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ

    def _ekey(self, key: str) -> str:
        name = key.replace('-', '_').upper()
        return name if name in self.cgikeys else f'HTTP_{name}'

    def raw(self, key: str, default: Any = None) -> Any:
        """Return the value as it stands in the environ, whatever its type, or the default."""
        return self.environ.get(self._ekey(key), default)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a field as text, or the default."""
        name = self._ekey(key)
        return _field_text(self.environ[name]) if name in self.environ else default

    def __getitem__(self, key: str) -> str:
        return _field_text(self.environ[self._ekey(key)])

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise TypeError(f'{type(self).__name__} is read-only.')

    def __delitem__(self, key: str) -> NoReturn:
        raise TypeError(f'{type(self).__name__} is read-only.')

    def __iter__(self) -> Iterator[str]:
        for key in self.environ:
            if key.startswith('HTTP_'):
                yield key[5:].replace('_', '-').title()
            elif key in self.cgikeys:
                yield key.replace('_', '-').title()

    def keys(self) -> Any:
        """Return the names of the fields as a list."""
        return list(self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._ekey(key) in self.environ

    def __repr__(self) -> str:
        return f'{type(self).__name__}({dict(self)!r})'
