"""Servers behind a real proxy: the application is told of the client when the proxy is trusted, and only then."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.operation.nginx import nginx
from tests.operation.sources import bottle
from tests.serving.conftest import HERE
from tests.support.client import fetch
from tests.support.processes import Server, serving

CLAIMED = '192.0.2.7'  # what the client itself pretends


@contextmanager
def behind(folder: Path, server_name: str, bind: str, *arguments: str) -> Iterator[tuple[Server, str]]:
    """Serve the probe behind nginx; yield the server and the URL of the proxy."""
    log = ['--access-log', 'json', '--access-log-file', str(folder / 'access.log')]
    with ExitStack() as stack:
        command = bottle('probe:app', '-s', server_name, '-b', bind, *log, *arguments)
        server = stack.enter_context(serving(command, HERE))
        yield server, stack.enter_context(nginx(server.url, folder))


def told(url: str) -> list[str]:
    """Return what the application is told about a request that the proxy passes on."""
    keys = ('REMOTE_ADDR', 'wsgi.url_scheme', 'HTTP_HOST', 'REMOTE_PORT', 'HTTP_X_FORWARDED_FOR')
    headers = {'Host': 'shop.example', 'X-Forwarded-For': CLAIMED}
    return [fetch(url, f'/environ/{key}', **headers).body.decode() for key in keys]


def logged(folder: Path) -> set[str | None]:
    """Return the addresses of the clients in the access log."""
    return {json.loads(line)['remote_addr'] for line in (folder / 'access.log').read_text().splitlines()}


def test_a_trusted_proxy_is_believed(server_name: str, tmp_path: Path) -> None:
    trusted = ['--trusted-proxies', '127.0.0.1/32']
    with behind(tmp_path, server_name, '127.0.0.1:0', *trusted) as (server, url):
        # nginx adds the address that it sees; that is the last one of a network that is not trusted.
        assert told(url)[:3] == [CLAIMED, 'https', 'shop.example']
        assert fetch(url, '/echo', 'POST', b'body').body == b'body'
        assert fetch(server.url, '/environ/wsgi.url_scheme').body == b'http'  # without the headers nothing changes
        assert server.stop() == 0
    assert logged(tmp_path) == {CLAIMED, '127.0.0.1'}


def test_a_proxy_that_is_not_trusted_is_not_believed(server_name: str, tmp_path: Path) -> None:
    with behind(tmp_path, server_name, '127.0.0.1:0') as (server, url):
        assert told(url)[:3] == ['127.0.0.1', 'http', 'shop.example']
        assert server.stop() == 0
    assert logged(tmp_path) == {'127.0.0.1'}


def test_a_trusted_proxy_on_a_unix_socket(server_name: str, tmp_path: Path) -> None:
    bind = f'unix:{tmp_path}/app.sock'
    with behind(tmp_path, server_name, bind, '--trusted-proxies', 'unix', '--workers', '2') as (server, url):
        assert told(url)[:3] == ['127.0.0.1', 'https', 'shop.example']
        assert server.stop() == 0
    assert logged(tmp_path) == {'127.0.0.1'}


@pytest.mark.parametrize('trusted', [[], ['--trusted-proxies', '10.0.0.0/8']], ids=['nobody', 'others'])
def test_who_is_not_trusted_cannot_lie(server_name: str, trusted: list[str], tmp_path: Path) -> None:
    headers = {'X-Forwarded-For': CLAIMED, 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.example'}
    with serving(bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', *trusted), HERE) as server:
        assert fetch(server.url, '/environ/REMOTE_ADDR', **headers).body == b'127.0.0.1'
        assert fetch(server.url, '/environ/wsgi.url_scheme', **headers).body == b'http'
        assert fetch(server.url, '/environ/HTTP_HOST', **headers).body == server.url.split('/')[2].encode()
        assert server.stop() == 0
    assert not [line for line in server.output if re.search(CLAIMED, line)]
