"""What every server does when it is told to stop: what has begun is finished, and then it is over."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException

import pytest

from bottle import Bottle, server_names
from bottle.serving import ServerAdapter
from bottle.serving.connections import LINGER
from bottle.serving.lifecycle import SAME_SIGNAL
from bottle.serving.sockets import listen
from tests.support.client import connect, fetch, interrupted, raw, read_all
from tests.support.losses import REFUSED, RESET, LossClient
from tests.support.processes import Server

ROUNDS = range(50 if os.environ.get('BOTTLE_NIGHTLY') == '1' else 5)
MARGIN = 1.0  # seconds that a drain may take beyond what runs


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished(own: Server, number: signal.Signals) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch, own.url, '/hold?seconds=1.5')
        assert fetch(own.url, '/entered/1').body == b'True'
        own.process.send_signal(number)
        answer = running.result(timeout=10)
    assert (answer.status, answer.body) == (200, b'held')
    assert own.process.wait(2) == 0


@pytest.mark.parametrize('_', ROUNDS)
def test_no_request_that_was_sent_is_lost(own: Server, _: int) -> None:
    started = [0.0]

    def interrupt() -> None:
        started[0] = time.monotonic()
        own.process.terminate()

    assert interrupted(own.url, '/hold?seconds=0.1', 20, interrupt) == [b'held'] * 20
    assert own.process.wait(10) == 0
    assert time.monotonic() - started[0] < 20 / 4 * 0.1 + LINGER + MARGIN  # waitress has the fewest threads: 4


@pytest.mark.parametrize('keep_alive', [True, False])
@pytest.mark.parametrize('_', ROUNDS)
def test_a_steady_client_is_only_refused_and_only_when_nobody_listens(own: Server, keep_alive: bool, _: int) -> None:
    with LossClient(own.url, keep_alive=keep_alive) as client:
        client.await_requests(30)
        told = time.monotonic()
        own.process.terminate()
        assert own.process.wait(LINGER + MARGIN) == 0
        client.await_requests(10)
    refused = [request for request in client.failed() if request.outcome == REFUSED]
    assert min(request.end for request in refused) > told
    closed = min(request.end for request in refused)
    fresh = [request.outcome for request in client.requests if request.start > closed and not request.reused]
    assert set(fresh) == {REFUSED}
    # Whoever has connected in the instant before the socket is closed is refused, too, but by a reset.
    others = [request for request in client.failed() if request.outcome != REFUSED]
    assert all(request.outcome == RESET and not request.reused and told < request.start < closed for request in others)
    assert len(others) <= 1


@pytest.mark.parametrize('keep_alive', [True, False])
def test_nothing_is_lost_while_another_takes_over_the_same_socket(server_name: str, keep_alive: bool) -> None:
    app = Bottle()
    app.route('/path/<number>', callback=lambda number: number)

    def start_next() -> tuple[ServerAdapter, threading.Thread]:
        adapter = server_names[server_name]()
        adapter.quiet = adapter.shares_sockets = True
        thread = threading.Thread(target=adapter.serve, args=(app, [listener.dup()]))
        thread.start()
        return adapter, thread

    with closing(listen('127.0.0.1', 0)) as listener:
        url = f'http://127.0.0.1:{listener.getsockname()[1]}/'
        adapter, thread = start_next()
        with LossClient(url, keep_alive=keep_alive) as client:
            for _ in ROUNDS:
                client.await_requests(20)
                old, running = adapter, thread
                adapter, thread = start_next()
                old.stop()
                running.join(LINGER + MARGIN)
                assert not running.is_alive()
            client.await_requests(20)
        adapter.stop()
        thread.join(LINGER + MARGIN)
    assert client.failed() == []


def test_a_response_that_streams_is_finished_and_so_is_a_request_that_comes_just_then(own: Server) -> None:
    with closing(connect(own.url)) as streaming, closing(raw(own.url)) as idle:
        streaming.request('GET', '/stream')
        response = streaming.getresponse()
        assert response.readline() == b'first\n'
        own.process.terminate()
        await_refusal(own.url)
        idle.sendall(b'GET /open HTTP/1.1\r\nHost: a\r\n\r\n')
        head, _, body = read_all(idle).partition(b'\r\n\r\n')
        assert body == b'open'
        assert head.startswith(b'HTTP/1.0') or b'connection: close' in head.lower().split(b'\r\n')
        assert response.read() == b'second\n'
        assert own.process.wait(LINGER + MARGIN) == 0


def test_idle_connections_get_a_second_to_send_a_request(own: Server) -> None:
    with closing(raw(own.url)), closing(connect(own.url)) as kept_alive:
        kept_alive.request('GET', '/path/a')
        assert kept_alive.getresponse().read() == b'a'
        started = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - started < LINGER + MARGIN


def test_long_idle_connections_do_not_delay_it(own: Server) -> None:
    with closing(raw(own.url)), closing(connect(own.url)) as kept_alive:
        kept_alive.request('GET', '/path/a')
        assert kept_alive.getresponse().read() == b'a'
        time.sleep(LINGER)
        started = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - started < 0.8 * LINGER


def await_refusal(url: str, seconds: float = 5) -> None:
    """Wait until the server accepts no more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            raw(url).close()
        except ConnectionError:
            return
        time.sleep(0.02)  # a refusal cannot be awaited otherwise
    pytest.fail('the server still accepts connections while it drains')


def test_nobody_is_accepted_any_more(own: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch, own.url, '/hold?seconds=1.5')
        assert fetch(own.url, '/entered/1').body == b'True'
        own.process.terminate()
        await_refusal(own.url, 1.4)
        assert not running.done()
        assert running.result(timeout=10).body == b'held'


def test_a_second_signal_ends_it_at_once(own: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch, own.url, '/hold?seconds=10')
        assert fetch(own.url, '/entered/1').body == b'True'
        own.process.terminate()
        await_refusal(own.url)
        time.sleep(2 * SAME_SIGNAL)  # one that comes at once counts as the same signal, sent twice
        started = time.monotonic()
        own.process.terminate()
        assert own.process.wait(3) == 128 + signal.SIGTERM
        assert time.monotonic() - started < 1
        with pytest.raises((OSError, HTTPException)):
            running.result(timeout=10)
