"""Apache in front of instances: <https://httpd.apache.org/docs/2.4/mod/mod_proxy_balancer.html>."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bottle.serving.addresses import format_bind
from bottle_deploy import patterns
from bottle_deploy.errors import DeployError
from bottle_deploy.hosting import PACKAGED, check_apache, longest_first, quote_apache, seconds, start_apache
from bottle_deploy.target import PROXY, Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Backend, Plan

USER = 'www-data'  # of Debian and Ubuntu
BALANCING = ('proxy_http', 'proxy_hcheck', 'proxy_balancer', 'lbmethod_byrequests', 'headers')
TLS = ('socache_shmcb', 'ssl', 'http2')
ALWAYS = ('mpm_event', 'authz_core', 'mime', 'dir', 'alias', 'reqtimeout', 'slotmem_shm', 'proxy')


def member(number: int, backend: Backend, scheme: str = 'http') -> str:
    """Return an instance as `BalancerMember` of Apache names it.

    Parameters:
        number: which one of the instances it is. Behind the path of a socket stands a URL of which nothing is used, but
            two members with the same one would be the same to Apache.
        backend: the instance.
        scheme: what it speaks.

    Raises:
        DeployError: the path of its socket holds what ends a path there.
    """
    wrong = [each for each in '=|?#' if each in backend.path]
    if wrong:
        raise DeployError(f'Apache cannot have a {wrong[0]} in the path of a socket, {backend.path!r}: rename it')
    return f'unix:{backend.path}|{scheme}://localhost:{number}' if backend.path else f'{scheme}://{backend.address}'


def names(plan: Plan) -> list[str]:
    """Return the names of the site, first one that is no pattern.

    Parameters:
        plan: what is to be deployed.
    """
    given = sorted(plan.host or ['*'], key=lambda each: '*' in each)
    return [plan.name, *given] if '*' in given[0] else given


def files(plan: Plan) -> dict[str, str]:
    """Return the site, to be put into `sites-available`, and a main file that serves it alone.

    Parameters:
        plan: what is to be deployed.
    """
    host, port = plan.listening
    needed = (*BALANCING, *(TLS if plan.tls else ()))
    facts = {
        'plan': plan,
        'address': format_bind(host, port) if host else str(port),
        'packaged': port in PACKAGED['apache'],
        'names': names(plan),
        'hosts': patterns.hosts(plan.host),
        'sockets': shlex.quote(plan.sockets),
        'static': longest_first(plan),
        'members': [member(number, each) for number, each in enumerate(plan.backends, 1)],
        'timeout': seconds(plan.timeout),
        'needed': needed,
        'loaded': (*ALWAYS, *needed),
        'user': plan.user or USER,
    }
    site, alone = (fill(f'apache{each}.conf.tpl', quote_apache, **facts) for each in ('-site', ''))
    return {f'{plan.name}.conf': site, 'httpd.conf': alone}


APACHE = Target(
    name='apache',
    kind='balancer',
    help='Apache: proxy and balancer, serves static files, speaks TLS',
    uses=PROXY,
    files=files,
    trial=frozenset({'httpd.conf'}),
    check=check_apache,
    start=start_apache,
)
