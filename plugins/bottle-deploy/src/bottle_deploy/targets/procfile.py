"""Platforms that start what a Procfile says: <https://devcenter.heroku.com/articles/procfile>."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import SERVING
from bottle_deploy.target import Target, fill
from bottle_deploy.targets.docker import packages
from bottle_deploy.targets.gae import quote_requirement

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

REQUIREMENTS = 'requirements.txt'


def files(plan: Plan) -> dict[str, str]:
    """Return what the platform reads, to be put beside the application.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: the application's own requirements are outside its folder, or are called as those of the platform.
    """
    # Where to listen, the platform says, with $PORT. Without `exec` a shell would get the signal to stop, and keep it.
    command = shlex.join(['exec', 'python', '-m', 'bottle', *plan.arguments('')])
    requirements = fill(
        'procfile-requirements.txt.tpl', quote_requirement, packages=packages(plan.server), included=_included(plan)
    )
    return {
        'Procfile': f'web: {command}\n',  # a comment would be a fault for some platforms
        REQUIREMENTS: requirements,
        '.python-version': f'{sys.version_info.major}.{sys.version_info.minor}\n',
    }


def _included(plan: Plan) -> str:
    """Return the relative path of the application's own requirements, or an empty text."""
    if not plan.requirements:
        return ''
    path = Path(plan.requirements)
    if not path.is_relative_to(plan.directory):
        raise DeployError(
            f'the platform gets {plan.directory} alone: --requirements has to name a file in it, not {path}'
        )
    if path == Path(plan.directory, REQUIREMENTS):
        raise DeployError(f'{REQUIREMENTS} is written anew: call yours requirements-app.txt, and it is included')
    return path.relative_to(plan.directory).as_posix()


def check(folder: Path) -> str:
    """Have honcho read the Procfile, as it would to start what it says.

    Parameters:
        folder: where the files are.

    Raises:
        DeployError: honcho is not installed, or finds fault.
    """
    said = checking.run('honcho', 'check', '-d', str(folder))
    if '(web)' not in said:  # which is no fault to honcho
        raise DeployError(f'honcho finds no process web in {folder / "Procfile"}: write the files anew')
    return said


PROCFILE = Target(
    name='procfile',
    kind='platform',
    help='a Procfile: for Heroku, Dokku, Railway, buildpacks and honcho',
    uses=frozenset({'server', 'directory', 'requirements', 'health', *SERVING}),
    files=files,
    check=check,
)
