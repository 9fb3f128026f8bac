"""Caddy 2 in front of instances: <https://caddyserver.com/docs/caddyfile>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.target import PROXY, Target, duration, fill

if TYPE_CHECKING:
    from pathlib import Path

    from bottle_deploy.plan import Backend, Plan


def quote(value: str) -> str:
    """Return a value as Caddy reads it: between backticks, where everything stands for itself.

    Parameters:
        value: the text.

    Raises:
        DeployError: it holds a backtick, or a `{`, which begins a placeholder everywhere.
    """
    for each in '`{':
        if each in value:
            raise DeployError(f'caddy cannot have a {each} in {value!r}: rename it')
    return f'`{value}`'


def upstream(backend: Backend) -> str:
    """Return an instance as `reverse_proxy` of Caddy names it.

    Parameters:
        backend: the instance.

    Raises:
        DeployError: the path of its socket holds a colon, where Caddy takes a port to begin.
    """
    if ':' in backend.path:
        raise DeployError(f'caddy cannot have a : in the path of a socket, {backend.path!r}: rename it')
    return f'unix/{backend.path}' if backend.path else backend.address


def files(plan: Plan) -> dict[str, str]:
    """Return the whole configuration.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: Caddy is to get the certificate of a pattern by itself.
    """
    automatic = bool(plan.host) and not plan.listen and not plan.tls
    host, port = ('', 0) if automatic else plan.listening
    everywhere = f'{"https" if plan.tls else "http"}://:{port}'
    return {
        'Caddyfile': fill(
            'Caddyfile.tpl',
            quote,
            plan=plan,
            upstreams=[upstream(each) for each in plan.backends],
            automatic=automatic,
            addresses=_certified(plan.host) if automatic else _addresses(everywhere, plan.host),
            strangers='' if automatic or not plan.host else everywhere,
            host=host,
            timeout=duration(plan.timeout),
            grace=duration(plan.graceful_timeout),
        )
    }


def _addresses(everywhere: str, hosts: tuple[str, ...]) -> list[str]:
    return [everywhere.replace('//', f'//{each}') for each in hosts] or [everywhere]


def _certified(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for each in hosts:
        if '*' in each:
            raise DeployError(f'caddy gets no certificate for {each} by itself: give --certfile, or --listen for HTTP')
    return hosts


def check(folder: Path) -> str:
    """Have Caddy validate its file.

    Parameters:
        folder: where it is.

    Raises:
        DeployError: Caddy is not installed, or refuses it.
    """
    checking.run('caddy', 'validate', '--adapter', 'caddyfile', '--config', str(folder / 'Caddyfile'))
    return ''  # it says much, and nothing of interest


def start(folder: Path) -> list[str]:
    """Return the command that runs Caddy in the foreground, with all that it keeps in the same folder.

    Parameters:
        folder: where its file is.
    """
    kept = [f'{name}={folder / "kept"}' for name in ('HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME')]
    return [
        'env',
        *kept,
        checking.find('caddy'),
        'run',
        '--adapter',
        'caddyfile',
        '--config',
        str(folder / 'Caddyfile'),
    ]


CADDY = Target(
    name='caddy',
    kind='balancer',
    help='Caddy 2: proxy and balancer, serves static files, gets its certificates by itself',
    uses=PROXY - {'user'},
    files=files,
    check=check,
    start=start,
)
