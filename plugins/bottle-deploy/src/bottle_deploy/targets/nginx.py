"""nginx in front of instances: <https://nginx.org/en/docs/http/ngx_http_proxy_module.html>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.serving.addresses import format_bind
from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.target import PROXY, Target, duration, fill

if TYPE_CHECKING:
    from pathlib import Path

    from bottle_deploy.plan import Backend, Plan


def quote(value: str) -> str:
    """Return a value as nginx reads it: in double quotes unless it is plain.

    Parameters:
        value: the text.

    Raises:
        DeployError: it holds a `$`, which begins a variable everywhere and cannot be escaped.
    """
    if '$' in value:
        raise DeployError(f'nginx cannot have a $ in {value!r}: rename it')
    if value and all(each.isalnum() or each in '._:/-[]*' for each in value):
        return value
    escaped = value.replace('\\', '\\\\').replace('"', '\\"')
    return f'"{escaped}"'


def upstream(backend: Backend) -> str:
    """Return an instance as `server` and `proxy_pass` of nginx name it.

    Parameters:
        backend: the instance.
    """
    return f'unix:{backend.path}' if backend.path else backend.address


def listen(plan: Plan) -> list[str]:
    """Return what the directives `listen` of nginx take: a port alone means IPv4.

    Parameters:
        plan: what is to be deployed.
    """
    host, port = plan.listening
    return [format_bind(host, port)] if host else [str(port), f'[::]:{port}']


def files(plan: Plan) -> dict[str, str]:
    """Return the site, to be put into `conf.d`, and a main file that serves it alone.

    Parameters:
        plan: what is to be deployed.
    """
    shared = {'plan': plan, 'listen': listen(plan), 'tls': ' ssl http2' if plan.tls else ''}
    site = fill(
        'nginx-site.conf.tpl',
        quote,
        upstreams=[upstream(each) for each in plan.backends],
        variable=plan.name.replace('-', '_'),
        timeout=duration(plan.timeout),
        **shared,
    )
    return {f'{plan.name}.conf': site, 'nginx.conf': fill('nginx.conf.tpl', quote, **shared)}


def check(folder: Path) -> str:
    """Have nginx validate its files.

    Parameters:
        folder: where they are.

    Raises:
        DeployError: nginx is not installed, or refuses them.
    """
    return checking.run('nginx', '-t', '-q', '-p', str(folder), '-c', 'nginx.conf')


def start(folder: Path) -> list[str]:
    """Return the command that runs nginx in the foreground.

    Parameters:
        folder: where its files are.
    """
    return [checking.find('nginx'), '-p', str(folder), '-c', 'nginx.conf', '-g', 'daemon off;']


NGINX = Target(
    name='nginx',
    kind='balancer',
    help='nginx: proxy and balancer, serves static files, speaks TLS',
    uses=PROXY,
    files=files,
    trial=frozenset({'nginx.conf'}),
    check=check,
    start=start,
)
