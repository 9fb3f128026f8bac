"""Adapters that come in other ways than as a plugin: those written for Bottle 0.13, and classes named in a program."""

import pytest

from tests.support.distributions import SERVERS, Distribution, Site, adapter_module, server_plugin
from tests.support.processes import serving

LEGACY = """\
import bottle

class OldServer(bottle.ServerAdapter):  # as pywebview and many a program of its time have it
    def run(self, handler):
        from wsgiref.simple_server import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log_request(self, *args, **kw):
                pass

        self.srv = make_server(self.host, self.port, handler, handler_class=Quiet)
        print('Listening on http://%s:%d/' % (self.host, self.srv.server_port), self.options, flush=True)
        self.srv.serve_forever()

    def shutdown(self):
        self.srv.shutdown()
"""
PROGRAM = """\
import bottle
from oldserver import OldServer

@bottle.route('/')
def index():
    return 'Hello'

{run}
"""
WAYS = {
    'class': 'bottle.run(server=OldServer, port=0, colour="red")',
    'instance': 'bottle.run(server=OldServer(port=0, colour="red"))',
    'assigned': 'bottle.server_names["x"] = OldServer\nbottle.run(server="x", port=0, colour="red")',
    'assigned text': 'bottle.server_names["x"] = "oldserver:OldServer"\nbottle.run(server="x", port=0, colour="red")',
    'target': 'bottle.run(server="oldserver:OldServer", port=0, colour="red")',
    'application': 'bottle.default_app().run(server=OldServer, port=0, colour="red")',
    'assigned over an installed one': 'bottle.server_names["wsgiref"] = OldServer\nbottle.run(port=0, colour="red")',
}


@pytest.fixture
def old(site: Site) -> Site:
    """Return a Python that has an adapter written for Bottle 0.13 on its path."""
    site.write('oldserver.py', LEGACY)
    return site


@pytest.mark.parametrize('way', WAYS)
def test_an_adapter_of_bottle_0_13(old: Site, way: str) -> None:
    program = old.write('program.py', PROGRAM.format(run=WAYS[way]))
    with serving(old.command(str(program)), old.folder, old.environment()) as server:
        server.await_url()  # the one before is the core's, who cannot know the port
        assert "{'colour': 'red'}" in server.output[-1]
        assert server.get() == (200, 'Hello')


def test_an_adapter_of_bottle_0_13_on_the_command_line(old: Site) -> None:
    old.write('program.py', PROGRAM.format(run=''))
    command = old.command('-m', 'bottle', 'program', '-s', 'oldserver:OldServer', '-b', '127.0.0.1:0')
    with serving(command, old.folder, old.environment()) as server:
        server.await_url()
        assert server.get() == (200, 'Hello')


def test_an_adapter_of_bottle_0_13_as_a_plugin(old: Site) -> None:
    hook = 'from bottle.serving import hookimpl\n@hookimpl\ndef bottle_server_adapter():\n    return OldServer\n'
    old.add(Distribution('old', {'oldplugin.py': LEGACY + hook}, {SERVERS: {'old': 'oldplugin'}}))
    assert ' ready' in next(
        line for line in old.run('-m', 'bottle', '--servers').stdout.splitlines() if line.startswith('old ')
    )


def test_start_refuses_what_cannot_be_stopped(old: Site) -> None:
    program = 'import bottle, oldserver\nbottle.start(server=oldserver.OldServer)'
    done = old.run('-c', program)
    assert "ServerOptionError: the server 'OldServer' takes no socket" in done.stderr
    assert 'use run()' in done.stderr


def test_an_assigned_name_is_listed_and_taken_back(old: Site) -> None:
    program = """\
    import bottle, oldserver
    names = bottle.server_names
    names['x'] = oldserver.OldServer
    assert 'x' in names and names['x'] is oldserver.OldServer
    from bottle.serving import listing, registry
    [info] = [each for each in listing.describe(registry.registry) if each.name == 'x']
    assert (info.state, info.distribution) == ('ready', 'this process')
    del names['x']
    assert 'x' not in names
    try:
        del names['wsgiref']
    except KeyError as error:
        print(error)
    """
    done = old.run(str(old.write('program.py', program)))
    assert 'pip uninstall' in done.stdout, done.stderr


def test_what_is_not_an_adapter_is_refused_when_it_is_used(old: Site) -> None:
    done = old.run('-c', 'import bottle\nbottle.server_names["x"] = int\nbottle.run(server="x")')
    assert done.stderr == ("bottle: what is registered as 'x': <class 'int'> is no subclass of bottle.ServerAdapter\n")


@pytest.mark.parametrize('server', ['acme', 'bottle-server-acme:acme', 'bottle_server_acme:Server'])
def test_a_plugin_serves_by_each_of_its_names(site: Site, server: str) -> None:
    site.add(server_plugin('acme'))
    site.write('program.py', "import bottle\nbottle.route('/')(lambda: 'Hello')")
    command = site.command('-m', 'bottle', 'program', '-s', server, '-b', '127.0.0.1:0')
    with serving(command, site.folder, site.environment()) as running:
        assert running.get() == (200, 'Hello')
        assert running.stop() == 0


def test_the_class_of_an_adapter_under_its_old_name(site: Site) -> None:
    site.add(server_plugin('waitress', adapter_module('waitress')))
    assert site.run('-c', 'import bottle; print(bottle.WaitressServer.__name__)').stdout == 'Server\n'
    done = site.run('-c', 'import bottle; bottle.GeventServer')
    assert 'AttributeError: GeventServer: ' in done.stderr
    assert 'pip install bottle-server-gevent' in done.stderr
