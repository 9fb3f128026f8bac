"""What is particular to gevent."""

import json
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle_server_gevent import GeventServer
from tests.support.client import fetch, raw
from tests.support.measuring import certificate
from tests.support.processes import serving
from tests.support.programs import ABOUT, about, refusal, running

CLIENTS = 50
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


def test_a_drain_ends_idle_connections_that_are_encrypted(tmp_path: Path) -> None:
    certfile, keyfile = certificate(tmp_path)
    context = ssl.create_default_context(cafile=certfile)
    with running(tmp_path, ABOUT, 'gevent', certfile=certfile, keyfile=keyfile) as server:
        assert server.url.startswith('https://')
        plain = raw(server.url)
        with closing(context.wrap_socket(plain, server_hostname='localhost')) as connection:
            connection.sendall(b'GET /about/ HTTP/1.1\r\nHost: a\r\n\r\n')
            assert b' 200 ' in connection.recv(1024)
            assert server.stop() == 0
