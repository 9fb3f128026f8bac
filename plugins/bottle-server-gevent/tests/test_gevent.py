"""What is particular to gevent."""

import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from gevent import get_hub
from gevent.pool import Pool

from bottle import Bottle, start
from bottle.serving.connections import LINGER
from bottle.serving.sockets import listen
from bottle_server_gevent import GeventServer
from tests.support.certificates import certificate
from tests.support.client import connect, fetch, raw, read_all, until
from tests.support.processes import serving
from tests.support.programs import ABOUT, about, refusal, running

CLIENTS = 50
MARGIN = 1.0  # seconds that a drain may take beyond what runs
TOGETHER = """\
import gevent
from gevent import monkey
from gevent.event import Event
from bottle import request, response, route, run

everybody = Event()
inside = peak = 0

@route('/isolated/<number:int>')
def isolated(number):
    '''Look at the request and the response before and after others have had their turn.'''
    global inside
    inside += 1
    response.set_header('X-Number', str(number))
    if inside == 50:
        everybody.set()
    met = everybody.wait(10)
    seen = set()
    for _ in range(10):
        gevent.sleep(0.001)
        seen |= {request.query.number, request.path.rpartition('/')[2], response.get_header('X-Number')}
    return {'met': met, 'seen': sorted(seen), 'patched': monkey.is_module_patched('socket')}

@route('/streamed/<number:int>')
def streamed(number):
    for _ in range(10):
        gevent.sleep(0.001)
        yield request.query.number + ' '

@route('/peak')
def watch():
    global inside, peak
    inside += 1
    peak = max(peak, inside)
    gevent.sleep(0.02)
    inside -= 1
    return str(peak)
"""
BLOCKING = """\
import threading
from gevent import monkey
from bottle import default_app, route

patched = monkey.is_module_patched('socket')
barrier = threading.Barrier(10)
app = default_app()

@route('/')
def index():
    '''Block until ten requests are here: without patching the first one would block the rest.'''
    barrier.wait(10)
    return str(patched)
"""


def test_the_native_call() -> None:
    adapter = GeventServer('127.0.0.1', 8080, spawn=100)
    assert adapter.explain() == 'gevent.pywsgi.WSGIServer(handler, sockets, spawn=100)'


def in_parallel(url: str, path: str, number: int = CLIENTS) -> list[bytes]:
    """Return the bodies of the answers to requests that run at the same time."""
    with ThreadPoolExecutor(number) as pool:
        answers = pool.map(lambda each: fetch(url, path.format(each)), range(number))
        return [answer.body for answer in answers]


def test_greenlets_without_patching_never_mix(tmp_path: Path) -> None:
    with running(tmp_path, TOGETHER, 'gevent') as server:
        for number, body in enumerate(in_parallel(server.url, '/isolated/{0}?number={0}')):
            assert json.loads(body) == {'met': True, 'seen': [str(number)], 'patched': False}
        for number, body in enumerate(in_parallel(server.url, '/streamed/{0}?number={0}')):
            assert body == f'{number} '.encode() * 10


def test_the_command_line_patches_before_the_import_of_the_application(tmp_path: Path) -> None:
    (tmp_path / 'blocking.py').write_text(BLOCKING)
    command = [sys.executable, '-m', 'bottle', '-s', 'gevent', '-b', '127.0.0.1:0', 'blocking:app']
    with serving(command, tmp_path) as server:
        assert in_parallel(server.url, '/', 10) == [b'True'] * 10
        assert server.stop() == 0


def test_options_reach_gevent_unchanged(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'gevent', environ={'acme.key': 'value'}, log=None) as server:
        assert about(server)['environ']['acme.key'] == 'value'
        assert 'GET' not in ''.join(server.output)
    with running(tmp_path, TOGETHER, 'gevent', spawn=2) as server:
        assert max(map(int, in_parallel(server.url, '/peak', 10))) == 2
        assert server.stop() == 0


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'listener': 'x'}, "has no option 'listener'"),
        ({'application': None}, "has no option 'application'"),
        ({'handler_class': None}, "has no option 'handler_class'"),
        ({'spwan': 3}, "Did you mean 'spawn'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'gevent', **options)


def test_servers_in_threads_of_one_process() -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'here')
    with start(app, 'gevent', port=0) as first, start(app, 'gevent', port=0) as second:
        assert fetch(first.url, '/').body == b'here'
        first.stop()
        assert fetch(second.url, '/').body == b'here'
        with pytest.raises(ConnectionRefusedError):
            raw(first.url)


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS contexts of a server and of its client."""
    certfile, keyfile = certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certfile, keyfile)
    return server, ssl.create_default_context(cafile=certfile)


def test_a_drain_ends_idle_connections_that_are_encrypted(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'here')
    with start(app, 'gevent', port=0, ssl_context=contexts[0]) as server:
        assert server.url.startswith('https://')
        silent, plain = raw(server.url), raw(server.url)  # the first one begins not even with TLS
        with closing(silent), closing(contexts[1].wrap_socket(plain, server_hostname='localhost')) as connection:

            def ask() -> bytes:
                connection.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
                return until(connection, b'here')

            assert b'Connection: close' not in ask() + ask()
            server.adapter.stop()
            while b'Connection: close' not in ask():  # the drain begins a moment later
                pass
            server.stop(LINGER + MARGIN)


def test_who_does_not_speak_tls_is_left_and_others_are_served(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with start(Bottle(), 'gevent', port=0, ssl_context=contexts[0]) as server, closing(raw(server.url)) as plain:
        plain.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        with suppress(ConnectionError):
            assert b'HTTP' not in read_all(plain)
        connection = contexts[1].wrap_socket(raw(server.url), server_hostname='localhost')
        with closing(connection):
            connection.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            assert b' 404 ' in connection.recv(1024)


def test_a_pool_that_is_full_of_idle_connections_does_not_stop_the_drain(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'gevent', spawn=1) as server, closing(raw(server.url)) as idle:
        idle.sendall(b'GET /about/ HTTP/1.1\r\nHost: a\r\n\r\n')
        assert b' 200 ' in idle.recv(1024)
        with closing(raw(server.url)) as queued:
            queued.sendall(b'GET /about/ HTTP/1.1\r\nHost: a\r\n\r\n')
            server.process.terminate()
            assert b' 200 ' in queued.recv(1024)
            assert server.process.wait(LINGER + MARGIN) == 0


@pytest.mark.parametrize('logs', [True, False])
def test_requests_are_logged_unless_the_core_does(logs: bool, capfd: pytest.CaptureFixture[str]) -> None:
    adapter = GeventServer('127.0.0.1', 0)
    adapter.logs_requests = logs
    with start(Bottle(), adapter, quiet=False) as server:
        assert fetch(server.url, '/logged').status == 404
    assert ('GET /logged' in capfd.readouterr().err) is logs


class Turns(Pool):  # type: ignore[misc]  # the type of the base class is not known
    """Remembers in which turn of the loop each connection was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def spawn(self, *args: Any, **options: Any) -> Any:
        self.numbers.append(get_hub().loop.iteration)
        return super().spawn(*args, **options)


@pytest.mark.parametrize('shares', [True, False])
def test_where_sockets_are_shared_one_connection_is_taken_at_a_time(shares: bool) -> None:
    adapter = GeventServer('127.0.0.1', 0, spawn=Turns())
    adapter.shares_sockets = shares
    with ExitStack() as stack:
        listener = stack.enter_context(closing(listen('127.0.0.1', 0)))
        url = f'http://127.0.0.1:{listener.getsockname()[1]}/'
        clients = [stack.enter_context(closing(connect(url))) for _ in range(3)]
        for client in clients:
            client.request('GET', '/')
        thread = threading.Thread(target=adapter.serve, args=(Bottle(), [listener]))
        thread.start()
        assert [client.getresponse().status for client in clients] == [404] * 3
        adapter.stop()
        thread.join(LINGER + MARGIN)
        assert not thread.is_alive()
    assert len(set(adapter.options['spawn'].numbers)) == (3 if shares else 1)


def switching(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Answer in another protocol: each line in capitals."""
    start_response('101 Switching Protocols', [('Connection', 'Upgrade'), ('Upgrade', 'websocket')])(b'')
    return (line.upper() for line in environ['wsgi.input'])


def beginning(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Answer with the beginning of the body, in a response whose length is not known beforehand."""
    start_response('200 OK', [])
    return iter([environ['wsgi.input'].read1(5)])


def test_an_application_may_switch_to_another_protocol() -> None:
    with start(switching, 'gevent', port=0) as server, closing(raw(server.url)) as connection:
        connection.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        head = until(connection, b'\r\n\r\n')
        assert head.startswith(b'HTTP/1.1 101 ')
        assert b'Content-Length' not in head
        for line in (b'one\n', b'two\n'):
            connection.sendall(line)
            assert until(connection, b'\n') == line.upper()
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b''


def test_the_beginning_of_a_body_need_not_wait_for_the_rest() -> None:
    with start(beginning, 'gevent', port=0) as server, closing(raw(server.url)) as connection:
        connection.sendall(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
        assert until(connection, b'0\r\n\r\n').endswith(b'5\r\nhello\r\n0\r\n\r\n')
        connection.sendall(b'world' + b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nbye')
        assert until(connection, b'0\r\n\r\n').endswith(b'3\r\nbye\r\n0\r\n\r\n')


@pytest.mark.parametrize(
    'head',
    [
        b'POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello',
        b'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
    ],
)
def test_a_connection_is_closed_when_it_cannot_be_used_again(head: bytes) -> None:
    def ignoring(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        return beginning(environ, start_response) if environ['REQUEST_METHOD'] == 'POST' else whole(start_response)

    def whole(start_response: Any) -> Iterator[bytes]:
        start_response('200 OK', [('Content-Length', '5')])
        return iter([b'hello'])

    with start(ignoring, 'gevent', port=0) as server, closing(raw(server.url)) as connection:
        connection.sendall(head)
        answer = read_all(connection)
    assert answer.startswith(b'HTTP/1.1 200 OK\r\n')
    assert answer.count(b'Connection: ') == answer.count(b'Connection: close') == 1
    assert answer.endswith(b'\r\n\r\nhello')


def test_portable_options_have_names_that_gevent_knows() -> None:
    assert set(GeventServer.native_names.values()) <= set(GeventServer().native_options())
