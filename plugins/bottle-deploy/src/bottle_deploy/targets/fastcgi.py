"""FastCGI: nginx, lighttpd or Apache, and flup behind it, which speaks no HTTP."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from textwrap import indent
from typing import TYPE_CHECKING, Any

from bottle_deploy import checking, patterns
from bottle_deploy.hosting import (
    CLAIMS,
    SITE,
    TRIAL,
    apache_files,
    check_apache,
    check_lighttpd,
    lighttpd_files,
    longest_first,
    quote_apache,
    quote_lighttpd,
    seconds,
)
from bottle_deploy.plan import FASTCGI as SERVER
from bottle_deploy.target import INSTANCES, Target, duration, fill
from bottle_deploy.targets import apache, nginx

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

CHECKERS = {'nginx': nginx.check, 'lighttpd': check_lighttpd, 'apache2': check_apache}
MODULES = ('env', 'slotmem_shm', 'proxy', 'proxy_fcgi', 'proxy_balancer', 'lbmethod_byrequests')
USER = 'www-data'  # who a web server is when root starts it; of Debian and Ubuntu, as in the trials of the others


def files(plan: Plan) -> dict[str, str]:
    """Return a site of each web server, and main files that serve it alone.

    Parameters:
        plan: what is to be deployed.
    """
    plan = replace(plan, server=SERVER)
    facts = {
        'plan': plan,
        'starting': fill('fastcgi-start.tpl', shlex.quote, plan=plan).rstrip(),
        'static': longest_first(plan),
        'claims': CLAIMS,
        'timeout': seconds(plan.timeout),
    }
    in_lighttpd = fill('fastcgi-lighttpd.conf.tpl', quote_lighttpd, literal=patterns.literal, **facts)
    members = [apache.member(number, each, 'fcgi') for number, each in enumerate(plan.backends, 1)]
    in_apache = fill('fastcgi-apache.conf.tpl', quote_apache, members=members, indent=indent, **facts)
    return {
        **_nginx_files(plan, facts),
        **lighttpd_files(plan, f'{plan.name}-lighttpd.conf', ['fastcgi'], in_lighttpd),
        **apache_files(plan, f'{plan.name}-apache.conf', MODULES, in_apache),
    }


def _nginx_files(plan: Plan, facts: dict[str, Any]) -> dict[str, str]:
    name = f'{plan.name}-nginx'
    facts = {
        **facts,
        'name': name,
        'listen': nginx.listen(plan),
        'tls': ' ssl http2' if plan.tls else '',
        'upstream': nginx.upstream,
        'timeout': duration(plan.timeout),
    }
    site = fill('fastcgi-nginx.conf.tpl', nginx.quote, **facts)
    trial = fill('nginx.conf.tpl', nginx.quote, **{**facts, 'plan': replace(plan, name=name, user=USER)})
    return {f'{name}.conf': site, 'nginx.conf': trial}


FASTCGI = Target(
    name='fastcgi',
    kind='host',
    help='nginx, lighttpd or Apache, with flup behind it: FastCGI instead of HTTP',
    uses=SITE - {'env'} | INSTANCES | {'health', 'graceful_timeout'},
    files=files,
    trial=TRIAL | {'nginx.conf'},
    check=partial(checking.run_installed, CHECKERS),
    start=nginx.start,
)
