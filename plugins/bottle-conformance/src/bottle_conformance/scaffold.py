"""Writing a new distribution with a server adapter, whose tests are green at once."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from bottle.errors import ServerError
from bottle_conformance.deviations import known_deviations

NAME = re.compile(r'[a-z][a-z0-9]*([-_][a-z0-9]+)*')  # of a distribution (PEP 508) and, with underscores, of a module
SKELETON = {
    'pyproject.toml': 'pyproject.toml.txt',
    'README.md': 'readme.md.txt',
    'CHANGELOG.md': 'changelog.md.txt',
    'LICENSE': 'licence.txt',
    'src/$package/__init__.py': 'adapter.py.txt',
    'src/$package/deviations.toml': 'deviations.toml.txt',
    'src/$package/py.typed': '',
    'tests/test_conformance.py': 'test_conformance.py.txt',
    '.github/workflows/test.yml': 'workflow.yml.txt',
}


class NewServerError(ServerError):
    """A distribution of this name cannot be written."""


def write_distribution(name: str, folder: Path | None = None) -> Path:
    """Write a distribution with a working adapter, to be changed, and return its folder.

    Parameters:
        name: the name of the server.
        folder: where to write; `bottle-server-NAME` in the current folder when None.

    Raises:
        NewServerError: the name cannot be used, it is taken, or the folder exists.
    """
    _check_name(name)
    target = folder or Path(f'bottle-server-{name}')
    if target.exists():
        raise NewServerError(f'{target} exists already: choose another folder with --out, or remove it')
    if not target.absolute().parent.is_dir():
        raise NewServerError(f'there is no folder {target.absolute().parent}: make it first')
    with TemporaryDirectory(dir=target.absolute().parent, prefix=f'.{target.name}-') as unfinished:
        whole = Path(unfinished) / target.name
        _fill(whole, _values(name))
        whole.rename(target)
    return target


def _check_name(name: str) -> None:
    from bottle import server_names

    if not NAME.fullmatch(name):
        raise NewServerError(
            f'{name!r} is no name for a server: lower-case letters, digits and single hyphens, beginning with a letter'
        )
    if name in server_names:
        raise NewServerError(f'there is a server {name!r} already: choose another name')


def _values(name: str) -> dict[str, str]:
    """Return what the placeholders of the skeleton stand for."""
    words = re.split('[-_]', name)
    return {
        'name': name,
        'distribution': f'bottle-server-{name.replace("_", "-")}',
        'package': f'bottle_server_{name.replace("-", "_")}',
        'title': ''.join(word.capitalize() for word in words),
        'deviations': _inherited_deviations(name),
    }


def _inherited_deviations(name: str) -> str:
    """Return those of the server that the new one begins with, as they stand in a file."""
    from bottle.serving.builtin import WSGIRefServer

    tables = (
        f'\n[{name}.{json.dumps(test)}]\n'
        + ''.join(f'{key} = {json.dumps(value)}\n' for key, value in vars(each).items())
        for test, each in known_deviations(WSGIRefServer).items()
    )
    return ''.join(tables)


def _fill(folder: Path, values: dict[str, str]) -> None:
    for path, source in SKELETON.items():
        target = folder / Template(path).substitute(values)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (files('bottle_conformance') / 'skeleton' / source).read_text(encoding='utf-8') if source else ''
        target.write_text(Template(text).substitute(values), encoding='utf-8')
