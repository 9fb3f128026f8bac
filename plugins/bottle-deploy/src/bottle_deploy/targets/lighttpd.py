"""lighttpd in front of instances: <https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_ModProxy>."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from bottle_deploy import patterns
from bottle_deploy.hosting import check_lighttpd, longest_first, quote_lighttpd, seconds, start_lighttpd
from bottle_deploy.target import PROXY, Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Backend, Plan

USER = 'www-data'
MODULES = ('access', 'setenv', 'alias', 'proxy')
TYPES = {
    '.css': 'text/css; charset=utf-8',
    '.gif': 'image/gif',
    '.html': 'text/html; charset=utf-8',
    '.ico': 'image/x-icon',
    '.jpeg': 'image/jpeg',
    '.jpg': 'image/jpeg',
    '.js': 'text/javascript; charset=utf-8',
    '.json': 'application/json',
    '.mjs': 'text/javascript; charset=utf-8',
    '.mp4': 'video/mp4',
    '.pdf': 'application/pdf',
    '.png': 'image/png',
    '.svg': 'image/svg+xml',
    '.txt': 'text/plain; charset=utf-8',
    '.wasm': 'application/wasm',
    '.webp': 'image/webp',
    '.woff2': 'font/woff2',
    '.xml': 'application/xml',
    '': 'application/octet-stream',
}


def member(backend: Backend) -> str:
    """Return an instance as `proxy.server` of lighttpd names it.

    Parameters:
        backend: the instance.
    """
    place = f'"host" => {quote_lighttpd(backend.path or backend.host)}'
    return place if backend.path else f'{place}, "port" => {backend.port}'


def files(plan: Plan) -> dict[str, str]:
    """Return the only file of a lighttpd that serves one site.

    Parameters:
        plan: what is to be deployed.
    """
    host, port = plan.listening
    facts = {
        'plan': plan,
        'host': f'[{host}]' if ':' in host else host,
        'port': port,
        'hosts': patterns.hosts(plan.host),
        'sockets': shlex.quote(plan.sockets),
        'static': [(url, folder, patterns.literal(url)) for url, folder in reversed(longest_first(plan))],
        'members': [member(each) for each in plan.backends],
        'timeout': seconds(plan.timeout),
        'kilobytes': math.ceil(plan.max_body / 1024),
        'modules': (*MODULES, *(('openssl',) if plan.tls else ())),
        'types': TYPES,
        'user': plan.user or USER,
    }
    return {'lighttpd.conf': fill('lighttpd.conf.tpl', quote_lighttpd, **facts)}


LIGHTTPD = Target(
    name='lighttpd',
    kind='balancer',
    help='lighttpd: proxy and balancer, serves static files, speaks TLS',
    uses=PROXY,
    files=files,
    check=check_lighttpd,
    start=start_lighttpd,
)
