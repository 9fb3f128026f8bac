"""A CGI script, and what lets Apache and lighttpd run it: RFC 3875, with the server `cgi`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.hosting import (
    CLAIMS,
    SITE,
    TRIAL,
    apache_files,
    apache_folder,
    check_apache,
    check_lighttpd,
    lighttpd_files,
    longest_first,
    quote_apache,
    quote_lighttpd,
    seconds,
    start_lighttpd,
)
from bottle_deploy.target import Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

CHECKERS = {'apache2': check_apache, 'lighttpd': check_lighttpd}
LONGEST = 127  # bytes of a line that begins with #!, up to Linux 5.0 and elsewhere


def interpreter(path: str) -> str:
    """Return the path of an interpreter as a line that begins with #! names it.

    Parameters:
        path: the path.

    Raises:
        DeployError: it holds a space, which would end it there, or is too long.
    """
    if ' ' in path or len(f'#!{path}\n'.encode()) > LONGEST:
        raise DeployError(f'a #! line cannot name {path!r}: it takes {LONGEST - 3} bytes without spaces; make a link')
    return path


def files(plan: Plan) -> dict[str, str]:
    """Return the script, a site of each web server, and main files that serve it alone.

    Parameters:
        plan: what is to be deployed.
    """
    name = f'{plan.name}.cgi'
    facts = {'plan': plan, 'script': f'{plan.directory}/{name}', 'timeout': seconds(plan.timeout)}
    script = fill('cgi.py.tpl', repr, interpreter=interpreter(plan.python), name=name, **facts)
    in_apache = fill('cgi-apache.conf.tpl', quote_apache, granted=apache_folder, **facts)
    in_lighttpd = fill('cgi-lighttpd.conf.tpl', quote_lighttpd, static=longest_first(plan), claims=CLAIMS, **facts)
    return {
        name: script,
        **apache_files(plan, f'{plan.name}-apache.conf', ['cgid', 'env'], in_apache),
        **lighttpd_files(plan, f'{plan.name}-lighttpd.conf', ['cgi'], in_lighttpd),
    }


CGI = Target(
    name='cgi',
    kind='host',
    help='Apache or lighttpd with a CGI script: nothing keeps running',
    uses=SITE,
    files=files,
    trial=TRIAL,
    check=partial(checking.run_installed, CHECKERS),
    start=start_lighttpd,
)
