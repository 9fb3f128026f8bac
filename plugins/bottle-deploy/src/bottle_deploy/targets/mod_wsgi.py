"""Apache that runs the application itself: <https://modwsgi.readthedocs.io/en/master/configuration-directives/>."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bottle_deploy.hosting import (
    SITE,
    apache_files,
    apache_folder,
    check_apache,
    quote_apache,
    seconds,
    start_apache,
)
from bottle_deploy.target import Target, fill

if TYPE_CHECKING:
    from bottle_deploy.plan import Plan

SCRIPT = 'app.wsgi'


def files(plan: Plan) -> dict[str, str]:
    """Return the script, the site with its daemon processes, and a main file that serves it alone.

    Parameters:
        plan: what is to be deployed.
    """
    inner = fill(
        'mod_wsgi-apache.conf.tpl',
        quote_apache,
        plan=plan,
        script=f'{plan.directory}/{SCRIPT}',
        home=str(PurePosixPath(plan.python).parent.parent),
        granted=apache_folder,
        timeout=seconds(plan.timeout),
        grace=seconds(plan.graceful_timeout),
    )
    script = fill('mod_wsgi.py.tpl', repr, plan=plan)
    return {SCRIPT: script, **apache_files(plan, f'{plan.name}.conf', ['wsgi'], inner)}


MOD_WSGI = Target(
    name='mod_wsgi',
    kind='host',
    help='Apache with mod_wsgi: processes of the application that Apache starts',
    uses=SITE | {'workers', 'threads', 'user', 'graceful_timeout', 'health'},
    files=files,
    trial=frozenset({'httpd.conf'}),
    check=check_apache,
    start=start_apache,
)
