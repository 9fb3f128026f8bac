"""One distribution's folder reads like its neighbours'."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import CORE, DISTRIBUTIONS, repository_files, tree

FILES = ('README.md', 'CHANGELOG.md', 'LICENSE', 'pyproject.toml')
LONGEST_PYPROJECT = 45
ADAPTER_LINES = range(30, 121)
ALIASES = {'bottle-server-rocket': ['rocket3']}
EXTENDED = 'handler.py'  # where an adapter extends the classes of its backend at length
SERVER_PREFIX = 'bottle-server-'


def import_name(folder: Path) -> str:
    """Return the name of the package that a distribution installs."""
    return 'bottle' if folder == CORE else folder.name.replace('-', '_')


def layout_faults(folder: Path, files: set[str]) -> Iterator[str]:
    """Say which files are missing from a distribution, or should not be in it; names are relative to the folder."""
    package = f'src/{import_name(folder)}'
    wanted = [*FILES, f'{package}/__init__.py', f'{package}/py.typed']
    yield from (f'{name} is missing' for name in wanted if name not in files)
    if not any(name.startswith('changelog.d/') for name in files):
        yield 'changelog.d/ is missing'
    if not any(name.startswith('tests/test_') and name.endswith('.py') for name in files):
        yield 'tests/test_*.py is missing'
    yield from (f'{name} is outside {package}' for name in files if name.startswith('src/') and package not in name)


def pyproject_faults(folder: Path, text: str) -> Iterator[str]:
    """Say what is wrong with the `pyproject.toml` of a plugin."""
    lines = len(text.splitlines())
    if lines > LONGEST_PYPROJECT:
        yield f'{lines} lines; tools are configured in the root pyproject.toml'
    content = tomllib.loads(text)
    tables = {*content} - {'build-system', 'project', 'tool'} | {*content.get('tool', {})} - {'flit'}
    yield from (f'the table {name} belongs into the root pyproject.toml' for name in sorted(tables))
    project = content.get('project', {})
    if project.get('name') != folder.name:
        yield f'the name is not {folder.name}'
    if 'bottle>=1,<2' not in [line.replace(' ', '') for line in project.get('dependencies', [])]:
        yield 'it does not depend on bottle>=1,<2'
    if folder.name.startswith(SERVER_PREFIX):
        names = [folder.name.removeprefix(SERVER_PREFIX).replace('-', '_'), *ALIASES.get(folder.name, [])]
        if project.get('entry-points', {}).get('bottle.servers') != dict.fromkeys(names, import_name(folder)):
            yield f'the entry points in bottle.servers are not {" and ".join(names)} = "{import_name(folder)}"'


def is_module_level_import_of(module: ast.Module, package: str) -> bool:
    """Tell whether a module imports a package when it is itself imported."""
    names = {
        name.split('.')[0]
        for node in module.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or '']
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return package in names


distributions = pytest.mark.parametrize('folder', DISTRIBUTIONS, ids=lambda folder: folder.name)
plugins = pytest.mark.parametrize('folder', DISTRIBUTIONS[1:], ids=lambda folder: folder.name)
adapters = pytest.mark.parametrize(
    'folder', [one for one in DISTRIBUTIONS if one.name.startswith(SERVER_PREFIX)], ids=lambda folder: folder.name
)


@distributions
def test_layout(folder: Path) -> None:
    inside = (path for path in repository_files() if path.is_relative_to(folder))
    files = {path.relative_to(folder).as_posix() for path in inside}
    assert list(layout_faults(folder, files)) == []


@distributions
def test_licence_is_the_same_everywhere(folder: Path) -> None:
    assert (folder / 'LICENSE').read_text() == (CORE.parent / 'LICENSE').read_text()


@plugins
def test_pyproject(folder: Path) -> None:
    assert list(pyproject_faults(folder, (folder / 'pyproject.toml').read_text())) == []


@adapters
def test_an_adapter_is_one_short_module(folder: Path) -> None:
    package = folder / 'src' / import_name(folder)
    modules = {path.name: len(path.read_text().splitlines()) for path in package.glob('*.py')}
    assert modules.pop('__init__.py') in ADAPTER_LINES
    assert modules.keys() <= {EXTENDED}
    assert all(number <= max(ADAPTER_LINES) for number in modules.values())


@adapters
def test_listing_an_adapter_does_not_import_its_backend(folder: Path) -> None:
    module = tree(folder / 'src' / import_name(folder) / '__init__.py')
    assert not is_module_level_import_of(module, folder.name.removeprefix(SERVER_PREFIX).replace('-', '_'))


def test_a_wrong_layout_is_found() -> None:
    folder = Path('plugins/bottle-server-acme')
    found = list(
        layout_faults(folder, {'README.md', 'LICENSE', 'pyproject.toml', 'src/acme.py', 'changelog.d/1.feature.md'})
    )
    assert found == [
        'CHANGELOG.md is missing',
        'src/bottle_server_acme/__init__.py is missing',
        'src/bottle_server_acme/py.typed is missing',
        'tests/test_*.py is missing',
        'src/acme.py is outside src/bottle_server_acme',
    ]


def test_a_wrong_pyproject_is_found() -> None:
    text = '[project]\nname = "acme"\n[project.entry-points."bottle.servers"]\nacne = "x"\n[tool.ruff]\n' + '\n' * 45
    found = list(pyproject_faults(Path('plugins/bottle-server-acme'), text))
    assert len(found) == 5


def test_an_import_of_the_backend_is_found() -> None:
    assert is_module_level_import_of(ast.parse('import acme.server'), 'acme')
    assert is_module_level_import_of(ast.parse('from acme import Server'), 'acme')
    assert not is_module_level_import_of(ast.parse('def f():\n    import acme'), 'acme')
