"""What is quoted for FastCGI, and read by each web server: the sockets and folders of real names."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.hosts import application_folder
from tests.deployment.sites import public_folder, site
from tests.deployment.test_fastcgi import FRONTS, GROUP, every_front
from tests.support.client import fetch
from tests.support.processes import serving
from tests.support.requirements import require_program

FASTCGI = TARGETS['fastcgi']
HOSTILE = 'a  b"c\'d\\e;f{g}%20h%{i}:j~kl<m>(n)*[o]&p@q`r`!ü'


def written(**given: Any) -> dict[str, str]:
    return dict(FASTCGI.files(make_plan({'app': 'inside:app', **given})))


@pytest.fixture(scope='module')
def served() -> Iterator[tuple[Path, Path]]:
    """Return the folder of an application, and one with its socket, which the web servers may use."""
    with ExitStack() as stack:
        directory, sockets = stack.enter_context(application_folder()), stack.enter_context(public_folder())
        if os.geteuid() == 0:
            shutil.chown(sockets, group=GROUP)
            sockets.chmod(0o2750)
        given = {'app': 'inside:app', 'directory': str(directory), 'sockets': str(sockets), 'server': 'flup'}
        [command] = make_plan(given).launches()
        stack.enter_context(serving(command, directory))
        yield directory, sockets


@every_front
def test_sockets_and_files_of_hostile_names(front: str, served: tuple[Path, Path]) -> None:
    require_program(front)
    directory, sockets = served
    with public_folder() as folder:
        (folder / HOSTILE).symlink_to(sockets)
        static = folder / f'static {HOSTILE}'.translate({ord(each): None for each in '*['})  # patterns for Apache
        static.mkdir()
        (static / 'a.txt').write_text('from the web server')
        given = {'app': 'inside:app', 'directory': str(directory), 'sockets': str(folder / HOSTILE)}
        with site('fastcgi', folder, {**given, 'static': [f'/files={static}']}, FRONTS[front]) as running:
            assert fetch(running.url, '/path/a').body == b'a'
            assert fetch(running.url, '/files/a.txt').body == b'from the web server'


@pytest.mark.parametrize('name', ['a$b', 'a${b}', 'a|b', 'a=b', 'a?b', 'a#b'])
def test_sockets_that_one_of_them_cannot_name_are_refused(name: str) -> None:
    with pytest.raises(DeployError, match='rename it'):
        written(sockets=f'/run/{name}')


def test_a_comment_ends_where_its_line_ends() -> None:
    """A backslash at its end would take the next line into it, for Apache."""
    for text in written(directory='/srv/a\\', python='/srv/b\\/python').values():
        assert not any(line.startswith('#') and line.endswith('\\') for line in map(str.strip, text.splitlines()))


def test_what_is_to_be_started() -> None:
    """With no header that is believed: the web server itself says who the client is."""
    made = written(sockets='/run/it is', instances='2', workers='3')['inside-nginx.conf']
    arguments = '-m bottle inside:app --server flup --bind'
    for number in (1, 2):
        place = f"'unix:/run/it is/inside-{number}.sock'"
        assert f'{arguments} {place} --trusted-proxies nobody --health /healthz --workers 3 --socket-mode 660\n' in made
    assert "-g www-data '/run/it is'\n" in made


def test_instances_elsewhere() -> None:
    made = written(backend=['10.0.0.5:9000', '[fd00::5]:9000', 'unix:/run/a.sock'])
    assert 'python -m bottle inside:app --server flup --bind ADDRESS --health /healthz\n' in made['inside-nginx.conf']
    assert 'server [fd00::5]:9000 ' in made['inside-nginx.conf']
    assert '"host" => "fd00::5", "port" => 9000,' in made['inside-lighttpd.conf']
    assert 'BalancerMember "fcgi://[fd00::5]:9000" ' in made['inside-apache.conf']
