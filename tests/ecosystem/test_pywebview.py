"""pywebview's HTTP server, an adapter of its own, started as pywebview starts it: in a thread, without a window."""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ecosystem.conftest import Install
from tests.support.certificates import certificate
from tests.support.client import await_listening, fetch
from tests.support.processes import Server, serving

PROGRAM = """\
import sys, time
import bottle
from webview.http import BottleServer, start_server

application = bottle.Bottle()
application.route('/hello/<name>', callback=lambda name: f'Hello {name}')

what, *files = sys.argv[1:]
keyfile, certfile = files or (None, None)
content = application if what == 'application' else what
address, _, server = start_server([content], None, BottleServer, keyfile=keyfile, certfile=certfile)
server.js_callback['window'] = lambda call: {'called': call['funcName'], 'with': call['param']}
print('api', server.js_api_endpoint)
print('Listening on', address)
time.sleep(600)
"""


@pytest.fixture(scope='module')
def python(install: Install) -> Path:
    return install('pywebview')


@contextmanager
def running(python: Path, folder: Path, what: str, *files: str) -> Iterator[Server]:
    """Serve a page with a style sheet, or an application."""
    (folder / 'web').mkdir()
    (folder / 'web' / 'index.html').write_text('<h1>Grüße</h1>', encoding='utf-8')
    (folder / 'web' / 'style.css').write_text('h1 {}')
    (folder / 'secret').write_text('not to be served')
    (folder / 'program.py').write_text(PROGRAM)
    with serving([str(python), 'program.py', what, *files], folder) as server:
        await_listening(server.url)
        yield server


def test_pages_are_served(python: Path, tmp_path: Path) -> None:
    with running(python, tmp_path, 'web/index.html') as server:
        page = fetch(server.url, '/index.html')
        assert (page.status, page.body.decode()) == (200, '<h1>Grüße</h1>')
        assert page.headers['Content-Type'] == 'text/html; charset=UTF-8'
        assert fetch(server.url, '/style.css').headers['Content-Type'].startswith('text/css')
        assert fetch(server.url, '/absent.html').status == 404
        assert fetch(server.url, '/../secret').status in {403, 404}
        assert fetch(server.url, '/%2e%2e/secret').status in {403, 404}


def test_a_page_calls_python(python: Path, tmp_path: Path) -> None:
    with running(python, tmp_path, 'web/index.html') as server:
        [path] = [line.split(server.url, 1)[1] for line in server.output if line.startswith('api ')]
        call = json.dumps({'uid': 'window', 'funcName': 'open', 'param': ['ä']})
        answer = fetch(server.url, '/' + path.strip(), 'POST', call.encode(), **{'Content-Type': 'application/json'})
        assert (answer.status, answer.headers['Access-Control-Allow-Origin']) == (200, '*')
        assert json.loads(answer.body) == {'called': 'open', 'with': ['ä']}


def test_an_application_is_served(python: Path, tmp_path: Path) -> None:
    with running(python, tmp_path, 'application') as server:
        assert fetch(server.url, '/hello/World').body == b'Hello World'


def test_an_adapter_instance_serves_over_tls(python: Path, tmp_path: Path) -> None:
    certfile, keyfile = certificate(tmp_path)
    with running(python, tmp_path, 'application', keyfile, certfile) as server:
        context = ssl.create_default_context(cafile=certfile)
        url = server.url.replace('127.0.0.1', 'localhost')
        with urllib.request.urlopen(f'{url}hello/World', timeout=15, context=context) as response:
            assert response.read() == b'Hello World'
