"""Pound 4 in front of instances: <https://www.gnu.org.ua/software/pound/>."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from bottle_deploy import checking, patterns
from bottle_deploy.target import PROXY, Target, fill

if TYPE_CHECKING:
    from pathlib import Path

    from bottle_deploy.plan import Plan


def quote(value: str) -> str:
    r"""Return a value as Pound reads it: in double quotes, where only `"` and `\` mean something.

    Parameters:
        value: the text.
    """
    escaped = value.replace('\\', '\\\\').replace('"', '\\"')
    return f'"{escaped}"'


def files(plan: Plan) -> dict[str, str]:
    """Return the whole configuration.

    Parameters:
        plan: what is to be deployed.
    """
    host, port = plan.listening
    seconds = {'timeout': ceil(plan.timeout), 'grace': ceil(plan.graceful_timeout)}  # Pound takes whole ones
    return {
        'pound.cfg': fill(
            'pound.cfg.tpl', quote, plan=plan, host=host, port=port, hosts=patterns.hosts(plan.host), **seconds
        )
    }


def check(folder: Path) -> str:
    """Have Pound validate its file.

    Parameters:
        folder: where it is.

    Raises:
        DeployError: Pound is not installed, or refuses it.
    """
    return checking.run('pound', '-c', '-f', str(folder / 'pound.cfg'))


def start(folder: Path) -> list[str]:
    """Return the command that runs Pound in the foreground.

    Parameters:
        folder: where its file is.
    """
    return [checking.find('pound'), '-e', '-f', str(folder / 'pound.cfg'), '-p', str(folder / 'pound.pid')]


POUND = Target(
    name='pound',
    kind='balancer',
    help='Pound 4: proxy and balancer, speaks TLS; serves no files',
    uses=PROXY - {'static', 'keyfile'},
    files=files,
    check=check,
    start=start,
)
