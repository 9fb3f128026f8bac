"""HAProxy in front of instances: <https://docs.haproxy.org/2.6/configuration.html>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.serving.addresses import format_bind
from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.target import PROXY, Target, duration, fill

if TYPE_CHECKING:
    from pathlib import Path

    from bottle_deploy.plan import Backend, Plan

FILE = 'haproxy.cfg'


def quote(value: str) -> str:
    """Return a value as HAProxy reads it: in single quotes, between which nothing has a meaning, unless it is plain.

    Parameters:
        value: the text.
    """
    if value and all(each.isalnum() or each in '._:/-[]*@' for each in value):
        return value
    escaped = value.replace("'", r"'\''")
    return f"'{escaped}'"


def server(backend: Backend) -> str:
    """Return an instance as `server` of HAProxy names it.

    Parameters:
        backend: the instance.

    Raises:
        DeployError: the path holds a `$`, which begins a variable in addresses however they are quoted.
    """
    if '$' in backend.path:
        raise DeployError(f'haproxy cannot have a $ in the path of a socket, {backend.path!r}: rename it')
    return f'unix@{backend.path}' if backend.path else backend.address


def bind(plan: Plan) -> list[str]:
    """Return what the directives `bind` of HAProxy take: a port alone means IPv4.

    Parameters:
        plan: what is to be deployed.
    """
    host, port = plan.listening
    return [format_bind(host, port)] if host else [f':{port}', f':::{port} v6only']


def hosts(plan: Plan) -> list[tuple[str, str]]:
    """Return how each name of the site is matched, and against what.

    Parameters:
        plan: what is to be deployed.
    """
    return [('end', each[1:]) if each.startswith('*.') else ('str', each) for each in plan.host]


def tls(plan: Plan) -> str:
    """Return what makes a `bind` speak TLS.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: the key is where HAProxy does not look for it.
    """
    if not plan.tls:
        return ''
    if plan.keyfile not in ('', plan.certfile, f'{plan.certfile}.key'):
        wanted = f'{plan.certfile}.key'
        raise DeployError(
            f'haproxy looks for the key in the certificate or in {wanted}: put it there, or into one file'
        )
    return f' ssl crt {quote(plan.certfile)} alpn h2,http/1.1'


def files(plan: Plan) -> dict[str, str]:
    """Return the configuration.

    Parameters:
        plan: what is to be deployed.
    """
    text = fill(
        'haproxy.cfg.tpl',
        quote,
        plan=plan,
        listen=bind(plan),
        tls=tls(plan),
        hosts=hosts(plan),
        servers=[server(each) for each in plan.backends],
        timeout=duration(plan.timeout),
        graceful=duration(plan.graceful_timeout or 0.001),  # 0 would mean: never
    )
    return {FILE: text}


def check(folder: Path) -> str:
    """Have HAProxy validate its file.

    Parameters:
        folder: where it is.

    Raises:
        DeployError: HAProxy is not installed, or refuses it.
    """
    return checking.run('haproxy', '-c', '-f', str(folder / FILE))


def start(folder: Path) -> list[str]:
    """Return the command that runs HAProxy in the foreground.

    Parameters:
        folder: where its file is.
    """
    return [checking.find('haproxy'), '-db', '-f', str(folder / FILE)]


HAPROXY = Target(
    name='haproxy',
    kind='balancer',
    help='HAProxy: balancer with health checks, speaks TLS',
    uses=PROXY - {'static'},
    files=files,
    check=check,
    start=start,
)
