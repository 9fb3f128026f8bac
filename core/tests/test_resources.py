"""ResourceManager: its folders, its cache, opening."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bottle._util import settings
from bottle.config import ResourceManager

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ('one/a.txt', 'one/sub/deep.txt', 'two/a.txt', 'two/b.txt'):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, 'utf-8')
    return tmp_path


@pytest.fixture
def resources(folders: Path) -> ResourceManager:
    manager = ResourceManager(f'{folders}/')
    assert manager.add_path('one/')
    assert manager.add_path('./two/')
    return manager


def test_folders_keep_their_order_and_move(resources: ResourceManager, folders: Path) -> None:
    one, two = f'{folders}/one/', f'{folders}/two/'
    assert resources.path == [one, two]
    resources.add_path('one/')
    assert resources.path == [two, one]
    resources.add_path('one/ignored.txt', index=0)
    assert resources.path == [one, two]


@pytest.mark.parametrize(
    ('base', 'path'), [('{0}/one/module.py', 'sub/'), ('{0}/one/', 'sub/'), ('/nowhere/', '{0}/one/sub/')]
)
def test_base_may_be_a_file_or_a_folder(folders: Path, base: str, path: str) -> None:
    manager = ResourceManager()
    assert manager.add_path(path.format(folders), base=base.format(folders))
    assert manager.path == [f'{folders}/one/sub/']


def test_relative_base_is_made_absolute(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders)
    manager = ResourceManager()
    manager.add_path('one/')
    monkeypatch.chdir('/')
    assert manager.lookup('a.txt') == f'{folders}/one/a.txt'


def test_missing_folders_are_created_on_demand(resources: ResourceManager, folders: Path) -> None:
    assert resources.add_path('new/folder/') is False
    assert resources.add_path('new/folder/', create=True) is True
    assert (folders / 'new/folder').is_dir()


@pytest.mark.parametrize(
    ('name', 'found'),
    [
        ('a.txt', 'one/a.txt'),
        ('b.txt', 'two/b.txt'),
        ('sub/deep.txt', 'one/sub/deep.txt'),
        ('sub', None),
        ('c\0', None),
    ],
)
def test_lookup(resources: ResourceManager, folders: Path, name: str, found: str | None) -> None:
    assert resources.lookup(name) == (found and f'{folders}/{found}')


def test_absolute_names_stand_for_themselves(resources: ResourceManager) -> None:
    assert resources.lookup(__file__) == __file__


@pytest.mark.parametrize(('mode', 'remembered'), [('all', {'a.txt', 'missing'}), ('found', {'a.txt'}), ('none', set())])
def test_cachemode(folders: Path, mode: str, remembered: set[str]) -> None:
    manager = ResourceManager(f'{folders}/', cachemode=mode)
    manager.add_path('one/')
    assert manager.lookup('a.txt')
    assert manager.lookup('missing') is None
    assert set(manager.cache) == remembered
    manager.add_path('two/')
    assert not manager.cache


def test_the_cache_is_used_except_in_debug_mode(
    resources: ResourceManager, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resources.lookup('late.txt') is None
    (folders / 'one/late.txt').touch()
    assert resources.lookup('late.txt') is None
    monkeypatch.setattr(settings, 'debug', True)
    assert resources.lookup('late.txt') == f'{folders}/one/late.txt'


def test_iteration_yields_all_files(resources: ResourceManager, folders: Path) -> None:
    resources.add_path('missing/')
    names = [os.path.relpath(path, folders) for path in resources]
    assert sorted(names) == ['one/a.txt', 'one/sub/deep.txt', 'two/a.txt', 'two/b.txt']
    assert names.index('one/a.txt') < names.index('two/a.txt')


def test_open(resources: ResourceManager) -> None:
    with resources.open('a.txt') as file:
        assert file.read() == 'one/a.txt'
    with resources.open('b.txt', 'rb', 0) as file:
        assert file.read() == b'two/b.txt'
    with resources.open('b.txt', encoding='utf-16-le') as file:
        assert file.read(4) == b'two/b.tx'.decode('utf-16-le')
    with pytest.raises(OSError, match="Resource 'missing' not found"):
        resources.open('missing')
