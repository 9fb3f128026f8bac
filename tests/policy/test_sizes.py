"""No module is longer than 600 lines and no function longer than 50, its docstring not counted."""

import ast
from pathlib import Path

import pytest

from tests.support.sources import ROOT, functions, product_files, python_files, shown, tree

LONGEST_MODULE = 600
LONGEST_FUNCTION = 50
FILES = [*product_files(), *python_files(ROOT / 'scripts', ROOT / 'examples', ROOT / 'noxfile.py')]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring and decorators."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@pytest.mark.parametrize('path', FILES, ids=shown)
def test_module_length(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize('path', FILES, ids=shown)
def test_function_length(path: Path) -> None:
    assert [f'{one.name}: {length(one)}' for one in functions(tree(path)) if length(one) > LONGEST_FUNCTION] == []


def test_a_docstring_does_not_count() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1'
    assert [length(one) for one in functions(ast.parse(source))] == [2]


def test_every_line_of_code_counts() -> None:
    source = 'def f():\n' + '    x = 1\n' * LONGEST_FUNCTION
    assert [length(one) for one in functions(ast.parse(source))] == [LONGEST_FUNCTION + 1]
