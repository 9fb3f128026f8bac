"""The example board inside each web server that can run it, with the files that are generated for that."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bottle_deploy.hosting import start_apache, start_lighttpd
from tests.board_driver import drive_board
from tests.deployment.hosts import hosted
from tests.deployment.sites import Site, Start
from tests.support.requirements import require_program


class Host(NamedTuple):
    """A web server that a target writes for."""

    target: str
    program: str
    start: Start


HOSTS = {
    'mod_wsgi': Host('mod_wsgi', 'apache2', start_apache),
    'cgi-apache': Host('cgi', 'apache2', start_apache),
    'cgi-lighttpd': Host('cgi', 'lighttpd', start_lighttpd),
}


@pytest.fixture(scope='module', params=HOSTS)
def site(request: pytest.FixtureRequest, public_python: Path) -> Iterator[Site]:
    """Return a web server with the board in it."""
    host = HOSTS[request.param]
    require_program(host.program)
    with hosted(host.target, public_python, host.start) as running:
        yield running


def test_the_board(site: Site) -> None:
    drive_board(site.url)
    assert 'Traceback' not in site.printed()
