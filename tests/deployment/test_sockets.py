"""Instances on unix sockets, started by the commands that the plan says, behind each balancer."""

import os
from collections import Counter
from pathlib import Path
from shutil import chown
from stat import S_IMODE

import pytest

from bottle_deploy.targets import TARGETS
from tests.deployment.sites import APPLICATION, answered, front, launched, public_folder
from tests.support.client import fetch

BALANCERS = [name for name, target in TARGETS.items() if target.kind == 'balancer' and 'sockets' in target.uses]
WEB_USER = 'www-data'  # and its group, on Debian
INSTANCES = 2
REQUESTS = 20


def let_in(folder: Path) -> dict[str, str]:
    """Let a web server, and nobody else, into a folder and to the sockets that will be made in it.

    Return the options that say who it is: who is not root runs everything as the same user.
    """
    if os.geteuid() != 0:
        return {}
    chown(folder, group=WEB_USER)
    folder.chmod(0o2750)  # a change of the group takes the bit away that sockets get theirs by
    return {'user': WEB_USER}


@pytest.mark.parametrize('balancer', BALANCERS)
def test_instances_on_sockets_are_served(balancer: str) -> None:
    with public_folder() as folder:
        options = {**let_in(folder), 'sockets': str(folder), 'instances': str(INSTANCES)}
        with launched({'app': APPLICATION, **options}) as instances, front(balancer, (), **options) as site:
            assert {S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o660}
            seen = [answered(fetch(site.url, '/', **{'X-Forwarded-For': '192.0.2.1'}).body) for _ in range(REQUESTS)]
            assert Counter(each['pid'] for each in seen).keys() == {each.process.pid for each in instances}
            assert {(each['client'], each['scheme']) for each in seen} == {('127.0.0.1', 'http')}
