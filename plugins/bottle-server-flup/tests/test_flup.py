"""Flup behind a real lighttpd: each protocol, as the README says, and what is particular to it."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from bottle_server_flup import FlupServer
from tests.support.client import connect, fetch, raw, until
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

@route('/exit')
def leave():
    raise SystemExit('the reason')  # which Bottle leaves to the server

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


@pytest.mark.parametrize('chunked', [False, True])
def test_a_body_of_a_megabyte_arrives_byte_exact(web: WebServer, chunked: bool) -> None:
    pieces = (MEGABYTE[start : start + 70_000] for start in range(0, len(MEGABYTE), 70_000))
    headers = {'Transfer-Encoding': 'chunked'} if chunked else {}
    answer = fetch(web.url, '/echo', 'POST', pieces if chunked else MEGABYTE, **headers)
    assert (answer.status, answer.body == MEGABYTE) == (200, True)


def test_the_body_of_a_form(web: WebServer) -> None:
    answer = fetch(web.url, '/echo', 'POST', b'a=1')
    assert (answer.status, answer.body) == (200, b'a=1')


def text(value: bytes) -> bytes:
    """Return a text as AJP writes it."""
    return len(value).to_bytes(2) + value + b'\0'


def forwarded(path: bytes, length: int) -> bytes:
    """Return what a web server says in AJP about a request of POST."""
    names = [text(b'HTTP/1.1'), text(path), text(b'127.0.0.1'), text(b'client'), text(b'server')]
    return b'\2\4' + b''.join(names) + b'\0\x50\0' + b'\0\1\xa0\x08' + text(b'%d' % length) + b'\xff'


def packet(payload: bytes) -> bytes:
    """Return a packet of AJP from a web server."""
    return b'\x12\x34' + len(payload).to_bytes(2) + payload


def test_ajp_as_others_than_lighttpd_speak_it(tmp_path: Path) -> None:
    with running(tmp_path, PROGRAM, 'flup', protocol='ajp') as server, closing(raw(server.url)) as connection:
        connection.sendall(packet(forwarded(b'/echo', 6)) + packet(b'\0\2' + b'ab'))
        wanted = b'\6\0\4'  # "Get Body Chunk": at most so many bytes
        assert wanted in until(connection, wanted)
        connection.sendall(packet(b'\0\4' + b'cdef'))
        received = until(connection, b'\5\1')  # "End Response"
        assert b'\3\0\6abcdef\0' in received  # "Send Body Chunk"


def test_no_more_of_a_body_is_asked_for_than_is_taken(tmp_path: Path) -> None:
    with running(tmp_path, PROGRAM, 'flup', protocol='ajp') as server, closing(raw(server.url)) as connection:
        connection.sendall(packet(forwarded(b'/echo', 100_000)) + packet(b'\0\2' + b'ab'))
        wanted = b'\6' + (8186).to_bytes(2)  # as much as one packet holds: another would pass for the next request
        assert wanted in until(connection, wanted)


def test_a_request_without_a_body(web: WebServer) -> None:
    answer = fetch(web.url, '/echo', 'POST', b'')
    assert (answer.status, answer.body) == (200, b'')


@pytest.mark.parametrize('path', ['/fail', '/exit'])
def test_an_exception_is_an_error_500(web: WebServer, path: str) -> None:
    answer = fetch(web.url, path)
    assert answer.status == 500
    assert b'the reason' not in answer.body


def test_what_is_only_the_web_servers_is_not_in_the_environ(web: WebServer) -> None:
    environ = fetch(web.url, '/environ', Proxy='http://evil/').body
    assert b'"PATH_INFO": "\'/environ\'"' in environ
    assert b'HTTP_PROXY' not in environ


@pytest.mark.parametrize('protocol', ['fastcgi', 'ajp'])  # in SCGI nothing tells them apart, see the README
def test_a_response_that_fails_is_not_taken_for_a_whole_one(tmp_path: Path, protocol: str) -> None:
    os.mkfifo(tmp_path / 'gate')
    with behind_lighttpd(tmp_path, protocol) as (server, web), closing(connect(web.url)) as connection:
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


def test_a_web_server_that_starts_it(tmp_path: Path) -> None:
    (tmp_path / 'web').mkdir()
    (tmp_path / 'hello.py').write_text(
        "from bottle import route\n\n@route('/name')\ndef name():\n    return __name__\n"
    )
    script = tmp_path / 'start'
    script.write_text(f'#!/bin/sh\ncd {tmp_path} && exec {sys.executable} -m bottle -s flup -b fd://0 hello\n')
    script.chmod(0o700)
    place = f'"bin-path" => "{script}", "socket" => "{tmp_path}/socket", "max-procs" => 1'
    settings = SETTINGS.replace('"host" => "127.0.0.1", "port" => 9000', place)
    with lighttpd(tmp_path, tmp_path / 'web', settings) as web:
        assert fetch(web.url, '/name').body == b'hello'


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
