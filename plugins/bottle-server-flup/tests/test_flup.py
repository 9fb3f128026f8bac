"""Flup behind a real lighttpd: each protocol, as the README says, and what is particular to it."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from bottle_server_flup import FlupServer
from tests.support.client import connect, fetch
from tests.support.lighttpd import WebServer, lighttpd
from tests.support.processes import Server
from tests.support.programs import refusal, running
from tests.support.snippets import snippets

README = Path(__file__).parent.parent / 'README.md'
[SETTINGS] = [block.text for block in snippets(README) if block.language == 'lighttpd']
MODULES = {'fastcgi': 'fastcgi', 'scgi': 'scgi', 'ajp': 'ajp13'}
PROGRAM = """\
import os, threading
from bottle import request, route, run

@route('/path/<rest:path>')
def path(rest):
    return rest + '?' + request.query.getunicode('q', '')

@route('/environ')
def environ():
    return {name: repr(value) for name, value in request.environ.items()}

@route('/echo', method='POST')
def echo():
    return request.body.read()

@route('/fail')
def fail():
    raise RuntimeError('the reason')

@route('/cut')
def cut():
    yield b'first '
    raise RuntimeError(open('gate', 'rb').read(1))

@route('/held')
def held():
    yield b'first '
    yield b'second' if open('gate', 'rb').read(1) else b'too late'

@route('/threads')
def threads():
    return str(len([each for each in threading.enumerate() if '_worker' in each.name]))
"""
MEGABYTE = os.urandom(1 << 20)


@contextmanager
def behind_lighttpd(folder: Path, protocol: str, place: str = '', **options: Any) -> Iterator[tuple[Server, WebServer]]:
    """Serve the program by a protocol, behind a web server."""
    options = {'protocol': protocol, **({'host': place} if place else {}), **options}
    with running(folder, PROGRAM, 'flup', **options) as server:
        web = folder / 'lighttpd'
        web.mkdir()
        port = server.url.rstrip('/').rpartition(':')[2]
        where = f'"socket" => "{place.removeprefix("unix:")}"' if place else f'"host" => "127.0.0.1", "port" => {port}'
        settings = SETTINGS.replace('"host" => "127.0.0.1", "port" => 9000', where)
        if protocol == 'ajp':
            settings = settings.replace(', "fix-root-scriptname" => "enable"', '').replace('("/" =>', '("" =>')
        with lighttpd(folder, web, settings.replace('fastcgi', MODULES[protocol])) as found:
            yield server, found


@pytest.fixture(scope='module', params=MODULES)
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Serve by each protocol."""
    with behind_lighttpd(tmp_path_factory.mktemp(request.param), request.param) as (_, found):
        yield found


def test_the_native_call() -> None:
    adapter = FlupServer('127.0.0.1', 8080, protocol='scgi', maxThreads=3)
    assert adapter.explain() == "flup.server.fcgi.WSGIServer(handler, sockets, protocol='scgi', maxThreads=3)"


def test_paths_and_queries(web: WebServer) -> None:
    path = '/path/gr%C3%BC%C3%9Fe/%E6%97%A5?q=1%2B%C3%A9&r=2'
    assert fetch(web.url, path).body == 'grüße/日?1+é'.encode()


@pytest.mark.parametrize('web', ['fastcgi', 'scgi'], indirect=True)  # by AJP no body arrives, see the README
@pytest.mark.parametrize('chunked', [False, True])
def test_a_body_of_a_megabyte_arrives_byte_exact(web: WebServer, chunked: bool) -> None:
    pieces = (MEGABYTE[start : start + 70_000] for start in range(0, len(MEGABYTE), 70_000))
    headers = {'Transfer-Encoding': 'chunked'} if chunked else {}
    answer = fetch(web.url, '/echo', 'POST', pieces if chunked else MEGABYTE, **headers)
    assert (answer.status, answer.body == MEGABYTE) == (200, True)


def test_a_request_without_a_body(web: WebServer) -> None:
    answer = fetch(web.url, '/echo', 'POST', b'')
    assert (answer.status, answer.body) == (200, b'')


def test_an_exception_is_an_error_500(web: WebServer) -> None:
    answer = fetch(web.url, '/fail')
    assert answer.status == 500
    assert b'the reason' not in answer.body


def test_what_is_only_the_web_servers_is_not_in_the_environ(web: WebServer) -> None:
    environ = fetch(web.url, '/environ', Proxy='http://evil/').body
    assert b'"PATH_INFO": "\'/environ\'"' in environ
    assert b'HTTP_PROXY' not in environ


def test_a_response_that_fails_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'gate')
    with behind_lighttpd(tmp_path, 'fastcgi') as (server, web), closing(connect(web.url)) as connection:
        connection.request('GET', '/cut')
        response = connection.getresponse()
        assert response.read(6) == b'first '
        with (tmp_path / 'gate').open('wb') as gate:
            gate.write(b'.')
        with pytest.raises(IncompleteRead):
            response.read()
        server.await_lines("RuntimeError: b'.'")


@pytest.mark.parametrize('protocol', MODULES)
def test_a_drain_finishes_what_runs(tmp_path: Path, protocol: str) -> None:
    os.mkfifo(tmp_path / 'gate')
    with behind_lighttpd(tmp_path, protocol) as (server, web), closing(connect(web.url)) as connection:
        connection.request('GET', '/held')
        response = connection.getresponse()
        assert response.read(6) == b'first '
        server.process.terminate()
        with (tmp_path / 'gate').open('wb') as gate:
            gate.write(b'.')
        assert response.read() == b'second'
        assert server.process.wait(10) == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    with behind_lighttpd(tmp_path, 'fastcgi', f'unix:{tmp_path}/socket') as (_, web):
        assert fetch(web.url, '/path/a').body == b'a?'


def test_fewer_threads_than_flup_starts(tmp_path: Path) -> None:
    with behind_lighttpd(tmp_path, 'fastcgi', threads=2) as (_, web):
        assert fetch(web.url, '/threads').body == b'2'


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'protocol': 'http'}, "speaks fastcgi, scgi, ajp, not 'http'"),
        ({'bindAddress': None}, "has no option 'bindAddress'"),
        ({'multiplexed': True}, "has no option 'multiplexed'"),
        ({'scriptName': '/a'}, "has no option 'scriptName'"),
        ({'maxThread': 3}, "Did you mean 'maxThreads'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'flup', **options)


def test_portable_options_have_names_that_flup_knows() -> None:
    assert set(FlupServer.native_names.values()) <= set(FlupServer().native_options())
