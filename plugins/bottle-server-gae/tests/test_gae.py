"""Google App Engine: what its runtime does with a program, and the services that its SDK puts in their place."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bottle import server_names
from tests.support.client import fetch
from tests.support.processes import Server, attempt, serving
from tests.support.programs import running
from tests.support.requirements import require_module
from tests.support.snippets import snippets

README = Path(__file__).parent.parent / 'README.md'
PROGRAM = next(block.text for block in snippets(README) if block.argument == 'main.py')
CONFIGURATIONS = [block.text for block in snippets(README) if block.language == 'yaml']
AUTO = PROGRAM.replace("'gae'", "'auto'")
SERVICES = """\
from bottle import route, run
from google.appengine.api import memcache
from google.appengine.ext import testbed

services = testbed.Testbed()
services.activate()
services.init_memcache_stub()

@route('/remember/<value>')
def remember(value):
    memcache.set('value', value)
    return memcache.get('value')

run(server='gae')
"""
WHO = """\
from bottle import request, route, run

@route('/who')
def who():
    return f'{request.get_header("X-Appengine-User-Id")} {request.environ["REMOTE_ADDR"]}'
"""
CLAIMS = {'X-Appengine-User-Id': '7', 'X-Appengine-User-Ip': '192.0.2.7'}
# What the runtime does without an entrypoint; on a socket that listens already, so that no port has to be guessed.
RUNTIME = """\
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
listener.set_inheritable(True)
print(f'Listening on http://127.0.0.1:{listener.getsockname()[1]}/', file=sys.stderr, flush=True)
where = ['-b', f'fd://{listener.fileno()}', '--no-control-socket', '--threads', '2']
os.execv(sys.executable, [sys.executable, '-m', 'gunicorn', *where, 'main:app'])
"""


@contextmanager
def on_app_engine(folder: Path, program: str, configuration: str) -> Iterator[Server]:
    """Do with a program what App Engine does: start its entrypoint, or gunicorn if there is none."""
    (folder / 'main.py').write_text(program)
    entrypoint = re.search('^entrypoint: (.+)$', configuration, re.MULTILINE)
    command = shlex.split(entrypoint[1]) if entrypoint else ['python', '-c', RUNTIME]
    if not entrypoint:
        require_module('gunicorn')
    environment = {'GAE_ENV': 'standard', 'GAE_APPLICATION': 's~acme', 'PORT': '0'}
    with serving([sys.executable, *command[1:]], folder, environment) as server:
        yield server


both_ways = pytest.mark.parametrize('configuration', CONFIGURATIONS, ids=['gunicorn', 'entrypoint'])


@both_ways
@pytest.mark.parametrize('program', [PROGRAM, AUTO], ids=['gae', 'auto'])
def test_the_program_of_the_readme_answers(tmp_path: Path, configuration: str, program: str) -> None:
    with on_app_engine(tmp_path, program, configuration) as server:
        url = server.url.replace('0.0.0.0', '127.0.0.1')
        assert fetch(url, '/hello/World').body == b'Hello World'
        assert server.stop() == 0


@both_ways
def test_the_bundled_services_answer(tmp_path: Path, configuration: str) -> None:
    with on_app_engine(tmp_path, SERVICES, configuration) as server:
        url = server.url.replace('0.0.0.0', '127.0.0.1')
        assert [fetch(url, f'/remember/{value}').body for value in ('a', 'b')] == [b'a', b'b']


@both_ways
def test_app_engine_says_who_somebody_is(tmp_path: Path, configuration: str) -> None:
    with on_app_engine(tmp_path, WHO + "run(server='gae')", configuration) as server:
        assert fetch(server.url.replace('0.0.0.0', '127.0.0.1'), '/who', **CLAIMS).body == b'7 192.0.2.7'


def test_elsewhere_nobody_says_who_he_is(tmp_path: Path) -> None:
    with running(tmp_path, WHO, 'gae') as server:
        assert fetch(server.url, '/who', **CLAIMS).body == b'None 127.0.0.1'


def test_run_returns_when_gunicorn_imports_the_program(tmp_path: Path) -> None:
    (tmp_path / 'main.py').write_text(PROGRAM)
    code = 'import sys; sys.modules["gunicorn"] = sys; import main; from bottle import app; print(main.app is app())'
    done = attempt([sys.executable, '-c', code], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'False\n', '')


def test_it_serves_with_the_best_server_that_is_installed() -> None:
    assert issubclass(server_names['gae'], server_names['waitress'])
    assert server_names['gae'].capabilities.graceful_drain


def test_without_any_other_it_serves_with_wsgiref(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [name for name in server_names if name not in ('auto', 'gae', 'wsgiref')]
    monkeypatch.setenv('BOTTLE_DISABLED_SERVERS', ','.join(others))
    assert issubclass(server_names['gae'], server_names['wsgiref'])


def test_it_says_which_server_takes_an_option(tmp_path: Path) -> None:
    (tmp_path / 'main.py').write_text(PROGRAM.replace("'gae'", "'gae', thread=3"))
    done = attempt([sys.executable, 'main.py'], tmp_path)
    assert (done.returncode, done.stderr.count('\n')) == (1, 1)
    assert "'gae' has no option 'thread'" in done.stderr
    assert "Did you mean 'threads'?" in done.stderr
