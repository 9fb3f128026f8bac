"""Starting a server in the wrong way is one line at once; where options come from; sockets; programs of their own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bottle.serving.sockets import listen, url_of
from bottle.serving.tls import adhoc_certificate
from tests.operation.sources import SOURCES, bottle
from tests.serving.conftest import HERE
from tests.support.client import TIMEOUT, fetch, read_all
from tests.support.processes import Server, attempt, clean_environment, serving

AT_ONCE = 2.0  # seconds
CERTIFICATE, KEY = adhoc_certificate()
OTHER_KEY = adhoc_certificate()[1]
WAYS = {'alone': [], 'workers': ['--workers', '2'], 'check': ['--check']}


def refusal(arguments: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    """Return the one line with which a start is refused at once."""
    began = time.monotonic()
    done = attempt(arguments, folder, env)
    assert time.monotonic() - began < AT_ONCE
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (1, '', 1), done
    assert done.stderr.startswith('bottle: ')
    return done.stderr.removeprefix('bottle: ')


FAULTS: dict[str, tuple[list[str], str]] = {  # what is typed, and what is said
    'adhoc and a file': (['--cert', 'adhoc', '--certfile', CERTIFICATE], 'cert and certfile contradict each other'),
    'key alone': (['--keyfile', KEY], 'keyfile needs certfile'),
    'no certificate': (['--certfile', 'absent.pem'], "'absent.pem' cannot be read: there is no such file"),
    'no key': (['--certfile', CERTIFICATE, '--keyfile', 'absent.pem'], "the key 'absent.pem' cannot be read"),
    'wrong key': (['--certfile', CERTIFICATE, '--keyfile', OTHER_KEY], 'does not belong to the first certificate'),
    'jitter alone': (['--max-requests-jitter', '3'], 'max_requests_jitter needs max_requests'),
    'log file alone': (['--access-log-file', 'a'], 'access_log_file needs access_log'),
    'no folder for the log': (['--access-log', 'json', '--access-log-file', 'absent/a'], "'absent/a' cannot be opened"),
    'mode without unix': (['--socket-mode', '600'], 'socket_mode needs a unix socket'),
    'port in use': (['-b', '127.0.0.1:{taken}'], r'127.0.0.1:{taken}: the port is in use by \S+ \(process {pid}\)'),
    'unix in use': (['-b', 'unix:{folder}/live'], r'the file exists already, used by \S+ \(process {pid}\); stop it'),
    'regular file': (['-b', 'unix:{folder}/regular'], 'the file exists already and is no socket'),
    'no folder': (['-b', 'unix:/no/such/a'], 'unix:/no/such/a: No such file or directory; create its folder'),
    'closed file': (['-b', 'fd://77'], 'cannot listen on fd://77: it is no open socket'),
    'same twice': (['-b', 'unix:a,unix:a'], '--bind takes different addresses; one is given twice'),
    'no module': (['absent_module:app'], "No module named 'absent_module'"),
    'broken module': (['broken:app'], r'ZeroDivisionError: division by zero \(\S+broken\.py:1\)'),
    'no name': (['probe:nothing'], "no attribute 'nothing'"),
    'backend option': (['-o', 'thraded=1'], "no option 'thraded': .* Did you mean 'threaded'"),
    'no value': (['-o', 'threaded'], '-o takes NAME=VALUE'),
    'value': (['--max-body', 'much'], "--max-body takes a number of bytes, .*; it got 'much'"),
    'no file': (['-c', 'absent.toml'], "'absent.toml' cannot be read"),
    'bad file': (['-c', 'bad.toml'], "'bad.toml' cannot be read"),
}


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Return a folder with what stands in the way, and a port on which this process listens."""
    folder = tmp_path_factory.mktemp('place')
    (folder / 'regular').write_text('precious')
    (folder / 'broken.py').write_text('1 / 0')
    (folder / 'bad.toml').write_text('[server')
    with closing(listen('127.0.0.1', 0)) as taken, closing(listen(f'unix:{folder}/live', 0)):
        yield {'folder': folder, 'taken': taken.getsockname()[1], 'pid': os.getpid()}


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_is_one_line_at_once(fault: str, way: str, place: dict[str, Any]) -> None:
    folder: Path = place['folder']
    arguments, said = FAULTS[fault]
    typed = [each.format(**place) for each in arguments]
    typed += [] if '-b' in typed else ['-b', '127.0.0.1:0']
    typed += [] if any(':app' in each or ':nothing' in each for each in typed) else ['probe:app']
    before = sorted(each.name for each in folder.iterdir())
    line = refusal(bottle(*typed, *WAYS[way]), folder, {'PYTHONPATH': str(HERE)})
    assert re.search(said.replace('{taken}', str(place['taken'])).replace('{pid}', str(place['pid'])), line), line
    assert sorted(each.name for each in folder.iterdir() if each.name != '__pycache__') == [
        each for each in before if each != '__pycache__'
    ]
    assert (folder / 'regular').read_text() == 'precious'


def test_check_finds_nothing_wrong_and_leaves_nothing(server_name: str, tmp_path: Path) -> None:
    arguments = ['--check', '-s', server_name, '-b', f'unix:{tmp_path}/a', '--workers', '2', 'probe:app']
    log = ['--access-log', 'common', '--access-log-file', f'{tmp_path}/log']
    done = attempt(bottle(*arguments, *log), tmp_path, {'PYTHONPATH': str(HERE), 'TMPDIR': str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'ready to serve on {server_name} at unix:{tmp_path}/a\n'
    assert list(tmp_path.iterdir()) == []


# Where options come from


LIMITS = {'environment': 100, 'INI': 200, 'TOML': 300, 'command line': 400, 'run()': 500}


def accepted(server: Server) -> int:
    """Return the longest body that a server takes, of those that the sources name."""
    return max(each for each in LIMITS.values() if fetch(server.url, '/echo', 'POST', b'x' * each).status == 200)


@pytest.mark.parametrize('name', ['wsgiref', 'waitress'])  # the core does it for one, the backend for the other
@pytest.mark.parametrize('highest', LIMITS)
def test_the_highest_place_wins(name: str, highest: str, tmp_path: Path) -> None:
    places = [each for each in LIMITS if LIMITS[each] <= LIMITS[highest]]
    if highest == 'run()':  # a program reads no files
        places = ['environment', 'run()']
    options = {'server': name, 'bind': '127.0.0.1:0'}
    starts = {each: SOURCES[each](tmp_path, {**options, 'max_body': LIMITS[each]}) for each in places}
    files = [word for each in ('INI', 'TOML') if each in starts for word in starts[each].command[-2:]]
    base = starts.get('run()', starts.get('command line', starts['environment'])).command
    env = {name: value for start in starts.values() for name, value in start.env.items()}
    with serving([*base, *files], tmp_path, env) as server:
        assert accepted(server) == LIMITS[highest]
        assert server.stop() == 0


@pytest.mark.parametrize('source', SOURCES)
def test_a_misspelt_option(source: str, tmp_path: Path) -> None:
    start = SOURCES[source](tmp_path, {'server': 'wsgiref', 'bind': '127.0.0.1:0', 'max_bodi': 5})
    if source == 'command line':  # that is argparse, with its own words and exit code
        done = attempt(start.command, tmp_path, start.env)
        assert done.returncode == 2
        assert 'unrecognized arguments: --max-bodi 5' in done.stderr
    else:
        line = refusal(start.command, tmp_path, start.env)
        assert re.search(r"max_bodi.*Did you mean 'max_body'|MAX_BODI.*did you mean BOTTLE_MAX_BODY", line)


def test_port_of_a_platform() -> None:
    with socket.create_server(('0.0.0.0', 0)) as taken:  # which is where the platform looks for it
        port = taken.getsockname()[1]
    with serving(bottle('probe:app'), HERE, {'PORT': str(port)}) as server:
        assert server.url == f'http://127.0.0.1:{port}/'
        assert any('(on every interface)' in line for line in server.output)
        assert server.stop() == 0
    with serving(bottle('probe:app', '-b', '127.0.0.1:0'), HERE, {'PORT': str(port)}) as server:
        assert server.url != f'http://127.0.0.1:{port}/'
        assert not any('(on every interface)' in line for line in server.output)
        assert server.stop() == 0


def test_options_of_the_backend_have_their_types() -> None:
    typed = ['-o', 'ident=007', '-o', 'max_request_header_size=200', '-o', 'expose_tracebacks=false']
    with serving(bottle('probe:app', '-s', 'waitress', '-b', '127.0.0.1:0', *typed), HERE) as server:
        answer = fetch(server.url, '/path/a')
        assert (answer.body, answer.headers['Server']) == (b'a', '007')
        assert fetch(server.url, '/path/a', X='x' * 300).status == 431
        assert server.stop() == 0
    done = attempt(bottle('--explain', '-s', 'waitress', *typed), HERE)
    assert "ident='007', max_request_header_size=200, expose_tracebacks=False" in done.stdout


CONTRADICTIONS = {
    "host='127.0.0.1', bind='127.0.0.1:0'": "'bind' and the option 'host' contradict each other",
    'server=server_names["wsgiref"](port=0), threaded=False': 'made without this threaded',
    'server=server_names["wsgiref"](port=0), port=1': 'made without this port',
    'server=server_names["waitress"](port=0), threads=3': 'made without threads',
    'server="waitress", port=0, max_body=5, max_request_body_size=7': 'mean the same: give one of them',
    'server="gevent", port=0, workers=2, threads=3': "no option 'threads'",
    'port=0, keyfile="a"': 'keyfile needs certfile',
    'port=0, worker=2': "no option 'worker'",
}


@pytest.mark.parametrize('arguments', CONTRADICTIONS)
def test_contradictions_of_a_program(arguments: str, tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(f'from bottle import run, server_names\nrun({arguments})')
    assert CONTRADICTIONS[arguments] in refusal([sys.executable, 'program.py'], tmp_path)


# Sockets


HANDING_OVER = """
import os, sys
count, command = int(sys.argv[1]), sys.argv[2:]
given = [os.dup(int(each)) for each in command[:count]]
for place, each in enumerate(given, 3):
    os.dup2(os.dup2(each, 30 + place), place)
os.closerange(3 + count, 64)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=os.environ.get('PROMISED', str(count)))
os.execv(command[count], command[count:])
"""


@contextmanager
def handed_over(sockets: list[socket.socket], *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Start a server as a service manager does: with sockets that begin with the file 3."""
    numbers = [str(each.fileno()) for each in sockets]
    process = subprocess.Popen(
        [sys.executable, '-c', HANDING_OVER, str(len(sockets)), *numbers, *bottle('probe:app', *arguments)],
        cwd=HERE,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[each.fileno() for each in sockets],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a server has printed that is told to end."""
    process.terminate()
    printed, _ = process.communicate(timeout=10)
    assert process.returncode == 0, printed
    return printed


@pytest.mark.parametrize('workers', [[], ['--workers', '2']], ids=['alone', 'workers'])
def test_two_sockets_of_a_service_manager(server_name: str, workers: list[str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(closing(listen('127.0.0.1', 0)))
        two = stack.enter_context(closing(listen(f'unix:{tmp_path}/two', 0)))
        with handed_over([one, two], '-s', server_name, *workers) as process:
            assert fetch(url_of(one), '/path/one').body == b'one'
            assert unix_body(tmp_path / 'two') == b'unix'
            printed = ended(process)
        assert re.findall(r'Listening on (\S+)', printed) == [url_of(one), f'unix:{tmp_path}/two']
        assert (tmp_path / 'two').exists()  # it is the service manager's


def unix_body(path: Path) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        connection.sendall(b'GET /path/unix HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        return read_all(connection).rpartition(b'\r\n\r\n')[2]


@pytest.mark.parametrize('bind', ['127.0.0.1:{port}', '127.0.0.1:0', 'localhost:{port}', 'fd://3'])
def test_an_address_that_is_that_of_the_socket(bind: str) -> None:
    with closing(listen('127.0.0.1', 0)) as listener:
        address = bind.format(port=listener.getsockname()[1])
        with handed_over([listener], '-b', address) as process:
            assert fetch(url_of(listener), '/path/a').body == b'a'
            assert url_of(listener) in ended(process)


@pytest.mark.parametrize('bind', ['127.0.0.2:{port}', '127.0.0.1:1', 'unix:/tmp/x', '127.0.0.1:{port},127.0.0.1:1'])
def test_an_address_that_is_another(bind: str) -> None:
    with closing(listen('127.0.0.1', 0)) as listener:
        address = bind.format(port=listener.getsockname()[1])
        with handed_over([listener], '-b', address) as process:
            printed, _ = process.communicate(timeout=10)
        assert (process.returncode, printed.count('\n')) == (1, 1), printed
        assert f'handed over that listen on {url_of(listener)}, but {address.replace(",", ", ")} is asked' in printed
        assert 'fd://3' in printed


def test_sockets_that_were_promised() -> None:
    with closing(listen('127.0.0.1', 0)) as listener, handed_over([listener], PROMISED='2') as process:
        printed, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert printed.startswith('bottle: cannot listen on fd://4: it is no open socket')
    assert printed.count('\n') == 1


def test_a_stale_unix_socket_is_replaced(server_name: str, tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with closing(socket.socket(socket.AF_UNIX)) as left_behind:
        left_behind.bind(str(path))
    typed = ['-b', f'unix:{path}', '--socket-mode', '620']
    with serving(bottle('probe:app', '-s', server_name, *typed), HERE) as server:
        assert path.stat().st_mode & 0o777 == 0o620
        assert unix_body(path) == b'unix'
        assert 'used by python' in refusal(bottle('probe:app', '-b', f'unix:{path}'), HERE)
        assert unix_body(path) == b'unix'
        assert server.stop() == 0
    assert not path.exists()


# Programs


APPLICATION = "from bottle import get\nimport beside\n@get('/')\ndef index():\n    return beside.TEXT\n"


@pytest.mark.parametrize('arguments', [[], ['--workers', '2'], ['-s', 'gevent']], ids=['alone', 'workers', 'gevent'])
def test_an_application_that_is_not_installed(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / 'myapp.py').write_text(APPLICATION)
    (tmp_path / 'beside.py').write_text("TEXT = 'from beside'")
    with serving(bottle('myapp', '-b', '127.0.0.1:0', *arguments), tmp_path) as server:
        assert fetch(server.url, '/').body == b'from beside'
        assert server.stop() == 0


SCRIPT = """
import argparse, json, sys
from bottle import get, run

parser = argparse.ArgumentParser()
parser.add_argument('--name', required=True)
parser.add_argument('words', nargs='*')
arguments = parser.parse_args()

@get('/')
def index():
    return json.dumps({'argv': sys.argv, 'name': arguments.name, 'words': arguments.words})

if __name__ == '__main__':
    run(server=%r, port=0, workers=2)
"""


def test_a_script_with_arguments_of_its_own(server_name: str, tmp_path: Path) -> None:
    (tmp_path / 'script.py').write_text(SCRIPT % server_name)
    typed = [str(tmp_path / 'script.py'), '--name', 'a b', 'ä', '--', '--check']
    with serving([sys.executable, *typed], tmp_path) as server:
        server.await_lines('is ready', 2)
        seen = {fetch(server.url, '/').body for _ in range(6)}
        assert [json.loads(each) for each in seen] == [{'argv': typed, 'name': 'a b', 'words': ['ä', '--check']}]
        assert server.stop() == 0
    done = attempt([sys.executable, 'script.py'], tmp_path)
    assert (done.returncode, 'the following arguments are required: --name' in done.stderr) == (2, True)


def test_the_console_script_is_the_module(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / 'bottle'
    with serving([str(script), 'probe:app', '-b', '127.0.0.1:0', '--workers', '2'], HERE) as server:
        assert fetch(server.url, '/path/a').body == b'a'
        assert server.stop() == 0


def test_workers_that_are_told_again_and_again_to_end(server_name: str) -> None:
    with serving(bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', '--workers', '2'), HERE) as server:
        workers = [int(match[1]) for match in server.await_lines(r'worker (\d+) is ready', 2)]
        server.process.terminate()
        deadline = time.monotonic() + 10
        while server.process.poll() is None and time.monotonic() < deadline:
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.001)
        assert server.process.poll() == 0
    assert not [line for line in server.output if 'ended with' in line]


LOGGING = """
import logging
from bottle import Bottle
logging.basicConfig(level=logging.INFO)
app = Bottle()
app.get('/', callback=lambda: 'hello')
"""


def test_an_application_that_configures_logging_gets_each_line_once(tmp_path: Path) -> None:
    (tmp_path / 'logging_app.py').write_text(LOGGING)
    command = [sys.executable, '-m', 'bottle', 'logging_app:app', '-b', '127.0.0.1:0', '--access-log', 'common']
    with serving(command, tmp_path) as server:
        fetch(server.url, '/')
        server.await_lines('GET / HTTP/1.1')
        assert server.stop() == 0
    assert len([line for line in server.output if 'GET / HTTP/1.1' in line]) == 1
