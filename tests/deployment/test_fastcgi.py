"""Applications behind each web server that speaks FastCGI: what those inside one have to show, and the instances."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from bottle_deploy.hosting import start_apache, start_lighttpd
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import nginx
from tests.board_driver import drive_board
from tests.deployment import test_hosts as hosts
from tests.deployment.hosts import DATA, NAME, application_folder
from tests.deployment.sites import Site, Start, answered, public_folder, site
from tests.support.client import fetch
from tests.support.processes import serving
from tests.support.requirements import require_program

FRONTS: dict[str, Start] = {'nginx': nginx.start, 'lighttpd': start_lighttpd, 'apache2': start_apache}
GROUP = 'www-data'  # of the web servers, when root starts them
STATIC = hosts.HOSTILE.replace('$', '')  # a name that each of them can read
every_front = pytest.mark.parametrize('front', FRONTS)


@contextmanager
def behind(front: str, name: str = NAME, **options: Any) -> Iterator[Site]:
    """Run instances as the files tell, on unix sockets, and a web server before them: of the board, unless told else.

    Parameters:
        front: the web server.
        name: the name of the folder of the application.
        options: those of the command, by their names.
    """
    require_program(front)
    with ExitStack() as stack:
        directory, sockets = stack.enter_context(application_folder(name)), stack.enter_context(public_folder())
        if os.geteuid() == 0:
            shutil.chown(sockets, group=GROUP)
            sockets.chmod(0o2750)
        given = {'app': 'app:app', 'name': NAME, 'directory': str(directory), 'sockets': str(sockets), **options}
        variables = {'BOARD_DB': str(directory.parent / DATA / 'board.sqlite3'), 'VARIABLE': hosts.HOSTILE}
        for command in make_plan({**given, 'server': 'flup'}).launches():
            stack.enter_context(serving(command, directory, variables))
        yield stack.enter_context(site('fastcgi', directory, given, FRONTS[front]))


@pytest.fixture(scope='module', name='site', params=FRONTS)
def hostile_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a web server with an application in a folder of a hostile name behind it."""
    with public_folder() as folder:
        (folder / STATIC).mkdir()
        (folder / STATIC / 'a b.txt').write_text('from the web server')
        (folder / 'secret.txt').write_text('not served')
        given = {'static': [f'/files={folder / STATIC}'], 'max_body': '30M', 'host': ['127.0.0.1']}
        with behind(request.param, hosts.HOSTILE, app='inside:app', **given) as running:
            yield running


test_paths_are_relative_to_its_folder_whatever_its_name = hosts.test_paths_are_relative_to_its_folder_whatever_its_name
test_the_path_is_what_was_sent = hosts.test_the_path_is_what_was_sent
test_credentials_arrive = hosts.test_credentials_arrive
test_a_client_is_who_it_is = hosts.test_a_client_is_who_it_is
test_another_name_is_that_of_another_site = hosts.test_another_name_is_that_of_another_site
test_a_large_upload_arrives = hosts.test_a_large_upload_arrives
test_a_stream_is_not_held_back = hosts.test_a_stream_is_not_held_back
test_static_files_are_served_by_the_web_server = hosts.test_static_files_are_served_by_the_web_server


@every_front
def test_the_board(front: str) -> None:
    with behind(front) as running:
        drive_board(running.url)
        assert 'Traceback' not in running.printed()


@every_front
def test_instances_on_ports_share_the_requests(front: str) -> None:
    with ExitStack() as stack:
        require_program(front)
        directory = stack.enter_context(application_folder())
        given: dict[str, Any] = {'app': 'inside:app', 'name': NAME, 'directory': str(directory)}
        arguments = make_plan({**given, 'server': 'flup'}).arguments('127.0.0.1:0')
        instances = [
            stack.enter_context(serving([sys.executable, '-m', 'bottle', *arguments], directory)) for _ in range(2)
        ]
        given['backend'] = [each.url.rstrip('/').rpartition('/')[2] for each in instances]
        running = stack.enter_context(site('fastcgi', directory, given, FRONTS[front]))
        pids = Counter(answered(fetch(running.url, '/').body)['pid'] for _ in range(20))
        assert set(pids) == {each.process.pid for each in instances}
        assert fetch(running.url, '/healthz').status == 200


@every_front
def test_what_is_too_large_is_refused(front: str) -> None:
    with behind(front, app='inside:app', max_body='2048') as running:
        assert fetch(running.url, '/upload', 'POST', b'x' * 2048).status == 200
        assert fetch(running.url, '/upload', 'POST', b'x' * 2049).status == 413


@every_front
def test_a_response_that_does_not_come_is_not_awaited_for_ever(front: str) -> None:
    with behind(front, app='inside:app', timeout='1') as running:
        assert fetch(running.url, '/slow/12').status == 504
        assert fetch(running.url, '/').status == 200
