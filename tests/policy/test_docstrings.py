"""Every public module, class, function and method that is installed has a docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sources import product_files, shown, tree

IMPLIED = {'overload', 'override'}  # described where the function itself, or the one that it overrides, is


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Return the last part of each decorator's name."""
    return {ast.unparse(decorator).rpartition('.')[2] for decorator in node.decorator_list}


def undocumented(node: ast.Module | ast.ClassDef, prefix: str = '') -> Iterator[str]:
    """Return the public names below a module or class that have no docstring."""
    for child in node.body:
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or child.name.startswith('_'):
            continue
        if ast.get_docstring(child) is None and not decorators(child) & (IMPLIED | {'setter', 'deleter'}):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f'{prefix}{child.name}.')


@pytest.mark.parametrize('path', product_files(), ids=shown)
def test_public_names_are_documented(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), 'the module itself has no docstring'
    assert list(undocumented(module)) == []


def test_a_missing_docstring_is_found() -> None:
    source = '''
def plain(): pass
def described(): "Yes."
def _private(): pass
class Thing:
    """Yes."""
    def method(self): pass
    @property
    def value(self): pass
    @value.setter
    def value(self, new): pass
    def __len__(self): pass
'''
    assert list(undocumented(ast.parse(source))) == ['plain', 'Thing.method', 'Thing.value']
