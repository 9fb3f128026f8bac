"""Applications inside each web server that can run them, with the files that are generated for that."""

import hashlib
import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bottle_deploy.hosting import start_apache, start_lighttpd
from tests.board_driver import drive_board
from tests.deployment.hosts import hosted
from tests.deployment.sites import SPOOFED, Site, Start, answered, fetch_securely, public_folder
from tests.support.certificates import certificate
from tests.support.client import connect, fetch
from tests.support.losses import LossClient
from tests.support.requirements import require_ipv6, require_program

UPLOAD = os.urandom(20 << 20)
HOSTILE = ' a  b"c\'d\\e$f%{g}#h;i<k>~n\\"ü'  # the name of a folder, or a value
RATE = 100.0  # requests per second
BEFORE, AFTER = 50, 200  # requests around what happens to the application


class Host(NamedTuple):
    """A web server that a target writes for."""

    target: str
    program: str
    start: Start

    def run(self, python: Path, **options: Any) -> Any:
        """Run an application in it: `hosted`."""
        require_program(self.program)
        return hosted(self.target, python, self.start, **options)


HOSTS = {
    'mod_wsgi': Host('mod_wsgi', 'apache2', start_apache),
    'cgi-apache': Host('cgi', 'apache2', start_apache),
    'cgi-lighttpd': Host('cgi', 'lighttpd', start_lighttpd),
}
every_host = pytest.mark.parametrize('host', HOSTS.values(), ids=HOSTS)


@pytest.fixture(scope='module', params=HOSTS.values(), ids=list(HOSTS))
def site(request: pytest.FixtureRequest, public_python: Path) -> Iterator[Site]:
    """Return a web server with an application in a folder of a hostile name, for tests that leave it as it is."""
    with public_folder() as folder:
        (folder / HOSTILE).mkdir()
        (folder / HOSTILE / 'a b.txt').write_text('from the web server')
        (folder / 'secret.txt').write_text('not served')
        given = {'static': [f'/files={folder / HOSTILE}'], 'env': [f'VARIABLE={HOSTILE}'], 'max_body': '30M'}
        with request.param.run(public_python, folder=HOSTILE, app='inside:app', host=['127.0.0.1'], **given) as running:
            yield running


def processes(site: Site) -> set[int]:
    """Return the processes that answer."""
    return {inside(site, '/')['pid'] for _ in range(20)}


def inside(site: Site, path: str = '/inside/x', **headers: str) -> dict[str, Any]:
    """Return what the application says of itself."""
    return answered(fetch(site.url, path, **headers).body)


@every_host
def test_the_board(host: Host, public_python: Path) -> None:
    with host.run(public_python) as running:
        drive_board(running.url)
        assert 'Traceback' not in running.printed()


def test_paths_are_relative_to_its_folder_whatever_its_name(site: Site) -> None:
    said = inside(site)
    assert (said['folder'], said['page'], said['variable']) == (str(site.folder), 'Hello visitor', HOSTILE)
    assert said['encoding'] == 'utf-8'


def test_extensions_wrap_it_as_they_do_everywhere(site: Site) -> None:
    assert inside(site)['wrapped']


def test_it_does_not_run_as_root_even_if_the_web_server_is_started_by_it(site: Site) -> None:
    assert inside(site)['user'] != 0


@pytest.mark.parametrize(
    ('sent', 'path'),
    [('a/b', 'a/b'), ('a%20b', 'a b'), ('%E6%97%A5', '日'), ('a%2Fb', 'a/b'), ('a;b', 'a;b'), ('a+b%2Bc', 'a+b+c')],
)
def test_the_path_is_what_was_sent(site: Site, sent: str, path: str) -> None:
    assert inside(site, f'/inside/{sent}')['path'] == path


def test_credentials_arrive(site: Site) -> None:
    assert inside(site, Authorization='Basic YTpi')['authorization'] == 'Basic YTpi'


def test_a_client_is_who_it_is(site: Site) -> None:
    seen = answered(fetch(site.url, '/', **SPOOFED).body)
    assert (seen['client'], seen['scheme'], seen['forwarded']) == ('127.0.0.1', 'http', [])
    assert seen['host'] == site.url.removeprefix('http://')


def test_another_name_is_that_of_another_site(site: Site) -> None:
    assert fetch(site.url, '/', Host='evil.example').status in {404, 421}


@pytest.mark.parametrize('chunked', [False, True])
def test_a_large_upload_arrives(site: Site, chunked: bool) -> None:
    pieces = (UPLOAD[start : start + 70_000] for start in range(0, len(UPLOAD), 70_000))
    headers = {'Transfer-Encoding': 'chunked'} if chunked else {}
    answer = fetch(site.url, '/upload', 'POST', pieces if chunked else UPLOAD, **headers)
    assert answered(answer.body) == {'length': len(UPLOAD), 'sha256': hashlib.sha256(UPLOAD).hexdigest()}


def test_a_stream_is_not_held_back(site: Site) -> None:
    gate = site.folder.parent / 'gate'
    with closing(connect(site.url)) as connection:
        connection.request('GET', f'/stream?gate={gate}')
        response = connection.getresponse()
        assert response.read1() == b'first\n'
        gate.touch()
        assert response.read() == b'second\n'


def test_static_files_are_served_by_the_web_server(site: Site) -> None:
    answer = fetch(site.url, '/files/a%20b.txt')
    assert (answer.status, answer.body) == (200, b'from the web server')
    for path in ('../secret.txt', '%2e%2e/secret.txt', '..%2fsecret.txt', '%2e%2e%2fsecret.txt', 'x/../../secret.txt'):
        answer = fetch(site.url, f'/files/{path}')
        assert answer.status in {400, 403, 404}
        assert b'not served' not in answer.body


@every_host
def test_what_is_too_large_is_refused(host: Host, public_python: Path) -> None:
    with host.run(public_python, app='inside:app', max_body='2048') as running:
        for size, status in ((2048, 200), (2049, 413)):
            assert fetch(running.url, '/upload', 'POST', b'x' * size).status == status
            chunks = iter([b'x' * size])
            assert fetch(running.url, '/upload', 'POST', chunks, **{'Transfer-Encoding': 'chunked'}).status == status


@every_host
def test_a_response_that_does_not_come_is_not_awaited_for_ever(host: Host, public_python: Path) -> None:
    with host.run(public_python, app='inside:app', timeout='1') as running:
        assert fetch(running.url, '/slow/12').status == 504
        assert fetch(running.url, '/').status == 200


@every_host
def test_tls(host: Host, public_python: Path, tmp_path: Path) -> None:
    certfile, keyfile = certificate(tmp_path)
    with host.run(public_python, app='inside:app', certfile=certfile, keyfile=keyfile) as running:
        said = answered(fetch_securely(running.url, '/', Path(certfile)).body)
    assert said['scheme'] == 'https'


@every_host
def test_ipv6(host: Host, public_python: Path) -> None:
    require_ipv6()
    with host.run(public_python, app='inside:app', address='::1') as running:
        said = inside(running, '/')
        assert (said['client'], said['host']) == ('::1', running.url.removeprefix('http://'))


def test_mod_wsgi_has_the_processes_that_were_asked_for(public_python: Path) -> None:
    with HOSTS['mod_wsgi'].run(public_python, app='inside:app', workers='2', threads='1') as running:
        said = inside(running)
        assert (said['multiprocess'], said['multithread']) == (True, False)
        assert fetch(running.url, '/healthz').status == 200


def test_mod_wsgi_runs_as_the_user_that_was_asked_for(public_python: Path) -> None:
    with HOSTS['mod_wsgi'].run(public_python, app='inside:app', user='daemon') as running:
        # Only root can change it.
        assert inside(running)['user'] == (os.geteuid() or pwd.getpwnam('daemon').pw_uid)


def test_mod_wsgi_finds_an_environment_whatever_its_name(public_python: Path) -> None:
    with public_folder() as folder:
        (folder / HOSTILE).symlink_to(public_python.parent.parent)
        with HOSTS['mod_wsgi'].run(folder / HOSTILE / 'bin' / 'python', app='inside:app') as running:
            assert fetch(running.url, '/').status == 200


def test_mod_wsgi_replaces_the_code_under_load(public_python: Path) -> None:
    """A touch, and nobody notices but the processes; what runs is finished."""
    with ExitStack() as stack:
        running = stack.enter_context(HOSTS['mod_wsgi'].run(public_python, app='inside:app', workers='2'))
        slow = stack.enter_context(closing(connect(running.url)))
        before = processes(running)
        with LossClient(f'{running.url}/', RATE, keep_alive=False) as client:
            client.await_requests(BEFORE)
            slow.request('GET', '/slow/1')
            (running.folder / 'app.wsgi').touch()
            client.await_requests(AFTER)
        assert slow.getresponse().status == 200
        assert client.failed() == [], client.summary()
        assert not before & processes(running)
