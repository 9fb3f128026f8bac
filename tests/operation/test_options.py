"""Every portable option on every server: what is promised of it happens, however it is said; else it is refused."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bottle import server_names
from bottle.serving import ServerAdapter
from bottle.serving.options import ServerOptions, portable_options
from bottle.serving.sockets import listen, url_of
from bottle.serving.tls import adhoc_certificate
from bottle.serving.translation import fates
from tests.operation.sources import SOURCES, bottle
from tests.serving.conftest import HERE
from tests.support.client import TIMEOUT, Answer, fetch, interrupted
from tests.support.processes import Server, attempt, clean_environment, serving
from tests.support.requirements import require_ipv6

CERTIFICATE, KEY = adhoc_certificate()
AT_ONCE = 2.0  # seconds
PROXY = '127.0.0.2'  # Linux gives the whole network 127.0.0.0/8 to the loopback interface
FORWARDED = {'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.example'}
BACKLOG = 2
OPTIONS: dict[str, dict[str, Any]] = {  # one way to give each option, with what it needs
    'backlog': {'backlog': 5},
    'socket_mode': {'socket_mode': '660', 'bind': 'unix:/no/such/folder/a'},
    'threads': {'threads': 5},
    'workers': {'workers': 2},
    'worker_timeout': {'worker_timeout': 9},
    'max_requests': {'max_requests': 9},
    'max_requests_jitter': {'max_requests_jitter': 9, 'max_requests': 9},
    'graceful_timeout': {'graceful_timeout': 9},
    'certfile': {'certfile': CERTIFICATE},
    'keyfile': {'keyfile': KEY, 'certfile': CERTIFICATE},
    'cert': {'cert': 'adhoc'},
    'reload': {'reload': True},
}
LEGACY = """
from bottle import ServerAdapter
class Legacy(ServerAdapter):
    def run(self, handler):
        raise SystemExit('it was started')
"""


def fate(server_name: str, option: str) -> str:
    """Return what is said to become of an option on a server: native, core or refused."""
    options = ServerOptions(**OPTIONS[option])
    return {each.option: each.kind for each in fates(server_names[server_name], options)}[option]


def connection(url: str, source: str = '127.0.0.1') -> HTTPConnection:
    """Return a connection to a server from an address of this machine, which trusts nothing but the certificate."""
    parts = urlsplit(url)
    if parts.scheme == 'http':
        return HTTPConnection(parts.hostname or '', parts.port, timeout=TIMEOUT, source_address=(source, 0))
    context = ssl.create_default_context(cafile=CERTIFICATE)
    return HTTPSConnection(
        parts.hostname or '', parts.port, timeout=TIMEOUT, source_address=(source, 0), context=context
    )


def ask(url: str, path: str, body: bytes | None = None, source: str = '127.0.0.1', **headers: str) -> Answer:
    """Send one request on a connection of its own."""
    with closing(connection(url, source)) as opened:
        opened.request('POST' if body is not None else 'GET', path, body=body, headers=headers)
        response = opened.getresponse()
        return Answer(response.status, response.headers, response.read())


def told(url: str, source: str) -> list[str]:
    """Return what the application is told of a request that a proxy is said to have forwarded."""
    keys = ('REMOTE_ADDR', 'wsgi.url_scheme', 'HTTP_HOST')
    return [ask(url, f'/environ/{key}', None, source, **FORWARDED).body.decode() for key in keys]


def queued(url: str) -> int:
    """Return how many connections wait to be accepted by a server that is stopped for a moment."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        count = 0
        for _ in range(BACKLOG + 3):
            client = stack.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect((parts.hostname, parts.port))
            except TimeoutError:
                break
            count += 1
        return count


def bundle(server_name: str, folder: Path) -> dict[str, Any]:
    """Return all options at once that a server has, but for those of processes."""
    options = {
        'server': server_name,
        'bind': ['127.0.0.1:0', f'unix:{folder}/app.sock'],
        'socket_mode': '600',
        'backlog': BACKLOG,
        'graceful_timeout': 0.4,
        'max_body': '1K',
        'health': '/healthz',
        'trusted_proxies': [f'{PROXY}/32'],
        'access_log': 'json',
        'access_log_file': f'{folder}/access.log',
    }
    if fate(server_name, 'threads') != 'refused':
        options['threads'] = 3
    if fate(server_name, 'keyfile') != 'refused':
        options |= {'certfile': CERTIFICATE, 'keyfile': KEY}
    return {**options, 'backend': {}}


@pytest.mark.parametrize('source', SOURCES)
def test_every_option_from_every_source(server_name: str, source: str, tmp_path: Path) -> None:
    options = bundle(server_name, tmp_path)
    start = SOURCES[source](tmp_path, options)
    with serving(start.command, tmp_path, start.env) as server:
        url = server.url
        assert url.startswith('https://127.0.0.1:' if 'keyfile' in options else 'http://127.0.0.1:')
        assert (tmp_path / 'app.sock').stat().st_mode & 0o777 == 0o600
        scheme = 'https' if 'keyfile' in options else 'http'
        assert told(url, PROXY) == ['192.0.2.7', 'https', 'shop.example']
        assert told(url, '127.0.0.1') == ['127.0.0.1', scheme, url.split('/')[2]]
        assert ask(url, '/healthz').body == b'ready\n'
        assert ask(url, '/echo', b'x' * 1024).status == 200
        assert ask(url, '/echo', b'x' * 1025).status == 413
        if 'threads' in options:
            with ThreadPoolExecutor(6) as pool:
                assert {each.body for each in pool.map(lambda _: ask(url, '/crowd'), range(6))} == {b'left'}
            assert ask(url, '/most').body == b'3'
        check_end(server)
    check_log(tmp_path, server, [200] if refuses_by_itself(server_name) else [200, 413])
    assert not (tmp_path / 'app.sock').exists()


def check_end(server: Server) -> None:
    """Let a request outlive the grace period."""
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(ask, server.url, '/hold?seconds=20')
        assert ask(server.url, '/entered/1').body == b'True'
        began = time.monotonic()
        assert server.stop() == 1
        assert time.monotonic() - began < 1.5
        assert cut.exception(timeout=10) is not None


def refuses_by_itself(server_name: str) -> bool:
    """Return whether the backend answers what is too long, so that neither application nor access log see it."""
    return 'max_body' in server_names[server_name].native_names


def check_log(folder: Path, server: Server, statuses: list[int]) -> None:
    """Find one line for each request in the file, with the client's address, and nothing printed but the banner."""
    lines = [json.loads(line) for line in (folder / 'access.log').read_text().splitlines()]
    told_lines = [line for line in lines if line['path'].startswith('/environ/')]
    # In any order: a line is written when a response has ended, and by then the client may have got another.
    assert Counter(line['remote_addr'] for line in told_lines) == {'192.0.2.7': 3, '127.0.0.1': 3}
    assert sorted(line['status'] for line in lines if line['path'] == '/echo') == statuses
    assert sum(line['path'] == '/hold' for line in lines) <= 1  # it was cut
    assert [line for line in server.output if re.search('/environ|/echo|Traceback', line)] == []


def test_so_many_connections_wait(server_name: str) -> None:
    command = bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', '--backlog', str(BACKLOG))
    with serving(command, HERE) as server:
        assert fetch(server.url, '/path/a').body == b'a'  # the backend has done what it does with the socket
        server.process.send_signal(signal.SIGSTOP)
        waiting = queued(server.url)
        server.process.send_signal(signal.SIGCONT)
        assert waiting == BACKLOG + 1  # listen(2): Linux holds one more
        assert server.stop() == 0


@pytest.mark.parametrize('source', SOURCES)
def test_workers_from_every_source(source: str, tmp_path: Path) -> None:
    options = {'server': 'waitress', 'bind': '127.0.0.1:0', 'workers': 2, 'max_requests': 3, 'worker_timeout': 30}
    start = SOURCES[source](tmp_path, {**options, 'backend': {'ident': 'witness'}})
    with serving(start.command, tmp_path, start.env) as server:
        server.await_lines('is ready', 2)
        for _ in range(6):
            assert ask(server.url, '/path/a').headers['Server'] == 'witness'
        server.await_lines('is ready', 3)  # one has had its three requests
        assert re.search(r'^Bottle \S+ on waitress \S+, 2 workers$', server.output[0])
        assert server.stop() == 0


@pytest.mark.parametrize('source', SOURCES)
def test_an_option_of_the_backend_that_it_does_not_have(server_name: str, source: str, tmp_path: Path) -> None:
    start = SOURCES[source](tmp_path, {'server': server_name, 'bind': '127.0.0.1:0', 'backend': {'no_such_one': 1}})
    assert f"the server '{server_name}' has no option 'no_such_one'" in refusal(start.command, tmp_path, start.env)


def refusal(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> str:
    """Return the one line with which a start is refused at once."""
    began = time.monotonic()
    done = attempt(command, folder, env)
    assert time.monotonic() - began < AT_ONCE
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (1, '', 1), done
    return done.stderr


def refused() -> Iterator[tuple[str, str]]:
    """Yield each server, one of Bottle 0.13 among them, with each option that it does not have."""
    classes: dict[str, type[ServerAdapter]] = {name: server_names[name] for name in server_names if name != 'auto'}
    for name, adapter in [*classes.items(), ('legacy:Legacy', type('Legacy', (ServerAdapter,), {}))]:
        for option, given in OPTIONS.items():
            kinds = {each.option: each.kind for each in fates(adapter, ServerOptions(**given))}
            if kinds[option] == 'refused':
                yield name, option


@pytest.mark.parametrize(('name', 'option'), list(refused()))
def test_what_a_server_does_not_have_is_refused(name: str, option: str, tmp_path: Path) -> None:
    (tmp_path / 'legacy.py').write_text(LEGACY)
    given = {'server': name, 'bind': '127.0.0.1:0', **OPTIONS[option]}
    start = SOURCES['command line'](tmp_path, {**given, 'bind': given['bind']})
    line = refusal(start.command, tmp_path, {'PYTHONPATH': f'{HERE}{os.pathsep}{tmp_path}'})
    named = 'Legacy' if name == 'legacy:Legacy' else name
    mentioned = re.search(rf"^bottle: the server '{named}' (?:has no option '(\w+)'|cannot listen on \S+): ", line)
    assert mentioned, line
    assert mentioned[1] in {*OPTIONS[option], None}
    able = re.search(r'; (.+) (?:have it|has it|can)$', line)
    assert able, line
    assert all(fate(each, mentioned[1] or option) != 'refused' for each in able[1].split(', ')), line


def test_refused_are_those_that_are_known() -> None:
    found = set(refused())
    assert {('cgi', 'workers'), ('gevent', 'threads'), ('waitress', 'cert'), ('legacy:Legacy', 'workers')} <= found


def test_check_accepts_all_that_a_server_has(server_name: str, tmp_path: Path) -> None:
    options = {**bundle(server_name, tmp_path), 'workers': 2, 'max_requests': 9, 'max_requests_jitter': 3}
    options |= {'worker_timeout': 9, 'quiet': True, 'reload': True, 'reload_interval': 2, 'reload_include': ['*.a']}
    options |= {'reload_exclude': ['b']}
    start = SOURCES['command line'](tmp_path, options)
    done = attempt([*start.command, '--check'], tmp_path, start.env)
    assert (done.returncode, done.stderr, done.stdout.count('\n')) == (0, '', 1)
    assert list(tmp_path.iterdir()) == []
    missing = portable_options().keys() - options.keys()
    assert missing <= {'cert', 'threads', 'certfile', 'keyfile'}


FORMATS = {
    'common': r'127\.0\.0\.1 - - \[[^]]+\] "GET /path/a\?b=c HTTP/1\.[01]" 200 1',
    'combined': r'127\.0\.0\.1 - - \[[^]]+\] "GET /path/a\?b=c HTTP/1\.[01]" 200 1 "http://from\.example/" "tester"',
    'json': r'\{"time": ".+", "remote_addr": "127\.0\.0\.1", "method": "GET", "path": "/path/a", "query": "b=c", .+\}',
}


@pytest.mark.parametrize('format', [*FORMATS, 'none'])
def test_each_request_is_one_line_on_standard_output(server_name: str, format: str, tmp_path: Path) -> None:
    command = bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', '--access-log', format)
    log = tmp_path / 'standard-output'
    with serving(['sh', '-c', 'log=$1; shift; exec "$@" >"$log"', 'sh', str(log), *command], HERE) as server:
        for _ in range(2):
            assert fetch(server.url, '/path/a?b=c', Referer='http://from.example/', **{'User-Agent': 'tester'}).body
        assert server.stop() == 0
    lines = log.read_text().splitlines()
    assert len(lines) == (2 if format in FORMATS else 0)
    assert [line for line in lines if not re.fullmatch(FORMATS[format], line)] == []
    assert [line for line in server.output if '/path/a' in line] == []  # the backend's own log is silent


@pytest.mark.parametrize('workers', [[], ['--workers', '2']], ids=['alone', 'workers'])
def test_quiet_prints_nothing_at_all(server_name: str, workers: list[str]) -> None:
    with closing(listen('127.0.0.1', 0)) as listener:
        url, number = url_of(listener), listener.fileno()
        process = subprocess.Popen(
            bottle('probe:app', '-s', server_name, '-b', f'fd://{number}', '--quiet', *workers),
            cwd=HERE,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[number],
        )
        try:
            assert fetch(url, '/path/a').body == b'a'
            assert fetch(url, '/no-such-page').status == 404
            process.terminate()
            printed, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert set(printed.splitlines()) <= {b'Task queue depth is 1'}  # a warning of waitress, not of a request


def test_a_certificate_made_for_this_run(server_name: str, tmp_path: Path) -> None:
    if fate(server_name, 'cert') == 'refused':
        return  # tested above
    command = bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', '--cert', 'adhoc', '--workers', '2')
    with serving(command, HERE, {'TMPDIR': str(tmp_path)}) as server:
        [file] = tmp_path.glob('*/certificate.pem')
        context = ssl.create_default_context(cafile=str(file))
        parts = urlsplit(server.url)
        for host in (parts.hostname or '', 'localhost'):
            with closing(HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)) as opened:
                opened.request('GET', '/environ/wsgi.url_scheme')
                assert opened.getresponse().read() == b'https'
        assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_three_addresses_at_once(server_name: str, tmp_path: Path) -> None:
    require_ipv6()
    path = tmp_path / 'app.sock'
    tls = [] if fate(server_name, 'keyfile') == 'refused' else ['--certfile', CERTIFICATE, '--keyfile', KEY]
    binds = ['-b', '127.0.0.1:0', '-b', '[::1]:0', '-b', f'unix:{path}']
    with serving(bottle('probe:app', '-s', server_name, *binds, *tls), HERE) as server:
        four, six, unix = (match[1] for match in server.await_lines(r'Listening on (\S+)', 3))
        scheme = 'https' if tls else 'http'
        assert re.fullmatch(rf'{scheme}://127\.0\.0\.1:[1-9]\d*/', four)
        assert re.fullmatch(rf'{scheme}://\[::1\]:[1-9]\d*/', six)
        assert unix == f'unix:{path}'
        assert ask(four, '/environ/REMOTE_ADDR').body == b'127.0.0.1'
        assert ask(six, '/environ/REMOTE_ADDR', source='::1').body == b'::1'
        assert unix_answer(path, bool(tls)).endswith(b'\r\n\r\nunix')
        assert server.stop() == 0
    assert not path.exists()


def unix_answer(path: Path, tls: bool) -> bytes:
    """Return the whole answer to a request over a unix socket."""
    context = ssl.create_default_context(cafile=CERTIFICATE)
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(TIMEOUT)
        plain.connect(str(path))
        with context.wrap_socket(plain, server_hostname='localhost') if tls else plain as client:
            client.sendall(b'GET /path/unix HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
            pieces = []
            while piece := client.recv(65536):
                pieces.append(piece)
    return b''.join(pieces)


def test_running_requests_are_finished_within_the_grace_period(server_name: str) -> None:
    command = bottle('probe:app', '-s', server_name, '-b', '127.0.0.1:0', '--graceful-timeout', '10')
    with serving(command, HERE) as server:
        assert interrupted(server.url, '/hold?seconds=0.5', 2, server.process.terminate) == [b'held'] * 2
        assert server.process.wait(10) == 0
