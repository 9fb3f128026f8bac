"""An application inside a web server, as somebody deploys it there: the example board, or one that is asked."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from tests.deployment.sites import LOCALHOST, ROOT, Site, Start, public_folder, site
from tests.support.distributions import EXTENSIONS, Distribution
from tests.support.requirements import require_program

NAME = 'board'  # the service
DATA = 'data'  # a folder beside that of the application, which any user may write
# Everything that tests/deployment/application.py says, and where the application finds itself.
INSIDE = """\
import os
import sys
from application import app
from bottle import request, template

@app.get('/inside/<path:path>')
def inside(path):
    return {
        'path': path,
        'user': os.geteuid(),
        'folder': os.getcwd(),
        'page': template('page', name='visitor'),
        'variable': os.environ.get('VARIABLE'),
        'encoding': sys.getfilesystemencoding(),
        'authorization': request.headers.get('Authorization'),
        'wrapped': request.headers.get('Wrapped-For'),
        'multiprocess': request.environ['wsgi.multiprocess'],
        'multithread': request.environ['wsgi.multithread'],
    }
"""
EXTENSION = """\
from bottle.serving import hookimpl

@hookimpl
def bottle_wrap_application(app, options):
    def wrapped(environ, start_response):
        environ['HTTP_WRAPPED_FOR'] = options.server
        return app(environ, start_response)
    return wrapped
"""


@contextmanager
def application_folder(name: str = NAME) -> Iterator[Path]:
    """Make a folder with the applications that any user may read, and beside it one that any user may write."""
    with public_folder() as folder:
        copytree(ROOT / 'examples' / 'board', folder / name, ignore=ignore_patterns('data', '__pycache__'))
        (folder / name / 'inside.py').write_text(INSIDE)
        (folder / name / 'views' / 'page.tpl').write_text('Hello {{name}}')
        (folder / name / 'application.py').write_text((ROOT / 'tests' / 'deployment' / 'application.py').read_text())
        Distribution('extension', {'extension.py': EXTENSION}, {EXTENSIONS: {'wrap': 'extension'}}).lay_out(
            folder / name
        )
        (folder / DATA).mkdir()
        (folder / DATA).chmod(0o777)
        yield folder / name


@contextmanager
def hosted(
    target: str, python: Path, start: Start | None = None, folder: str = NAME, address: str = LOCALHOST, **options: Any
) -> Iterator[Site]:
    """Run an application inside a web server.

    Parameters:
        target: the target whose files are written, into the folder of the application.
        python: the interpreter that has Bottle, which any user may run: the fixture `public_python`.
        start: the command of the web server, for a target of several ones.
        folder: the name of the folder of the application.
        address: where the web server listens.
        options: further options of the command, by their names; the application is the board unless they say else:
            `inside:app` is the other one.
    """
    with application_folder(folder) as directory:
        given = {
            'app': 'app:app',
            'name': NAME,
            'directory': str(directory),
            'python': str(python),
            'env': [f'BOARD_DB={directory.parent / DATA / "board.sqlite3"}'],
            **options,
        }
        with site(target, directory, given, start, address) as running:
            yield running


def make_public_python(folder: Path, pip: list[str], *packages: str) -> Path:
    """Make an environment of the system's Python, which web servers embed, and return its interpreter."""
    system = require_program('/usr/bin/python3')
    subprocess.run([system, '-m', 'venv', '--without-pip', folder], check=True, timeout=60)
    python = folder / 'bin' / 'python'
    subprocess.run([*pip, '--python', str(python), 'install', *packages], check=True, timeout=240)
    return python
