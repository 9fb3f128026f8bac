"""What the policy tests read: the files of the repository and their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / 'core'
PLUGINS = sorted(file.parent for file in ROOT.glob('plugins/*/pyproject.toml'))
DISTRIBUTIONS = [CORE, *PLUGINS]


@cache
def repository_files() -> tuple[Path, ...]:
    """Return every file that git tracks or would track; without git, every file outside hidden and built folders."""
    command = ['git', '-C', str(ROOT), 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    try:
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        hidden = {'dist', 'build', '__pycache__'}
        found = (path.relative_to(ROOT) for path in ROOT.rglob('*'))
        paths = [ROOT / path for path in found if not any(part in hidden or part[0] == '.' for part in path.parts)]
    else:
        paths = [ROOT / name for name in listing.split('\0') if name]
    return tuple(sorted(path for path in paths if path.is_file()))


def python_files(*folders: Path) -> list[Path]:
    """Return the Python files of the repository, or of some folders of it."""
    inside = folders or (ROOT,)
    files = (path for path in repository_files() if path.suffix == '.py')
    return [path for path in files if any(path.is_relative_to(folder) for folder in inside)]


def product_files() -> list[Path]:
    """Return the Python files that are installed with a distribution."""
    return python_files(*(folder / 'src' for folder in DISTRIBUTIONS))


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding='utf-8'), str(path))


def functions(module: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function and method, nested ones included."""
    return (node for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def shown(path: Path) -> str:
    """Return a path as it is written in messages."""
    return str(path.relative_to(ROOT))
