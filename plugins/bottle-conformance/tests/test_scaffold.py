"""A new distribution is written whole or not at all."""

import ast
import tomllib
from pathlib import Path

import pytest

from bottle_conformance import Deviation, scaffold
from bottle_conformance.scaffold import NewServerError, write_distribution


@pytest.mark.parametrize(
    ('name', 'package', 'title'),
    [('acme', 'bottle_server_acme', 'Acme'), ('acme-fast_2', 'bottle_server_acme_fast_2', 'AcmeFast2')],
)
def test_what_is_written(tmp_path: Path, name: str, package: str, title: str) -> None:
    folder = write_distribution(name, tmp_path / 'new')
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob('*') if path.is_file()}
    assert set(files) == {
        'pyproject.toml',
        'README.md',
        'CHANGELOG.md',
        'LICENSE',
        f'src/{package}/__init__.py',
        f'src/{package}/deviations.toml',
        f'src/{package}/py.typed',
        'tests/test_conformance.py',
        '.github/workflows/test.yml',
    }
    project = tomllib.loads(files['pyproject.toml'])['project']
    assert project['name'] == f'bottle-server-{name.replace("_", "-")}'
    assert project['entry-points'] == {'bottle.servers': {name: package}}
    body = ast.parse(files[f'src/{package}/__init__.py']).body
    assert [node.name for node in body if isinstance(node, ast.ClassDef)] == [f'{title}Server']
    assert '${{ matrix.python }}' in files['.github/workflows/test.yml']
    assert not any('$' in text.replace('${{ matrix', '') for text in files.values())
    assert [path.name for path in tmp_path.iterdir()] == ['new']


def test_it_deviates_where_the_server_does_that_it_begins_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {'test_a[x y]': Deviation('Says "no".', 'https://example.org/1'), 'test_b': Deviation('Why.')}
    monkeypatch.setattr(scaffold, 'known_deviations', lambda adapter: given)
    folder = write_distribution('acme-x', tmp_path / 'new')
    written = tomllib.loads((folder / 'src/bottle_server_acme_x/deviations.toml').read_text())['acme-x']
    assert {test: Deviation(**table) for test, table in written.items()} == given


def test_it_goes_into_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_distribution('acme') == Path('bottle-server-acme')
    assert (tmp_path / 'bottle-server-acme' / 'pyproject.toml').exists()


@pytest.mark.parametrize(
    'name', ['', 'Acme', '2fast', '-acme', 'acme-', 'a--b', 'a.b', 'a b', 'acmé', '../acme', 'a/b', 'acme\n', 'a:B']
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NewServerError, match='is no name for a server') as caught:
        write_distribution(name, tmp_path / 'new')
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NewServerError, match="there is a server 'wsgiref' already"):
        write_distribution('wsgiref', tmp_path / 'new')


@pytest.mark.parametrize('is_folder', [True, False])
def test_what_exists_is_kept(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / 'new'
    (target if is_folder else tmp_path).mkdir(exist_ok=True)
    (target / 'mine' if is_folder else target).write_text('mine')
    with pytest.raises(NewServerError, match='exists already'):
        write_distribution('acme', target)
    assert len([path for path in tmp_path.rglob('*') if path.is_file() and path.read_text() == 'mine']) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NewServerError, match=f'there is no folder {tmp_path / "a"}'):
        write_distribution('acme', tmp_path / 'a' / 'new')


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scaffold.SKELETON, 'last.txt', 'no-such-file.txt')
    with pytest.raises(FileNotFoundError):
        write_distribution('acme', tmp_path / 'new')
    assert list(tmp_path.iterdir()) == []
