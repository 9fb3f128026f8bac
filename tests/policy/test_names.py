"""Importing a submodule binds its name on the package: none may be called like a public object there."""

import ast
from pathlib import Path

import pytest

from tests.support.sources import product_files, shown, tree

# The names that an application imports from bottle, whether or not `__init__` binds them eagerly.
TRAPS = {'request', 'response', 'run', 'route', 'template', 'view', 'error', 'hook', 'mount', 'url', 'debug', 'load'}
TRAPS |= {'app', 'ext', 'local', 'abort', 'redirect'}


def bound_names(module: ast.Module) -> set[str]:
    """Return the names that a package's `__init__` binds, those listed in strings for lazy access included."""
    imported = {
        alias.asname or alias.name for node in module.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    defined = {node.name for node in module.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    listed = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return imported | defined | {name for name in listed if name.isidentifier()}


def clashes(modules: set[str], module: ast.Module, traps: set[str]) -> set[str]:
    """Return the submodules that would shadow a public name of their package."""
    names = {alias for alias in bound_names(module) if alias not in submodule_imports(module)}
    return modules & (names | traps)


def submodule_imports(module: ast.Module) -> set[str]:
    """Return what a package imports from itself as a module on purpose: `from . import errors`."""
    return {
        alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module is None
        for alias in node.names
    }


PACKAGES = [path for path in product_files() if path.name == '__init__.py']


@pytest.mark.parametrize('init', PACKAGES, ids=shown)
def test_no_module_is_called_like_a_public_name(init: Path) -> None:
    modules = {path.stem for path in init.parent.glob('*.py')} | {
        path.parent.name for path in init.parent.glob('*/*.py')
    }
    assert clashes(modules - {'__init__'}, tree(init), TRAPS if init.parent.name == 'bottle' else set()) == set()


def test_a_clash_is_found() -> None:
    source = 'from bottle.runner import run as go\n_LAZY = {"start": "runner"}\ndef load(): pass'
    found = clashes({'go', 'start', 'load', 'url', 'fine'}, ast.parse(source), TRAPS)
    assert found == {'go', 'start', 'load', 'url'}
