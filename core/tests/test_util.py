"""Text helpers, descriptors, deprecation and `load`."""

import json
import os.path
import sys
import warnings
from typing import Any

import pytest

from bottle._util import (
    DictProperty,
    Settings,
    cached_property,
    depr,
    html_escape,
    html_quote,
    json_dumps,
    json_loads,
    lazy_attribute,
    load,
    makelist,
    settings,
    tob,
    touni,
)


def test_settings_hold_two_switches_and_nothing_else() -> None:
    assert (settings.debug, settings.norun) == (False, False)
    with pytest.raises(AttributeError):
        setattr(Settings(), 'debgu', True)  # noqa: B010 - mypy would refuse the plain form


@pytest.mark.parametrize(
    ('value', 'expected'), [('ü', b'\xc3\xbc'), (b'x', b'x'), (None, b''), (bytearray(b'y'), b'y')]
)
def test_tob(value: Any, expected: Any) -> None:
    assert tob(value) == expected


def test_tob_takes_an_encoding() -> None:
    assert tob('ü', 'latin1') == b'\xfc'


@pytest.mark.parametrize(('value', 'expected'), [('ü', 'ü'), (b'\xc3\xbc', 'ü'), (None, ''), (5, '5')])
def test_touni(value: Any, expected: Any) -> None:
    assert touni(value) == expected


def test_touni_is_strict_unless_told_otherwise() -> None:
    with pytest.raises(UnicodeDecodeError):
        touni(b'\xff')
    assert touni(b'a\xff', 'utf8', 'ignore') == 'a'
    assert touni(b'\xfc', 'latin1') == 'ü'


@pytest.mark.parametrize(
    ('value', 'expected'),
    [(None, []), ('', []), (0, []), ('x', ['x']), ([1, 2], [1, 2]), ((1,), [1]), ({1}, [1]), ({'a': 1}, ['a'])],
)
def test_makelist(value: Any, expected: Any) -> None:
    assert makelist(value) == expected


def test_makelist_returns_a_copy() -> None:
    original = [1]
    assert makelist(original) is not original


def test_html_escape() -> None:
    assert html_escape('<a href="x">\'&amp;') == '&lt;a href=&quot;x&quot;&gt;&#039;&amp;amp;'


def test_html_quote_keeps_white_space() -> None:
    assert html_quote('<\r\n\t"') == '"&lt;&#13;&#10;&#9;&quot;"'


def test_json_takes_bytes_and_text() -> None:
    value = {'ü': [1, None, 'x']}
    assert json_loads(json_dumps(value)) == value
    assert json_loads(json.dumps(value, ensure_ascii=False).encode()) == value
    with pytest.raises(ValueError, match='utf-8'):
        json_loads(b'"\xff"')


# load


@pytest.mark.parametrize(
    ('target', 'expected'),
    [
        ('os.path', os.path),
        ('os:path', os.path),
        ('os.path:join', os.path.join),
        ('os:path.join', os.path.join),
        ('os:path.basename("a/b").upper()', 'B'),
    ],
)
def test_load(target: Any, expected: Any) -> None:
    assert load(target) == expected


def test_load_gives_names_to_the_expression() -> None:
    assert load('os:path.basename(name)', name='a/b') == 'b'


def test_load_imports_what_is_not_imported_yet(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / 'fresh_package').mkdir()
    (tmp_path / 'fresh_package' / '__init__.py').touch()
    (tmp_path / 'fresh_package' / 'inner.py').write_text('def make(n): return [n]\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert load('fresh_package.inner:make(3)') == [3]
    assert 'fresh_package.inner' in sys.modules


@pytest.mark.parametrize(
    ('target', 'error'),
    [('no_such_module', ImportError), ('no_such_module:x', ImportError), ('os:no_such', AttributeError)],
)
def test_load_says_what_is_missing(target: Any, error: Any) -> None:
    with pytest.raises(error, match='no_such'):
        load(target)


# Deprecation


def test_depr_blames_the_caller_of_the_deprecated_function() -> None:
    def old() -> Any:
        depr('old() is deprecated', 'Use new()', since='1.1')

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        old()
        line = sys._getframe().f_lineno - 1
    assert [(w.category, w.filename, w.lineno) for w in caught] == [(DeprecationWarning, __file__, line)]
    assert str(caught[0].message) == 'old() is deprecated. Use new(). (Deprecated since Bottle 1.1.)'


# Descriptors


class Thing:
    def __init__(self) -> None:
        self.store: dict[str, Any] = {}
        self.calls = 0

    @DictProperty('store')
    def plain(self) -> Any:
        """Return a number."""
        self.calls += 1
        return self.calls

    @DictProperty('store', 'fixed_key', read_only=True)
    def fixed(self) -> Any:
        return 'computed'

    @DictProperty('store')
    def broken(self) -> Any:
        raise AttributeError('not there')

    @cached_property
    def cached(self) -> Any:
        self.calls += 1
        return self.calls

    @lazy_attribute
    def lazy(self: Any) -> Any:
        return self.__name__, object()


def test_dict_property_computes_once_and_can_be_reset() -> None:
    thing = Thing()
    assert (thing.plain, thing.plain, thing.store) == (1, 1, {'plain': 1})
    thing.plain = 7
    assert thing.plain == 7
    del thing.plain
    assert thing.plain == 2


def test_dict_property_read_only() -> None:
    thing = Thing()
    with pytest.raises(AttributeError, match='Read-only'):
        thing.fixed = 1
    with pytest.raises(AttributeError, match='Read-only'):
        del thing.fixed
    thing.store['fixed_key'] = 'put'
    assert thing.fixed == 'put'


def test_dict_property_is_described_on_the_class() -> None:
    assert isinstance(Thing.plain, DictProperty)
    assert Thing.plain.__doc__ == 'Return a number.'


def test_an_error_of_the_getter_comes_without_a_key_error() -> None:
    with pytest.raises(AttributeError, match='not there') as caught:
        _ = Thing().broken
    assert caught.value.__context__ is None


def test_cached_property() -> None:
    thing = Thing()
    assert (thing.cached, thing.cached, thing.__dict__['cached']) == (1, 1, 1)
    del thing.cached
    assert thing.cached == 2
    assert isinstance(Thing.cached, cached_property)


def test_lazy_attribute_is_computed_once_per_class() -> None:
    class Other(Thing):
        pass

    assert Other.lazy[0] == 'Other'
    assert Other.lazy is Other().lazy
    assert Thing.lazy[0] == 'Thing'
    assert Thing.lazy is not Other.lazy
