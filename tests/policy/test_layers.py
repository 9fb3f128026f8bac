"""Imports in the core point only downwards in the table of docs/architecture.md, and the two wings keep apart."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sources import CORE, ROOT, product_files, tree

SOURCE = CORE / 'src'
ARCHITECTURE = ROOT / 'docs' / 'architecture.md'
ROW = re.compile(r'^\| s?\d+ \| (?P<modules>`[^|]+`) \|', re.MULTILINE)

FACADES = {'bottle': 'bottle.applications', 'bottle.serving': 'bottle.serving.runner'}  # each stands right above these
DOORS = {'bottle.applications', 'bottle'}  # inside functions these may import the serving wing
LOADERS = {
    'bottle.serving.loading',
    'bottle.serving.arguments',
}  # inside functions these may import the application wing
VERSION = ('bottle', '__version__')  # bound by the first line of the package, before it imports anything
SERVING_MAY_SHARE = {'bottle.errors', 'bottle._util', 'bottle.httputil', 'bottle.bodies', 'bottle.datastructures'}


@dataclass(frozen=True)
class Import:
    """One import of a module of the core by another."""

    importer: str
    imported: str
    in_function: bool
    line: int


def order(table: str) -> list[str]:
    """Return the modules in the order of the table, the lowest first, with the two packages put in their place."""
    names = [name for row in ROW.finditer(table) for name in re.findall(r'`([^`]+)`', row['modules'])]
    modules = ['bottle.' + name.replace('/', '.') for name in names]
    for facade, below in FACADES.items():
        if below in modules:
            modules.insert(modules.index(below) + 1, facade)
    return modules


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the core."""
    parts = path.relative_to(SOURCE).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in product_files() if path.is_relative_to(SOURCE)}


def is_type_checking(test: ast.expr) -> bool:
    """Tell whether this is the condition of a block for type checkers only."""
    return ast.unparse(test) in {'TYPE_CHECKING', 'typing.TYPE_CHECKING'}


def import_nodes(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Return every import that runs, and whether it stands inside a function."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node, in_function
    below = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and is_type_checking(node.test):
        below = iter(node.orelse)
    inner = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for child in below:
        yield from import_nodes(child, inner)


def targets(node: ast.Import | ast.ImportFrom, importer: str, is_package: bool, modules: set[str]) -> Iterator[str]:
    """Return the modules of the core that an import statement names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        package = importer.split('.') if is_package else importer.split('.')[:-1]
        above = package[: len(package) - node.level + 1] if node.level else []
        base = '.'.join([*above, *([node.module] if node.module else [])])
        wanted = [alias.name for alias in node.names if (base, alias.name) != VERSION]
        names = [full if (full := f'{base}.{name}') in modules else base for name in wanted]
    return (name for name in names if name.split('.')[0] == 'bottle')


def imports(module: ast.Module, importer: str, modules: set[str], is_package: bool = False) -> list[Import]:
    """Return what a module of the core imports from the core."""
    return [
        Import(importer, imported, in_function, node.lineno)
        for node, in_function in import_nodes(module)
        for imported in targets(node, importer, is_package, modules)
    ]


def in_serving(module: str) -> bool:
    """Tell whether a module belongs to the serving wing."""
    return module == 'bottle.__main__' or module.split('.')[1:2] == ['serving']


def is_allowed(found: Import, modules: list[str]) -> bool:
    """Tell whether the architecture has this import."""
    importer, imported = found.importer, found.imported
    if importer not in modules or imported not in modules:
        return False
    if in_serving(imported) and not in_serving(importer):
        return found.in_function and importer in DOORS
    if in_serving(importer) and not in_serving(imported) and imported not in SERVING_MAY_SHARE:
        return found.in_function and importer in LOADERS
    return modules.index(imported) < modules.index(importer)


@pytest.fixture(scope='module')
def modules() -> list[str]:
    """Return the order of the modules."""
    return order(ARCHITECTURE.read_text())


def test_the_table_is_read(modules: list[str]) -> None:
    assert modules[0] == 'bottle.errors'
    assert modules.index('bottle.applications') + 1 == modules.index('bottle')
    assert modules[-1] == 'bottle.__main__'


def test_every_module_stands_in_the_table(modules: list[str]) -> None:
    assert sorted(set(MODULES) - set(modules)) == []


@pytest.mark.parametrize('name', MODULES)
def test_imports_point_downwards(name: str, modules: list[str]) -> None:
    path = MODULES[name]
    found = imports(tree(path), name, set(modules), is_package=path.name == '__init__.py')
    assert [one for one in found if not is_allowed(one, modules)] == []


@pytest.mark.parametrize(
    ('importer', 'source'),
    [
        ('bottle.requests', 'from bottle.routing import Router'),
        ('bottle.requests', 'from bottle import routing'),
        ('bottle.requests', 'from . import routing'),
        ('bottle.requests', 'from .routing import Router'),
        ('bottle.requests', 'import bottle.routing'),
        ('bottle.requests', 'def f():\n    from bottle.routing import Router'),
        ('bottle.requests', 'if TYPE_CHECKING:\n    pass\nelse:\n    import bottle.routing'),
        ('bottle.requests', 'from bottle import route'),
        ('bottle.requests', 'from bottle.nowhere import thing'),
        ('bottle.requests', 'def f():\n    from bottle.serving import run'),
        ('bottle.applications', 'from bottle.serving import run'),
        ('bottle', 'from bottle.serving.runner import run'),
        ('bottle.serving.adapter', 'from bottle.routing import Router'),
        ('bottle.serving.adapter', 'def f():\n    from bottle.applications import default_app'),
        ('bottle.serving.loading', 'from bottle.applications import default_app'),
        ('bottle.serving.options', 'from bottle.serving.runner import run'),
    ],
)
def test_an_import_against_the_rule_is_found(importer: str, source: str, modules: list[str]) -> None:
    found = imports(ast.parse(source), importer, set(modules), is_package=importer in FACADES)
    assert [is_allowed(one, modules) for one in found] == [False]


@pytest.mark.parametrize(
    ('importer', 'source'),
    [
        ('bottle.requests', 'from bottle.errors import BottleException'),
        ('bottle.applications', 'def f():\n    from bottle.serving import run'),
        ('bottle', 'def __getattr__(name):\n    from bottle.serving import runner'),
        ('bottle', 'from .applications import Bottle'),
        ('bottle.serving.loading', 'def f():\n    from bottle.applications import default_app'),
        ('bottle.serving.cli', 'from bottle.serving import run'),
        ('bottle.__main__', 'from bottle.serving.cli import main'),
    ],
)
def test_an_import_within_the_rule_passes(importer: str, source: str, modules: list[str]) -> None:
    found = imports(ast.parse(source), importer, set(modules), is_package=importer in FACADES)
    assert [is_allowed(one, modules) for one in found] == [True]


@pytest.mark.parametrize(
    'source',
    ['if TYPE_CHECKING:\n    from bottle.routing import Router', 'from bottle import __version__', 'import os'],
)
def test_other_imports_are_free(source: str, modules: list[str]) -> None:
    assert imports(ast.parse(source), 'bottle.requests', set(modules)) == []
