"""Extensions wrap the application and watch servers, commands come from plugins, and processes are prepared in time."""

import json
import re
from pathlib import Path

import pytest

from tests.support.distributions import COMMANDS, EXTENSIONS, Distribution, Site, adapter_module, server_plugin
from tests.support.processes import serving

APP = """\
import bottle

@bottle.route('/')
def index():
    return bottle.request.environ.get('wrapped', 'bare')

app = bottle.default_app()
"""
EXTENSION = """\
from pathlib import Path
from bottle.serving import hookimpl

LOG = Path(__file__).with_name('log')


def log(*words):
    with LOG.open('a') as file:
        print(*words, file=file)


@hookimpl
def bottle_wrap_application(app, options):
    log('wrap', {name!r}, options.server, options.backend)

    def wrapped(environ, start_response):
        environ['wrapped'] = environ.get('wrapped', '') + {name!r}
        return app(environ, start_response)

    return wrapped


@hookimpl
def bottle_server_started(server):
    log('started', {name!r}, server.url)


@hookimpl
def bottle_server_stopped(server):
    log('stopped', {name!r}, server.url)
"""
RUN = "import bottle, app\nbottle.run(port=0, server='acme')"


def extension(name: str, source: str) -> Distribution:
    """Return a distribution with one extension."""
    return Distribution(f'bottle-{name}', {f'extension_{name}.py': source}, {EXTENSIONS: {name: f'extension_{name}'}})


@pytest.fixture
def acme(site: Site) -> Site:
    """Return a Python with a server and an application."""
    site.add(server_plugin('acme'))
    site.write('app.py', APP)
    site.write('program.py', RUN)
    return site


@pytest.mark.parametrize('arguments', [['program.py'], ['-m', 'bottle', 'app', '-s', 'acme', '-b', '127.0.0.1:0']])
def test_extensions_wrap_and_watch(acme: Site, arguments: list[str]) -> None:
    acme.add(*(extension(name, EXTENSION.format(name=name)) for name in ('b', 'a')))
    acme.add(extension('none', 'from bottle.serving import hookimpl\n@hookimpl\ndef bottle_wrap_application(): pass'))
    with serving(acme.command(*arguments), acme.folder, acme.environment()) as server:
        assert server.get() == (200, 'ba')  # in the order of their names: the last one is the outermost
        assert server.stop() == 0
    lines = (acme.folder / 'log').read_text().splitlines()
    assert lines[:2] == ['wrap a acme {}', 'wrap b acme {}']
    assert sorted(lines[2:4]) == [f'started {name} {server.url}' for name in 'ab']
    assert sorted(lines[4:]) == [f'stopped {name} {server.url}' for name in 'ab']
    assert re.fullmatch(r'http://127\.0\.0\.1:[1-9]\d*/', server.url)


def test_start_tells_extensions_too(acme: Site) -> None:
    acme.add(extension('a', EXTENSION.format(name='a')))
    program = """\
    import bottle, app, urllib.request
    with bottle.start(server='acme', port=0) as server:
        print(urllib.request.urlopen(server.url, timeout=10).read().decode(), server.url)
    """
    done = acme.run(str(acme.write('program.py', program)))
    text, url = done.stdout.split()
    assert text == 'a'
    assert (acme.folder / 'log').read_text().splitlines()[1:] == [f'started a {url}', f'stopped a {url}']


@pytest.mark.parametrize(
    ('source', 'cause'),
    [
        ('1 / 0', 'ZeroDivisionError: division by zero'),
        ('from bottle.serving import hookimpl\n@hookimpl\ndef bottle_wrap(app): pass', "unknown hook 'bottle_wrap'"),
        (
            'from bottle.serving import hookimpl\n@hookimpl\ndef wrap_application(app): pass',
            "unknown hook 'wrap_application'",
        ),
        (
            'from bottle.serving import hookimpl\n@hookimpl\ndef bottle_wrap_application(application): pass',
            "hook 'bottle_wrap_application'",
        ),
        (
            'from bottle.serving import hookimpl\n@hookimpl\ndef bottle_wrap_application(app): raise KeyError("key")',
            "KeyError: 'key'",
        ),
    ],
)
def test_a_broken_extension_is_never_passed_over(acme: Site, source: str, cause: str) -> None:
    acme.add(extension('guard', source))
    for arguments in (['program.py'], ['-m', 'bottle', 'app', '-s', 'acme', '-b', '127.0.0.1:0']):
        done = acme.run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith('bottle: '), done.stderr
        assert done.stderr.count('\n') == 1
        assert "'guard' of the distribution bottle-guard 1.0 is broken" in done.stderr
        assert cause in done.stderr


PREPARED = """

@hookimpl
def bottle_prepare_process(options):
    import sys
    print('prepared', options.server, options.host, 'app' in sys.modules, file=sys.stderr)
"""


def test_the_process_is_prepared_before_the_application_is_imported(acme: Site) -> None:
    acme.add(server_plugin('ready', adapter_module('ready') + PREPARED))
    command = acme.command('-m', 'bottle', 'app', '-s', 'ready', '-b', '127.0.0.1:0')
    with serving(command, acme.folder, acme.environment()) as server:
        assert server.output[0] == 'prepared ready 127.0.0.1 False\n'


def test_run_prepares_nothing(acme: Site) -> None:
    acme.add(server_plugin('ready', adapter_module('ready') + PREPARED))
    acme.write('program.py', RUN.replace('acme', 'ready'))
    with serving(acme.command('program.py'), acme.folder, acme.environment()) as server:
        assert server.get() == (200, 'bare')
        assert server.stop() == 0
    assert 'prepared' not in ''.join(server.output)


def test_only_the_chosen_server_is_prepared(acme: Site) -> None:
    acme.add(server_plugin('ready', adapter_module('ready') + PREPARED))
    command = acme.command('-m', 'bottle', 'app', '-s', 'acme', '-b', '127.0.0.1:0')
    with serving(command, acme.folder, acme.environment()) as server:
        assert server.get() == (200, 'bare')
    assert 'prepared' not in ''.join(server.output)


COMMAND = """\
from bottle.serving import hookimpl

def echo(arguments):
    print('echo', *arguments)
    return len(arguments)

@hookimpl
def bottle_register_command(registry):
    registry.add('echo', echo, 'print words')
    registry.add('quiet', lambda arguments: None)
"""


def command(name: str, source: str, distribution: str = '') -> Distribution:
    """Return a distribution with one command."""
    distribution = distribution or f'bottle-{name}'
    module = f'{distribution.replace("-", "_")}_command'
    return Distribution(distribution, {f'{module}.py': source}, {COMMANDS: {name: module}})


def test_a_command_gets_its_arguments_and_gives_its_exit_code(site: Site) -> None:
    site.add(command('echo', COMMAND), command('quiet', COMMAND), command('other', '1 / 0'))
    done = site.run('-m', 'bottle', 'echo', 'one', '--servers', '-x')
    assert (done.returncode, done.stdout, done.stderr) == (3, 'echo one --servers -x\n', '')
    assert site.run('-m', 'bottle', 'quiet').returncode == 0


@pytest.mark.parametrize(
    ('made', 'said'),
    [
        ([command('deploy', '1 / 0')], ['bottle-deploy 1.0', 'ZeroDivisionError']),
        ([command('deploy', COMMAND)], ['bottle-deploy 1.0', "adds no command 'deploy'"]),
        ([command('deploy', '')], ['bottle-deploy 1.0', "adds no command 'deploy'"]),
        (
            [command('deploy', COMMAND.replace("'echo', echo", '1 / 0'))],
            ['bottle-deploy 1.0', 'ZeroDivisionError'],
        ),
        ([command('deploy', COMMAND), command('deploy', COMMAND, 'acme')], ['acme 1.0 and bottle-deploy 1.0']),
    ],
    ids=['raises', 'another', 'none', 'hook raises', 'twice'],
)
def test_a_broken_command(site: Site, made: list[Distribution], said: list[str]) -> None:
    site.add(*made)
    done = site.run('-m', 'bottle', 'deploy')
    assert done.returncode == 1
    assert done.stderr.startswith('bottle: '), done.stderr
    assert done.stderr.count('\n') == 1
    assert [text for text in said if text not in done.stderr] == [], done.stderr


def test_commands_and_extensions_are_no_servers(site: Site) -> None:
    site.add(command('echo', COMMAND), extension('a', '1 / 0'))
    done = site.run('-m', 'bottle', '--servers', '--json')
    assert {each['name'] for each in json.loads(done.stdout)} == {'auto', 'wsgiref'}


def test_the_console_script(core: Path, site: Site) -> None:
    site.add(command('echo', COMMAND))
    done = site.run(str(core / 'bin' / 'bottle'), 'echo', 'x')
    assert (done.returncode, done.stdout) == (1, 'echo x\n'), done.stderr
