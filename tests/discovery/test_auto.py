"""`auto`: takes the best server that is ready, says which and why, and never passes over a broken plugin."""

import pytest

from bottle.serving.builtin import PREFERENCE
from tests.support.distributions import Distribution, Site, adapter_module, server_plugin
from tests.support.processes import serving

APP = "import bottle\nbottle.route('/')(lambda: 'Hello')\napp = bottle.default_app()\n"
RUN = "import bottle, app\nbottle.run(server='auto', port=0)"
UNSOCKETED = adapter_module('waitress').replace('prebound_sockets=True, ', '')
PER_REQUEST = """\
import sys
from bottle.serving import Capabilities, ServerAdapter, hookimpl

class Once(ServerAdapter):
    name = {name!r}
    capabilities = Capabilities(concurrency='per-request')
    quiet = True

    def serve(self, handler, sockets):
        def start_response(status, headers):
            print('Status:', status)
        for piece in handler({{'REQUEST_METHOD': 'GET', 'PATH_INFO': '/'}}, start_response):
            print(piece.decode())

@hookimpl
def bottle_server_adapter():
    return Once
"""
# Does what a service manager does: binds, and becomes the program, with the socket as its descriptor 3.
ACTIVATE = """\
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
print('bound', listener.getsockname()[1], flush=True)
if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='web')
os.execv(sys.executable, [sys.executable, '-S', *sys.argv[1:]])
"""


@pytest.fixture
def app(site: Site) -> Site:
    """Return a Python with an application."""
    site.write('app.py', APP)
    site.write('program.py', RUN)
    return site


def chosen(site: Site, **env: str) -> str:
    """Return what `auto` says when it serves, on the command line and from a program."""
    said = []
    for arguments in (['-m', 'bottle', 'app', '-s', 'auto', '-b', '127.0.0.1:0'], ['program.py']):
        with serving(site.command(*arguments), site.folder, site.environment(env)) as server:
            assert server.get() == (200, 'Hello')
            assert server.stop() == 0
        said.append(server.output[0])
    assert said[0] == said[1]
    return said[0].strip()


def test_nothing_else_is_installed(app: Site) -> None:
    assert chosen(app) == 'auto chose wsgiref: no other server is installed'


def test_the_first_of_the_short_list(app: Site) -> None:
    app.add(*(server_plugin(name) for name in ('paste', 'gevent', 'acme')))
    assert chosen(app) == 'auto chose gevent: the first that is ready of gevent, paste'


def test_a_stranger_comes_before_the_standard_library(app: Site) -> None:
    app.add(server_plugin('acme'))
    assert chosen(app).startswith('auto chose acme: ')


def test_an_absent_backend_and_a_blocked_name_are_skipped(app: Site) -> None:
    app.add(server_plugin('waitress', backend='engine'), server_plugin('gevent', '1 / 0'), server_plugin('paste'))
    assert chosen(app, BOTTLE_DISABLED_SERVERS='gevent').startswith('auto chose paste: ')


def test_a_server_for_single_requests_is_skipped(app: Site) -> None:
    app.add(server_plugin('cgi', PER_REQUEST.format(name='cgi')))
    assert chosen(app).startswith('auto chose wsgiref: ')


@pytest.mark.parametrize('name', ['flup', 'gae', 'diesel', 'fapws3', 'cgi'])
def test_what_needs_more_than_itself_is_left_out(app: Site, name: str) -> None:
    app.add(server_plugin(name))
    assert chosen(app) == 'auto chose wsgiref: no other server is installed'


def test_a_server_for_a_web_server_is_skipped(app: Site) -> None:
    app.add(server_plugin('acme', adapter_module('acme').replace("'sync', ", "'sync', protocol='scgi', ")))
    assert chosen(app) == 'auto chose wsgiref: no other server is installed'


def test_the_whole_order(app: Site) -> None:
    app.add(*(server_plugin(name) for name in PREFERENCE))
    assert chosen(app) == f'auto chose {PREFERENCE[0]}: the first that is ready of {", ".join(PREFERENCE)}'
    blocked = ','.join(PREFERENCE[:-1])
    assert chosen(app, BOTTLE_DISABLED_SERVERS=blocked).startswith(f'auto chose {PREFERENCE[-1]}: ')


@pytest.mark.parametrize('source', ['1 / 0', 'raise ImportError("half installed")', ''])
def test_a_broken_plugin_is_an_error(app: Site, source: str) -> None:
    app.add(server_plugin('gevent', source), server_plugin('paste'))
    for arguments in (['-m', 'bottle', 'app', '-s', 'auto'], ['program.py']):
        done = app.run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(
            "bottle: the plugin 'gevent' of the distribution bottle-server-gevent 1.0 is broken"
        )
        assert done.stderr.count('\n') == 1
    listing = app.run('-m', 'bottle', '--servers').stdout
    assert "broken: the plugin 'gevent'" in next(line for line in listing.splitlines() if line.startswith('auto '))


def test_a_backend_that_does_not_import_is_an_error(app: Site) -> None:
    app.add(server_plugin('gevent', backend='engine'), Distribution('engine', {'engine.py': 'import libengine'}))
    done = app.run('program.py')
    assert done.returncode == 1
    assert "'gevent' cannot import engine 1.0" in done.stderr


def test_all_blocked(app: Site) -> None:
    done = app.run('program.py', env={'BOTTLE_DISABLED_SERVERS': 'wsgiref'})
    assert done.stderr.startswith('bottle: no server can be chosen')
    done = app.run('program.py', env={'BOTTLE_DISABLED_SERVERS': 'auto'})
    assert "bottle: the server 'auto' is blocked" in done.stderr


def test_a_cgi_request(app: Site) -> None:
    app.add(server_plugin('cgi', PER_REQUEST.format(name='cgi')), server_plugin('waitress'))
    done = app.run('program.py', env={'GATEWAY_INTERFACE': 'CGI/1.1'})
    assert (done.returncode, done.stdout) == (0, 'Status: 200 OK\nHello\n'), done.stderr


def test_a_cgi_request_without_the_plugin(app: Site) -> None:
    done = app.run('program.py', env={'GATEWAY_INTERFACE': 'CGI/1.1'})
    assert done.returncode == 1
    assert done.stderr == "bottle: the server 'cgi' is not installed: python -m pip install bottle-server-cgi\n"


def test_app_engine(app: Site) -> None:
    app.add(server_plugin('waitress'))
    assert chosen(app, GAE_ENV='standard').startswith('auto chose waitress: ')
    app.add(server_plugin('gae'))
    assert chosen(app, GAE_ENV='standard') == 'auto chose gae: this is App Engine'


@pytest.mark.parametrize('arguments', [['program.py'], ['-m', 'bottle', 'app', '-s', 'auto']])
def test_a_socket_that_was_handed_over(app: Site, arguments: list[str]) -> None:
    app.add(server_plugin('waitress', UNSOCKETED), server_plugin('gevent'))
    app.write('activate.py', ACTIVATE)
    with serving(app.command('activate.py', *arguments), app.folder, app.environment()) as server:
        bound, chose, *_ = server.output
        assert server.url == f'http://127.0.0.1:{bound.split()[1]}/'
        assert chose.startswith('auto chose gevent: ')
        assert 'takes the socket that was handed over' in chose
        assert server.get() == (200, 'Hello')
        assert server.stop() == 0


def test_a_socket_for_another_process_is_not_ours(app: Site) -> None:
    app.add(server_plugin('waitress', UNSOCKETED))
    program = 'from bottle.serving import builtin, registry\nprint(builtin.choose(registry.registry).adapter.name)'
    for variables in ({'LISTEN_FDS': '1', 'LISTEN_PID': '1'}, {'LISTEN_FDS': '1'}):
        assert app.run('-c', program, env=variables).stdout == 'waitress\n'
