"""Having files validated by the programs that will read them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bottle_deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SYSTEM_FOLDERS = ('/usr/local/sbin', '/usr/sbin', '/sbin')  # where web servers live; not on every user's PATH
LIMIT = 60.0  # seconds


def find(program: str) -> str:
    """Return the path of a program.

    Parameters:
        program: its name.

    Raises:
        DeployError: it is not installed.
    """
    found = _found(program)
    if found is None:
        raise DeployError(f'{program} is not installed here: install it, or check the files where it is')
    return found


def _found(program: str) -> str | None:
    own = str(Path(sys.executable).parent)  # a checker that pip has installed is there, on the PATH or not
    search = os.pathsep.join([os.environ.get('PATH', os.defpath), own, *SYSTEM_FOLDERS])
    return shutil.which(program, path=search)


def run(program: str, *arguments: str) -> str:
    """Run a checker and return what it has said.

    Parameters:
        program: its name.
        arguments: what it gets.

    Raises:
        DeployError: it is not installed, it has found fault, or it does not end.
    """
    try:
        done = subprocess.run(  # noqa: S603  # the checker of a target, by its full path and without a shell
            [find(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployError(f'{program} has not come to an end in {LIMIT:g} s') from error
    if done.returncode:
        raise DeployError(f'{program} refuses the files:\n{done.stdout.strip()}')
    return done.stdout.strip()


def run_installed(checkers: Mapping[str, Callable[[Path], str]], folder: Path) -> str:
    """Run the checkers of those programs that are installed, and return what they have said.

    Parameters:
        checkers: what checks the files of a program in a folder, by its name.
        folder: where the files are.

    Raises:
        DeployError: none is installed, or one refuses its files.
    """
    installed = [check for program, check in checkers.items() if _found(program)]
    if not installed:
        raise DeployError(f'none of {", ".join(checkers)} is installed here: check the files where one is')
    return '\n'.join(filter(None, [check(folder) for check in installed]))
