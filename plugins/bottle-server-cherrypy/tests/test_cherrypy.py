"""What is particular to CherryPy: its tree, and its engine."""

from pathlib import Path
from typing import Any

import pytest

from bottle_server_cherrypy import CherryPyServer
from tests.support.client import fetch
from tests.support.programs import ABOUT, about, refusal, running

HOSTED = """\
import cherrypy
from bottle import request, route, run

class Admin:
    @cherrypy.expose
    def index(self):
        return 'by CherryPy'

cherrypy.tree.mount(Admin(), '/admin')
for channel in ('start', 'stop'):
    cherrypy.engine.subscribe(channel, lambda channel=channel: print('engine:', channel, flush=True))

@route('/exit')
def exit():
    cherrypy.engine.exit()
    return 'exited'

@route('/<path:path>')
def path(path):
    return request.environ['SCRIPT_NAME'] + '|' + path
"""


def test_the_native_call() -> None:
    adapter = CherryPyServer('127.0.0.1', 8080, thread_pool=20)
    assert adapter.explain() == 'cherrypy.tree.graft(handler, sockets, thread_pool=20)'


def test_applications_of_both_are_hosted(tmp_path: Path) -> None:
    with running(tmp_path, HOSTED, 'cherrypy') as server:
        assert fetch(server.url, '/admin/').body == b'by CherryPy'
        assert fetch(server.url, '/a//b/').body == b'|a//b/'
        server.await_lines('^engine: start$')
        assert server.stop() == 0
        server.await_lines('^engine: stop$')


def test_the_engine_stops_the_server(tmp_path: Path) -> None:
    with running(tmp_path, HOSTED, 'cherrypy') as server:
        assert fetch(server.url, '/exit').body == b'exited'
        assert server.process.wait(10) == 0


def test_options_reach_cherrypy_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'cherrypy', thread_pool=3) as server:
        assert len([name for name in about(server)['threads'] if name.startswith('CP Server')]) == 3
        assert fetch(server.url, '/about/').headers['Server'].startswith('CherryPy/')


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'socket_host': 'x'}, "has no option 'socket_host'"),
        ({'ssl_certificate': 'x'}, "has no option 'ssl_certificate'"),
        ({'thread_pools': 3}, "Did you mean 'thread_pool'"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'cherrypy', **options)


def test_portable_options_have_names_that_cherrypy_knows() -> None:
    assert set(CherryPyServer.native_names.values()) <= set(CherryPyServer().native_options())
