"""What is read from the metadata of distributions, and what is made of rubbish there."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bottle import __version__
from bottle.serving import metadata
from bottle.serving.metadata import Source
from tests.support.distributions import Distribution

GROUP = 'tests.metadata'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder at the front of the path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def install(folder: Path) -> Callable[..., None]:
    """Return a function that lays out a distribution with entry points."""

    def laid_out(name: str, version: str = '1.0', requires: tuple[str, ...] = (), **entries: str) -> None:
        Distribution(name, {}, {GROUP: entries}, requires, version).lay_out(folder)

    return laid_out


def test_sources_are_sorted_by_name_and_distribution(install: Callable[..., None]) -> None:
    install('z-dist', b='module_b', a='module_a')
    install('A.dist', '2.0', a='module:attribute')
    found = metadata.sources(GROUP)
    assert [(each.name, str(each)) for each in found] == [('a', 'A.dist 2.0'), ('a', 'z-dist 1.0'), ('b', 'z-dist 1.0')]
    assert [each.entry_point.value for each in found if each.entry_point] == [
        'module:attribute',
        'module_a',
        'module_b',
    ]


def test_what_is_installed_later_is_found_and_what_is_removed_is_gone(
    install: Callable[..., None], folder: Path
) -> None:
    assert metadata.sources(GROUP) == []
    install('later', x='y')
    assert [each.name for each in metadata.sources(GROUP)] == ['x']
    (folder / 'later-1.0.dist-info').rename(folder / 'gone')
    assert metadata.sources(GROUP) == []


def test_the_list_may_be_changed_by_its_reader(install: Callable[..., None]) -> None:
    install('one', x='y')
    metadata.sources(GROUP).clear()
    assert len(metadata.sources(GROUP)) == 1


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (f'[{GROUP}]\nx = y', [('x', 'y')]),
        (f'[{GROUP}]\n x=y.z:a.b \n\n[other]\nq = r', [('x', 'y.z:a.b')]),
        (f'[other]\nx = {GROUP}\n', []),
        (f'# {GROUP}\nx = y', []),
        (f'[{GROUP}]\n# c = d\n; e = f\nrubbish\nx = y', [('x', 'y')]),
        (f'[{GROUP}.sub]\nx = y', []),
        (f'[{GROUP}]', []),
    ],
)
def test_entry_points_txt(
    install: Callable[..., None], folder: Path, text: str, expected: list[tuple[str, str]]
) -> None:
    install('odd', x='y')
    (folder / 'odd-1.0.dist-info' / 'entry_points.txt').write_text(text)
    assert [(each.name, each.entry_point.value) for each in metadata.sources(GROUP) if each.entry_point] == expected


@pytest.mark.parametrize('file', ['entry_points.txt', 'METADATA'])
def test_bytes_that_are_no_text_hide_nothing_else(install: Callable[..., None], folder: Path, file: str) -> None:
    install('fine', x='y')
    install('binary', b='y')
    (folder / 'binary-1.0.dist-info' / file).write_bytes(b'[tests.metadata]\n\xff\xfe')
    assert 'x' in [each.name for each in metadata.sources(GROUP)]


def test_a_folder_on_the_path_that_does_not_exist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', [str(folder / 'absent'), str(folder)])
    assert metadata.sources(GROUP) == []


@pytest.mark.parametrize(
    ('name', 'version'),
    [('Some.Engine', '2.7'), ('some_engine', '2.7'), ('some-engine', '2.7'), ('some', '')],
)
def test_installed_version(install: Callable[..., None], name: str, version: str) -> None:
    install('some-engine', '2.7')
    assert metadata.installed_version(name) == version


def test_legacy_metadata_and_left_overs(folder: Path) -> None:
    (folder / 'old-1.5.egg-info').mkdir()
    (folder / 'old-1.5.egg-info' / 'PKG-INFO').write_text(
        'Metadata-Version: 1.0\nName: old\nVersion: 1.5\n\nVersion: 9\n'
    )
    (folder / 'left-1.0.dist-info').mkdir()
    assert metadata.installed_version('old') == '1.5'
    assert metadata.installed_version('left') == ''


@pytest.mark.parametrize(
    ('requires', 'expected'),
    [
        (('other>=1', 'engine>=2'), 'engine>=2'),
        (('Engine >= 2, < 3 ; python_version > "3.8"',), 'Engine>=2,<3'),
        (('engine[tls]~=2.1',), 'engine[tls]~=2.1'),
        (('engine-extra>=9',), 'engine'),
        (('other',), 'engine'),
        ((), 'engine'),
    ],
)
def test_requirement(requires: tuple[str, ...], expected: str) -> None:
    assert metadata.requirement(Source('x', 'dist', requires=requires), 'engine') == expected


def test_requirements_come_from_the_metadata(install: Callable[..., None]) -> None:
    install('acme', requires=('bottle>=1', 'engine>=2'), x='y')
    assert metadata.requirement(metadata.sources(GROUP)[0], 'engine') == 'engine>=2'


def test_a_source() -> None:
    source = metadata.core_source('wsgiref')
    assert str(source) == f'bottle {__version__}'
    assert str(Source('x', 'this process')) == 'this process'
    assert source.is_from('Bottle')
    assert not source.is_from('bottles')
    assert Source('x', 'My_Server.Plugin').is_from('my-server-plugin')
