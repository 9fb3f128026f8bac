"""ConfigDict: loading, meta data, listeners, overlays."""

from __future__ import annotations

import gc
from configparser import Error as ConfigParserError
from typing import TYPE_CHECKING, Any

import pytest

from bottle.config import ConfigDict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Changes = list[tuple[str, Any]]


def filled(**values: Any) -> ConfigDict:
    config = ConfigDict()
    config.update(values)
    return config


def watch(config: ConfigDict) -> Changes:
    changes: Changes = []
    config._add_change_listener(lambda _, key, value: changes.append((key, value)))
    return changes


@pytest.mark.parametrize(
    ('source', 'namespace', 'expected'),
    [
        ({'a': 1, 'b': {'c': {'d': 2}, 'e': None}}, '', {'a': 1, 'b.c.d': 2, 'b.e': None}),
        ({'a': {'b': 1}}, 'x.y', {'x.y.a.b': 1}),
        ({'a.b': 1, 'empty': {}}, '', {'a.b': 1}),
    ],
)
def test_load_dict_flattens(source: dict[str, Any], namespace: str, expected: dict[str, Any]) -> None:
    config = ConfigDict()
    assert config.load_dict(source, namespace) is config
    assert config == expected


@pytest.mark.parametrize(
    'change',
    [
        lambda config: config.load_dict({1: 2}),
        lambda config: config.load_dict({1: {}}),
        lambda config: config.update({None: 1}),
        lambda config: config.update('name.space', {5: 1}),
        lambda config: config.__setitem__(b'a', 1),
        lambda config: config.setdefault(1, 2),
    ],
)
def test_keys_are_text(change: Callable[[ConfigDict], object]) -> None:
    config = ConfigDict()
    with pytest.raises(TypeError, match='not a string'):
        change(config)
    assert not config


INI = """\
[DEFAULT]
base = 1
[bottle]
Debug = True
flag
[Sqlite]
db = /tmp/ä
Copy = ${db}.copy
[ROOT]
r = ${Sqlite:db}
[name.space]
x: %(raw)s
"""


def test_load_config(tmp_path: Path) -> None:
    file = tmp_path / 'app.ini'
    file.write_text(INI, 'utf-8')
    config = ConfigDict()
    assert config.load_config(file) is config
    assert config == {
        'base': '1',
        'debug': 'True',
        'flag': None,
        'sqlite.base': '1',
        'sqlite.db': '/tmp/ä',
        'sqlite.copy': '/tmp/ä.copy',
        'r': '/tmp/ä',
        'name.space.base': '1',
        'name.space.x': '%(raw)s',
    }


def test_load_config_passes_options_on_and_skips_missing_files(tmp_path: Path) -> None:
    file = tmp_path / 'app.ini'
    file.write_text('[a]\nx = ${y}\n')
    missing = str(tmp_path / 'missing.ini')
    assert ConfigDict().load_config([missing, str(file)], interpolation=None) == {'a.x': '${y}'}
    assert ConfigDict().load_config(missing) == {}
    with pytest.raises(ConfigParserError):
        ConfigDict().load_config(str(file))
    with pytest.raises(TypeError):
        ConfigDict().load_config(str(file), nonsense=True)


@pytest.mark.parametrize(
    ('squash', 'expected'),
    [
        (True, {'DEBUG': True, 'DB.host': 'h', 'DB.deep.port': 1}),
        (False, {'DEBUG': True, 'DB': {'host': 'h', 'deep': {'port': 1}}}),
    ],
)
def test_load_module(squash: bool, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f'settings_of_test_{squash}'.lower()
    (tmp_path / f'{name}.py').write_text(
        'import os\nDEBUG = True\nDB = {"host": "h", "deep": {"port": 1}}\nlower = 1\nclass Mixed: HOST = 1\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert ConfigDict().load_module(name, squash) == expected
    assert ConfigDict().load_module(f'{name}:Mixed') == {'HOST': 1}


def test_load_module_that_is_missing() -> None:
    with pytest.raises(ImportError):
        ConfigDict().load_module('there_is_no_such_module')


def test_update() -> None:
    config = ConfigDict()
    config.update('db', {'host': 'h'}, port=1)
    config.update('.cache.', [('ttl', 5)])
    config.update({'a': 1}, b=2)
    config.update('nothing')
    config.update()
    config |= {'c': 3}
    assert config == {'db.host': 'h', 'db.port': 1, 'cache.ttl': 5, 'a': 1, 'b': 2, 'c': 3}
    assert type(config) is ConfigDict


def test_setdefault() -> None:
    config = ConfigDict()
    assert config.setdefault('a') is None
    assert config.setdefault('b', 1) == 1
    assert config.setdefault('b', 2) == 1
    assert config == {'a': None, 'b': 1}


def test_meta() -> None:
    config = filled(a=1)
    config.meta_set('a', 'help', 'text')
    config.meta_set('later', 'unit', 's')
    assert config.meta_get('a', 'help') == 'text'
    assert config.meta_get('a', 'other', 3) == 3
    assert config.meta_get('unknown', 'help') is None
    assert list(config.meta_list('a')) == ['help']
    assert list(config.meta_list('unknown')) == []
    assert config == {'a': 1}


def test_filter_converts_and_refuses() -> None:
    config = ConfigDict()
    config.meta_set('port', 'filter', int)
    config['port'] = '80'
    assert config['port'] == 80
    with pytest.raises(ValueError, match='eighty'):
        config['port'] = 'eighty'
    assert config['port'] == 80


def test_define_keeps_what_is_set() -> None:
    config = filled(a=1)
    config._define('a', default=2, help='h', validate=int)
    config._define('b', default=3)
    config._define('c', help='none')
    assert config == {'a': 1, 'b': 3}
    assert (config.meta_get('a', 'help'), config.meta_get('a', 'validate')) == ('h', int)


def test_listeners_hear_every_change_once() -> None:
    config = filled(a=1)
    changes = watch(config)
    config['a'] = 1
    config['a'] = 2
    config.load_dict({'b': {'c': 3}})
    config.setdefault('a', 9)
    config.update('x', y=4)
    del config['a']
    assert config.pop('b.c') == 3
    assert config.pop('b.c', None) is None
    config['z'] = 5
    assert config.popitem() == ('z', 5)
    config.clear()
    assert changes == [
        ('a', 2),
        ('b.c', 3),
        ('x.y', 4),
        ('a', None),
        ('b.c', None),
        ('z', 5),
        ('z', None),
        ('x.y', None),
    ]
    assert not config
    with pytest.raises(KeyError):
        config.popitem()
    with pytest.raises(KeyError):
        config.pop('a')


def test_a_listener_that_raises_prevents_the_change() -> None:
    config = filled(a=1)

    @config._add_change_listener
    def refuse(config: ConfigDict, key: str, value: Any) -> None:
        raise ValueError(key)

    with pytest.raises(ValueError, match='a'):
        config['a'] = 2
    assert config == {'a': 1}


def test_overlay_shows_the_source_until_it_has_its_own() -> None:
    config = filled(a=1, b=2)
    overlay = config._make_overlay()
    overlay['a'] = 'own'
    config.update(a=10, b=20, c=30)
    assert overlay == {'a': 'own', 'b': 20, 'c': 30}
    assert config == {'a': 10, 'b': 20, 'c': 30}
    del config['b']
    assert overlay == {'a': 'own', 'c': 30}
    del overlay['a']
    assert overlay == {'a': 10, 'c': 30}
    del config['a']
    assert overlay == {'c': 30}


def test_values_of_the_source_cannot_be_deleted_in_the_overlay() -> None:
    overlay = filled(a=1)._make_overlay()
    source = overlay._source
    overlay['own'] = 2
    for delete in (overlay.__delitem__, overlay.pop):
        with pytest.raises(KeyError, match='Virtual keys'):
            delete('a')
    assert overlay.popitem() == ('own', 2)
    overlay['own'] = 3
    overlay.clear()
    assert overlay == source == {'a': 1}
    with pytest.raises(KeyError):
        del overlay['missing']


def test_own_value_equal_to_the_inherited_one_stays() -> None:
    config = filled(a=1)
    overlay = config._make_overlay()
    overlay['a'] = 1
    config['a'] = 2
    assert overlay['a'] == 1


def test_overlays_of_overlays_and_their_listeners() -> None:
    config = ConfigDict()
    overlay = config._make_overlay()
    top = overlay._make_overlay()
    changes = watch(top)
    config['a'] = 1
    overlay['a'] = 2
    del overlay['a']
    del config['a']
    assert changes == [('a', 1), ('a', 2), ('a', 1), ('a', None)]
    assert not top


def test_overlays_share_meta_data() -> None:
    config = filled(a=1)
    overlay = config._make_overlay()
    overlay.meta_set('a', 'filter', float)
    config['a'] = '7'
    assert overlay['a'] == 7.0
    assert overlay.meta_get('a', 'filter') is float


def test_a_config_does_not_keep_its_overlays_alive() -> None:
    config = filled(a=1)
    overlays = [config._make_overlay() for _ in range(3)]
    del overlays
    gc.collect()
    config['a'] = 2
    assert not list(config._overlays or ())
