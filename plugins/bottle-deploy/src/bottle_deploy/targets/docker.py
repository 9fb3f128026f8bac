"""A container image: <https://docs.docker.com/reference/dockerfile/>."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bottle import __version__
from bottle.serving import metadata
from bottle.serving.hookspecs import SERVERS
from bottle.serving.registry import server_names
from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import SERVING
from bottle_deploy.target import Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

SOURCES = Path('/app')  # in the image
USER_ID = 10001  # a number, so that a cluster can see that it is not root; beyond those of distributions
IMAGE = frozenset(
    {'server', 'name', 'directory', 'port', 'health', 'requirements', 'writable', 'image', 'env', *SERVING}
)
# http.client and not urllib, which would ask a proxy; -I, so that no module of the application is taken for Python's.
ASK = "c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=3); c.request('GET', {path!r})"
PROBE = f'import http.client, sys; {ASK}; sys.exit(c.getresponse().status != 200)'
_COPIED = re.compile(r'\w[\w.+@=-]*(/\w[\w.+@=-]*)*', re.A)


def quote(value: str) -> str:
    """Return a value as `ENV` reads it: in double quotes.

    Parameters:
        value: the text.
    """
    escaped = re.sub(r'["$\\]', r'\\\g<0>', value)
    return f'"{escaped}"'


def files(plan: Plan) -> dict[str, str]:
    """Return what an image is built from, to be put into the folder of the application.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: the requirements are where the image cannot be built from.
    """
    folders = writable(plan)
    dockerfile = fill(
        'docker-Dockerfile.tpl',
        quote,
        plan=plan,
        image=image(plan),
        python='.'.join(map(str, sys.version_info[:2])),
        user=USER_ID,
        sources=SOURCES,
        packages=' '.join(packages(plan.server)),
        requirements=_requirements(plan),
        folders=folders,
        probe=json.dumps(['python', '-I', '-c', PROBE.format(port=plan.port, path=plan.health)]),
        command=json.dumps(command(plan)),
    )
    ignored = fill('docker-dockerignore.tpl', quote, plan=plan, folders=_below(folders))
    return {'Dockerfile': dockerfile, '.dockerignore': ignored}


def image(plan: Plan) -> str:
    """Return the name of the image.

    Parameters:
        plan: what is to be deployed.
    """
    return plan.image or plan.name


def command(plan: Plan, *, trusted: str = '') -> list[str]:
    """Return what a container runs.

    Parameters:
        plan: what is to be deployed.
        trusted: whose forwarded headers it believes.
    """
    return ['python', '-m', 'bottle', *plan.arguments(f'0.0.0.0:{plan.port}', trusted=trusted)]


def packages(server: str) -> list[str]:
    """Return the requirements of a server: in the versions that are installed here, which are those that were tried.

    Parameters:
        server: its name.
    """
    found = [f'bottle=={__version__}']
    installed = [f'{each.distribution}=={each.version}' for each in metadata.sources(SERVERS) if each.name == server]
    if not installed and server not in server_names:
        installed = [f'bottle-server-{server}']
    return found + installed[:1]


def writable(plan: Plan) -> list[str]:
    """Return the folders that the application writes to, as its container has them.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: a path holds what is no name in a Dockerfile.
    """
    folders = [Path(each) for each in plan.writable]
    own = [
        SOURCES / each.relative_to(plan.directory) if each.is_relative_to(plan.directory) else each for each in folders
    ]
    return [f'/{_plain(each.as_posix()[1:])}' for each in own]


def _below(folders: list[str]) -> list[str]:
    """Return those folders that are among the sources, relative to them."""
    return [str(Path(each).relative_to(SOURCES)) for each in folders if Path(each).is_relative_to(SOURCES)]


def _requirements(plan: Plan) -> str:
    """Return the application's own requirements, relative to its folder, or an empty text."""
    if not plan.requirements:
        return ''
    if not Path(plan.requirements).is_relative_to(plan.directory):
        raise DeployError(
            f'an image is built from {plan.directory} alone: --requirements has to name a file in it, '
            f'not {plan.requirements}'
        )
    return _plain(Path(plan.requirements).relative_to(plan.directory).as_posix())


def _plain(path: str) -> str:
    """Return a path that is read as it stands by COPY and by a shell."""
    if not _COPIED.fullmatch(path):
        raise DeployError(
            f'a Dockerfile would read more than a name in {path!r}: rename it; letters and digits, then ._+@=- as well'
        )
    return path


def check(folder: Path) -> str:
    """Have hadolint read the Dockerfile; it needs no engine.

    Parameters:
        folder: where it is.

    Raises:
        DeployError: hadolint is not installed, or finds fault.
    """
    return checking.run('hadolint', '--no-color', str(folder / 'Dockerfile'))


DOCKER = Target(
    name='docker',
    kind='platform',
    help='a container image: for Docker, Podman, Cloud Run and other platforms',
    uses=IMAGE,
    files=files,
    check=check,
)
