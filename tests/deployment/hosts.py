"""The example board inside a web server, as somebody deploys it there."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from tests.deployment.sites import Site, Start, public_folder, site
from tests.support.requirements import require_program

BOARD = Path(__file__).parent.parent.parent / 'examples' / 'board'
NAME = 'board'  # the folder of the application, below that of the site; and its service
DATA = 'data'  # a folder that any user may write


@contextmanager
def board_folder() -> Iterator[Path]:
    """Make a folder with the board, which any user may read, and beside it one that any user may write."""
    with public_folder() as folder:
        copytree(BOARD, folder / NAME, ignore=ignore_patterns('data', '__pycache__'))
        (folder / DATA).mkdir()
        (folder / DATA).chmod(0o777)
        yield folder


def board_options(folder: Path, python: Path) -> dict[str, Any]:
    """Return the options of the command for the board in a folder of `board_folder`."""
    return {
        'app': 'app:app',
        'name': NAME,
        'directory': str(folder / NAME),
        'python': str(python),
        'env': [f'BOARD_DB={folder / DATA / "board.sqlite3"}'],
    }


@contextmanager
def hosted(target: str, python: Path, start: Start | None = None, **options: Any) -> Iterator[Site]:
    """Run the board inside a web server.

    Parameters:
        target: the target whose files are written, into the folder of the application.
        python: the interpreter that has Bottle, which any user may run: the fixture `public_python`.
        start: the command of the web server, for a target of several ones.
        options: further options of the command, by their names; they come before those of the board.
    """
    with board_folder() as folder:
        given = {**board_options(folder, python), **options}
        with site(target, Path(given['directory']), given, start) as running:
            yield running


def make_public_python(folder: Path, pip: list[str], *packages: str) -> Path:
    """Make an environment of the system's Python, which web servers embed, and return its interpreter."""
    system = require_program('/usr/bin/python3')
    subprocess.run([system, '-m', 'venv', '--without-pip', folder], check=True, timeout=60)
    python = folder / 'bin' / 'python'
    subprocess.run([*pip, '--python', str(python), 'install', *packages], check=True, timeout=240)
    return python
