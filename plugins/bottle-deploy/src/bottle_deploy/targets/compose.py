"""Instances in containers behind nginx, on one machine: <https://docs.docker.com/reference/compose-file/>."""

from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bottle.serving.addresses import format_bind
from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import Backend
from bottle_deploy.target import Target, fill
from bottle_deploy.targets import docker, nginx
from bottle_deploy.targets.kubernetes import literal

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

FILE = 'compose.yaml'
FRONT, FIRST, MOST = 2, 11, 100  # the last numbers of addresses; from 128 on they are the engine's
SPARE = 5  # seconds between the end of the last request and the kill
TLS = '/etc/nginx/tls'


def files(plan: Plan) -> dict[str, str]:
    """Return what a machine with Docker needs: the services, their image, and what nginx reads.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: there are more instances than addresses, or the machine is to listen on a name.
    """
    host, port = plan.listening
    if plan.instances > MOST:
        raise DeployError(f'compose is for one machine, and {MOST} --instances at most; use kubernetes for more')
    network = subnet(plan.name)
    addresses = [f'{network}.{FIRST + number}' for number in range(plan.instances)]
    front = f'{network}.{FRONT}'
    text = fill(
        'compose.yaml.tpl',
        literal,
        plan=plan,
        image=docker.image(plan),
        command=', '.join(literal(each) for each in docker.command(plan, trusted=front)),
        network=network,
        front=front,
        instances=[(f'{plan.name}-{number}', address) for number, address in enumerate(addresses, 1)],
        published=f'{format_bind(str(_address(host)), port) if host else port}:{port}',
        folders=_folders(plan),
        volumes=[(f'data-{number}', folder) for number, folder in enumerate(docker.writable(plan), 1)],
        grace=math.ceil(plan.graceful_timeout) + SPARE,
    )
    built = docker.files(replace(plan, env=()))  # the variables are given to containers, and are in no image
    return {FILE: text, f'{plan.name}.conf': _site(plan, addresses), **built}


def subnet(name: str) -> str:
    """Return the first three numbers of a network that other deployments of a machine rarely have.

    Parameters:
        name: what the service is called.
    """
    second, third, *_ = crc32(name.encode()).to_bytes(4, 'big')
    return f'10.{second}.{third}'


def _address(host: str) -> Any:
    try:
        return ip_address(host)
    except ValueError as error:
        raise DeployError(f'Docker listens on addresses, not on {host}: give --listen an address, or :PORT') from error


def _folders(plan: Plan) -> list[tuple[str, str]]:
    """Return what nginx sees of the machine: paths there, and in its container."""
    found = [(folder, f'/srv/static/{number}') for number, (_, folder) in enumerate(plan.static)]
    if plan.tls:
        found += [(plan.certfile, f'{TLS}/certificate.pem'), (plan.keyfile or plan.certfile, f'{TLS}/key.pem')]
    return [(_relative(path, plan.directory), target) for path, target in found]


def _relative(path: str, directory: str) -> str:
    """Return a path as it is beside compose.yaml, where it is in the folder of the application."""
    return f'./{Path(path).relative_to(directory)}' if Path(path).is_relative_to(directory) else path


def _site(plan: Plan, addresses: list[str]) -> str:
    """Return the site of nginx, with the paths of its container."""
    static = tuple((url, f'/srv/static/{number}') for number, (url, _) in enumerate(plan.static))
    inside = replace(
        plan,
        backend=tuple(Backend(each, plan.port, '') for each in addresses),
        listen=f'0.0.0.0:{plan.listening[1]}',
        static=static,
        certfile=f'{TLS}/certificate.pem' if plan.tls else '',
        keyfile=f'{TLS}/key.pem' if plan.tls else '',
    )
    _, _, site = nginx.files(inside)[f'{plan.name}.conf'].partition('\n\n')
    return f'# {plan.name}: what nginx reads in the container front; compose.yaml says that it does.\n\n{site}'


def check(folder: Path) -> str:
    """Have Compose read its file; it needs no engine.

    Parameters:
        folder: where it is.

    Raises:
        DeployError: Compose is not installed, or refuses the file.
    """
    arguments = ('--file', str(folder / FILE), 'config', '--quiet')
    try:
        checking.run('docker', 'compose', 'version')
    except DeployError:  # without the plugin, or without Docker: the program that was there before
        return checking.run('docker-compose', *arguments)
    return checking.run('docker', 'compose', *arguments)


COMPOSE = Target(
    name='compose',
    kind='platform',
    help='instances in containers behind nginx, on one machine: for Docker Compose',
    uses=docker.IMAGE | {'instances', 'listen', 'host', 'static', 'certfile', 'keyfile', 'timeout'},
    files=files,
    check=check,
)
