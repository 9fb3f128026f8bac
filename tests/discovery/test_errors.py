"""A start-up that fails says why and what to do: one line, at once; a traceback is for --debug alone."""

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.distributions import Distribution, Site, adapter_module, server_plugin
from tests.support.processes import attempt

PROGRAM = """\
from bottle import route, run
@route('/')
def index():
    return 'Hello'
run({arguments})
"""
AT_ONCE = 2.0  # seconds of processor time and waiting, the start of Python included
HOOK = 'from bottle.serving import hookimpl\n@hookimpl\ndef bottle_server_adapter(): '
PLUGINS = [
    server_plugin('raises', '1 / 0'),
    server_plugin('exits', 'raise SystemExit(3)'),
    server_plugin('wrong', HOOK + 'return 42'),
    server_plugin('absent', backend='engine', requires=['engine>=2']),
    server_plugin('halfway', backend='halfengine'),
    Distribution('halfengine', {'halfengine.py': 'import libengine'}, version='3.1'),
    server_plugin('crashing', backend='crashengine'),
    Distribution('crashengine', {'crashengine.py': 'raise RuntimeError("wrong processor")'}, version='3.2'),
    server_plugin('fine'),
    server_plugin('twice'),
    server_plugin('twice', distribution='acme-server'),
    server_plugin(
        'refusing',
        adapter_module('refusing').replace(
            '@hookimpl',
            'def check(self):\n    from bottle.errors import ServerOptionError\n    raise ServerOptionError'
            '("engine refuses threads=0")\nServer.check_options = check\n@hookimpl',
        ),
    ),
]


@dataclass(frozen=True)
class Case:
    """A start that fails: what is asked for in a program, the same on the command line, and what must be said."""

    name: str
    server: str
    said: Sequence[str]
    address: str = '127.0.0.1:0'
    env: dict[str, str] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """The five-line script."""
        host, _, port = self.address.rpartition(':')
        return PROGRAM.format(arguments=f'server={self.server!r}, host={host.strip("[]")!r}, port={port or 0}')


CASES = [
    Case('near name', 'finne', ["no server 'finne'", "Did you mean 'fine'?", 'Installed: absent, auto,']),
    Case('near name not installed', 'gevnet', ["no server 'gevnet'", "Did you mean 'gevent'"]),
    Case('no name like it', 'zzz', ["no server 'zzz'", 'Installed: ']),
    Case('not installed', 'gevent', ["'gevent' is not installed", 'python -m pip install bottle-server-gevent']),
    Case('raises', 'raises', ['bottle-server-raises 1.0', 'ZeroDivisionError: division by zero']),
    Case('exits', 'exits', ['bottle-server-exits 1.0', 'SystemExit: 3']),
    Case('no adapter', 'wrong', ['bottle-server-wrong 1.0', '42 is no subclass of bottle.ServerAdapter']),
    Case('backend absent', 'absent', ['engine, which is not installed', 'python -m pip install "engine>=2"']),
    Case(
        'backend half there', 'halfway', ['halfengine 3.1', "No module named 'libengine'", 'pip install "halfengine"']
    ),
    Case('backend crashes', 'crashing', ['crashengine 3.2', 'RuntimeError: wrong processor']),
    Case('claimed twice', 'twice', ['acme-server 1.0 and bottle-server-twice 1.0', 'bottle-server-twice:twice']),
    Case('no such owner', 'other:twice', ["'other:twice'"]),
    Case('blocked', 'fine', ["'fine' is blocked", 'BOTTLE_DISABLED_SERVERS'], env={'BOTTLE_DISABLED_SERVERS': 'fine'}),
    Case('blocked, by its owner', 'bottle-server-fine:fine', ['blocked'], env={'BOTTLE_DISABLED_SERVERS': 'fine'}),
    Case('option value', 'refusing', ['engine refuses threads=0']),
    Case('no host', 'wsgiref', ["'no.such.invalid' does not resolve", '127.0.0.1'], address='no.such.invalid:0'),
    Case('not ours', 'wsgiref', ['192.0.2.1:0', 'no interface of this machine'], address='192.0.2.1:0'),
    Case('not ours, IPv6', 'wsgiref', ['cannot listen on [2001:db8::1]:0'], address='[2001:db8::1]:0'),
    Case(
        'no such folder',
        'wsgiref',
        ['cannot listen on unix:/no/such/socket', 'No such file'],
        address='unix:/no/such/socket:',
    ),
]


def assert_one_line(
    site: Site, arguments: Sequence[str], said: Sequence[str], env: dict[str, str] | None = None
) -> None:
    """Run Python; it must fail at once, with one line that says all of this."""
    started = time.monotonic()
    done = site.run(*arguments, env=env)
    taken = time.monotonic() - started
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ''
    assert done.stderr.startswith('bottle: ')
    assert done.stderr.count('\n') == 1, done.stderr
    assert [text for text in said if text not in done.stderr] == [], done.stderr
    assert taken < AT_ONCE


@pytest.fixture
def crowd(site: Site) -> Site:
    """Return a Python with everything that can be wrong with a plugin."""
    site.add(*PLUGINS)
    site.write('app.py', PROGRAM.partition('run(')[0].replace('route, run', 'route'))
    return site


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_from_a_program(crowd: Site, case: Case) -> None:
    program = crowd.write('program.py', case.program)
    assert_one_line(crowd, [str(program)], case.said, case.env)


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_from_the_command_line(crowd: Site, case: Case) -> None:
    address = case.address.rstrip(':') if case.address.startswith('unix:') else case.address
    assert_one_line(crowd, ['-m', 'bottle', 'app', '-s', case.server, '-b', address], case.said, case.env)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Return a port that somebody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use(crowd: Site, taken_port: int) -> None:
    said = [f'127.0.0.1:{taken_port}', 'the port is in use', 'another port']
    program = crowd.write('program.py', PROGRAM.format(arguments=f'port={taken_port}'))
    assert_one_line(crowd, [str(program)], said)
    assert_one_line(crowd, ['-m', 'bottle', 'app', '-b', f'127.0.0.1:{taken_port}'], said)
    assert_one_line(crowd, ['-m', 'bottle', 'app', '-s', 'fine', '-b', f':{taken_port}'], ['the port is in use'])


@pytest.mark.parametrize('debug', [False, True])
def test_a_traceback_is_for_debugging(crowd: Site, debug: bool) -> None:
    program = crowd.write('program.py', PROGRAM.format(arguments=f"server='raises', debug={debug}"))
    for command in ([str(program)], ['-m', 'bottle', 'app', '-s', 'raises', *(['--debug'] if debug else [])]):
        done = crowd.run(*command)
        assert done.returncode == 1
        assert ('Traceback' in done.stderr) == debug
        assert ('ZeroDivisionError: division by zero\n' in done.stderr.splitlines(keepends=True)) == debug
        assert 'distribution bottle-server-raises 1.0 is broken' in done.stderr


APPLICATIONS = {  # by what is named: the module's source and what must be said
    'missing': (None, ["No module named 'broken'", 'check the spelling']),
    'missing inside': ('import nowhere', ["No module named 'nowhere'", 'broken.py:1']),
    'raises': ('x = 1\nx / 0', ['ZeroDivisionError: division by zero', 'broken.py:2']),
    'raises deep inside': ('import helper\nhelper.fail()', ['KeyError: ', 'helper.py:2']),
    'syntax': ('x = (1\ny', ['SyntaxError', 'broken.py:1']),
    'exits': ('import sys\nsys.exit("not today")', ['SystemExit: not today', 'broken.py:2']),
    'exits with 0': ('raise SystemExit', ['SystemExit', 'broken.py:1']),
}


@pytest.mark.parametrize('case', APPLICATIONS)
def test_an_application_that_fails_to_import(crowd: Site, case: str) -> None:
    source, said = APPLICATIONS[case]
    crowd.write('helper.py', 'def fail():\n    raise KeyError("x")')
    if source is not None:
        crowd.write('broken.py', source)
    program = crowd.write('program.py', "import bottle\nbottle.run('broken:app', port=0)")
    assert_one_line(crowd, [str(program)], ["the application 'broken:app'", *said])
    for target in ('broken:app', 'broken'):
        command = ['-m', 'bottle', target, '-b', '127.0.0.1:0']
        assert_one_line(crowd, command, [f'the application {target!r} cannot be imported', *said])


@pytest.mark.parametrize(
    ('target', 'said'),
    [
        ('app:ap', ["'app:ap'", "has no attribute 'ap'"]),
        ('app:app.x', ["'app:app.x'", "has no attribute 'x'"]),
        ('app:app(', ["'app:app('", 'SyntaxError']),
        ('app.sub:app', ["'app.sub:app'", "'app' is not a package"]),
        (':app', ["':app'", 'ValueError']),
    ],
)
def test_an_application_that_is_not_there(crowd: Site, target: str, said: list[str]) -> None:
    source = (crowd.folder / 'app.py').read_text()
    crowd.write('app.py', source + 'import bottle\napp = bottle.default_app()\n')
    assert_one_line(crowd, ['-m', 'bottle', target, '-b', '127.0.0.1:0'], said)


def test_an_application_of_another_kind(crowd: Site) -> None:
    for arguments, said in (
        ('42', '42 is not callable'),
        ('lambda e, s: [], config={"a": 1}', 'need a Bottle application'),
    ):
        program = crowd.write('program.py', f'import bottle\nbottle.run({arguments}, port=0)')
        assert_one_line(crowd, [str(program)], [said])


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        ("server='fine', color='red'", ["'fine' has no option 'color'", "Did you mean 'colour'?"]),
        ("server='wsgiref', thread=3", ["'wsgiref' has no option 'thread'", "Did you mean 'threaded'?"]),
        ("server='fine', port='eighty'", ["'eighty' has no usable port", '65535']),
        ("server='fine', port=70000", ['70000 has no usable port']),
        ('server=42', ['42 is no server', '--servers']),
        ('server=object', ['is no server', '--servers']),
    ],
)
def test_options(crowd: Site, arguments: str, said: list[str]) -> None:
    program = crowd.write('program.py', PROGRAM.format(arguments=arguments))
    assert_one_line(crowd, [str(program)], said)


def test_options_of_a_real_backend(tmp_path: Path) -> None:
    for arguments, said in (('thread=3', "Did you mean 'threads'?"), ("connection_limit='many'", 'waitress refuses')):
        program = tmp_path / 'program.py'
        program.write_text(PROGRAM.format(arguments=f"server='waitress', port=0, {arguments}"))
        done = attempt([sys.executable, str(program)], tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith('bottle: ')
        assert said in done.stderr
        assert done.stderr.count('\n') == 1, done.stderr


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['app', '-c', 'absent.ini'], ["'absent.ini' cannot be read", 'No such file']),
        (['app', '-c', 'bad.ini'], ["'bad.ini' cannot be read", 'no section headers']),
        (['app', '-c', 'bad.json'], ["'bad.json' cannot be read"]),
        (['app', '-c', 'list.json'], ["'list.json' cannot be read"]),
        (['app', '-c', 'binary.ini'], ["'binary.ini' cannot be read"]),
        (['app', '-b', 'localhost:http'], ["'localhost:http' has no usable port"]),
        (['app', '-p', 'nowhere:plugin'], ["'nowhere:plugin'", "No module named 'nowhere'"]),
        (['app', '-p', 'app:nothing'], ["'app:nothing'", "has no attribute 'nothing'"]),
    ],
)
def test_what_else_the_command_line_takes(crowd: Site, arguments: list[str], said: list[str]) -> None:
    crowd.write('bad.ini', 'no section = 1\n')
    crowd.write('bad.json', '{"a": ')
    crowd.write('list.json', '[1, 2]')
    (crowd.folder / 'binary.ini').write_bytes(b'[a]\nb = \xff\n')
    assert_one_line(crowd, ['-m', 'bottle', '-b', '127.0.0.1:0', *arguments], said)


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        ([], 'no application specified: give MODULE:NAME'),
        (['--json'], '--json goes with --servers'),
        (['app', '--no-such-option'], '--no-such-option'),
    ],
)
def test_wrong_usage(site: Site, arguments: list[str], said: str) -> None:
    done = site.run('-m', 'bottle', *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert 'usage: ' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('kind', 'arguments'),
    [
        ('ImportError', "server='absent'"),
        ('ImportError', "server='raises'"),
        ('ImportError', "app='nowhere:app'"),
        ('ValueError', "server='zzz'"),
        ('KeyError', "server='zzz'"),
        ('TypeError', "server='fine', color='red'"),
        ('OSError', "server='fine', host='192.0.2.1'"),
        ('bottle.BottleException', "server='twice'"),
    ],
)
def test_a_program_may_catch_the_error(crowd: Site, kind: str, arguments: str) -> None:
    attempt = f'import bottle\ntry:\n    bottle.run({arguments}, port=0)\n'
    program = f'{attempt}except {kind} as error:\n    print("caught", error)\n1 / 0'
    done = crowd.run(str(crowd.write('program.py', program)))
    assert done.stdout.startswith('caught ')
    assert done.stderr.endswith('ZeroDivisionError: division by zero\n')  # what is not ours is reported as ever


def test_a_port_in_use_is_an_os_error(crowd: Site, taken_port: int) -> None:
    program = (
        f'import bottle\ntry:\n    bottle.run(port={taken_port})\nexcept OSError as error:\n    print("caught", error)'
    )
    assert crowd.run('-c', program).stdout.startswith('caught cannot listen')
