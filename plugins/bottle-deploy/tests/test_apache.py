"""Apache: values in the language of its configuration, and what it does in its own way."""

import http.client
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path, below, options
from tests.deployment.sites import (
    APPLICATION,
    ROOT,
    Instance,
    answered,
    fetch_securely,
    front,
    instance,
    public_folder,
    site,
)
from tests.support.client import TIMEOUT, fetch
from tests.support.processes import serving

NO_SOCKET = [name for name in HOSTILE if set(name) & set('=|?#')]
NO_PATH = [name for name in DOLLARS if '${' in name]


@pytest.mark.parametrize('name', [name for name in (*HOSTILE, *DOLLARS) if name not in {*NO_SOCKET, *NO_PATH}])
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('apache', around, name)


@pytest.mark.parametrize('name', NO_SOCKET)
def test_what_ends_the_path_of_a_socket_is_refused_there_alone(around: World, name: str) -> None:
    refused = r'Apache cannot have a . in the path of a socket, .*: rename it'
    with pytest.raises(DeployError, match=refused), below('apache', around, name):
        pass
    folder = around.folder / name  # with everything in it that `below` has put there
    given = {**options(around, folder / 'both.pem'), 'static': [f'/files={folder}']}
    with public_folder() as own, site('apache', own, given) as running:
        assert fetch_securely(running.url, '/files/page.txt', around.certificate).body.decode() == name


@pytest.mark.parametrize('name', NO_PATH)
def test_a_variable_in_a_path_is_refused(around: World, name: str) -> None:
    with pytest.raises(DeployError, match=r'Apache cannot have \$\{ in .*: rename it'), below('apache', around, name):
        pass


def test_the_key_may_have_a_file_of_its_own(around: World) -> None:
    with public_folder() as own, site('apache', own, options(around, around.certificate, around.key)) as running:
        assert fetch_securely(running.url, '/', around.certificate).status == 200


def test_a_client_cannot_have_headers_removed(around: World) -> None:
    """Apache drops what `Connection` names (RFC 9110, section 7.6.1), but not what the application has to believe."""
    context = ssl.create_default_context(cafile=around.certificate)
    with public_folder() as own, site('apache', own, options(around, around.both)) as running:
        port = urlsplit(running.url).port
        with closing(http.client.HTTPSConnection('localhost', port, context=context, timeout=TIMEOUT)) as connection:
            connection.request('GET', '/', headers={'Connection': 'close, x-forwarded-for, X-Forwarded-Proto'})
            seen = answered(connection.getresponse().read())
    assert (seen['client'], seen['scheme'], seen['host']) == ('127.0.0.1', 'https', f'localhost:{port}')


def test_an_upload_of_unknown_length_is_limited_by_the_instance() -> None:
    with by_hand('--max-body', '100000') as behind, front('apache', [behind], max_body='100000') as running:
        answer = fetch(running.url, '/upload', 'POST', iter([b'x' * 50_000] * 2))
        assert answered(answer.body)['length'] == 100_000
        assert fetch(running.url, '/upload', 'POST', iter([b'x' * 50_000, b'x' * 50_001])).status == 413


def test_what_is_not_limited_is_not_limited() -> None:
    with instance('waitress') as behind, front('apache', [behind], max_body='0') as running:
        assert answered(fetch(running.url, '/upload', 'POST', bytes(1 << 20)).body)['length'] == 1 << 20


def test_a_url_arrives_as_it_was_sent() -> None:
    with instance('waitress') as behind, front('apache', [behind]) as running:
        answer = fetch(running.url, '/path/a%20%25b%2Fc')
        assert (answer.status, answer.body) == (404, fetch(behind.process.url, '/path/a%20%25b%2Fc').body)
        assert fetch(running.url, '/path/a%20%25b').body == b'a %b'


def test_an_instance_that_is_not_healthy_gets_nothing() -> None:
    """It has no `--health`, and so the application answers with 404."""
    with instance('waitress') as healthy, by_hand() as other, front('apache', [healthy, other]) as running:
        deadline = time.monotonic() + TIMEOUT
        while {asked(running.url) for _ in range(10)} != {healthy.process.process.pid}:
            assert time.monotonic() < deadline, running.printed()


def test_the_longest_url_of_a_folder_counts() -> None:
    with instance('waitress') as behind, public_folder() as outer, public_folder() as inner:
        (outer / 'name').write_text('outer')
        (inner / 'name').write_text('inner')
        with front('apache', [behind], static=[f'/a={outer}', f'/a/b={inner}']) as running:
            assert [fetch(running.url, url).body for url in ('/a/name', '/a/b/name')] == [b'outer', b'inner']


@pytest.mark.parametrize(
    ('hosts', 'wanted'),
    [
        ([], ['ServerName shop', 'ServerAlias *']),
        (['*.a.example', 'b.example'], ['ServerName b.example', 'ServerAlias *.a.example']),
        (['*.a.example'], ['ServerName shop', 'ServerAlias *.a.example']),
        (['b.example'], ['ServerName b.example']),
    ],
)
def test_a_site_has_a_name_that_is_no_pattern(hosts: list[str], wanted: list[str]) -> None:
    text = TARGETS['apache'].files(make_plan({'app': 'shop', 'host': hosts}))['shop.conf']
    assert [line.strip() for line in text.splitlines() if line.lstrip().startswith('Server')] == wanted


@pytest.mark.parametrize(('listen', 'file'), [(':80', 'httpd.conf'), (':443', 'httpd.conf'), (':81', 'shop.conf')])
def test_a_site_listens_where_an_installed_apache_does_not(listen: str, file: str) -> None:
    files = TARGETS['apache'].files(make_plan({'app': 'shop', 'listen': listen}))
    assert [name for name, text in files.items() if f'\nListen {listen[1:]}\n' in text] == [file]


@contextmanager
def by_hand(*arguments: str) -> Iterator[Instance]:
    """Run an instance with nothing but these arguments, and not as its deployment tells to."""
    command = [sys.executable, '-m', 'bottle', APPLICATION, '--server', 'waitress', '--bind', '127.0.0.1:0', *arguments]
    with serving(command, ROOT) as process:
        yield Instance('waitress', urlsplit(process.url).port or 0, process)


def asked(url: str) -> int:
    """Return which process answers."""
    pid: int = answered(fetch(url, '/').body)['pid']
    return pid
