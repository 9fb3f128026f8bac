"""What every server does when it is told to stop: what has begun is finished, and then it is over."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException

import pytest

from tests.support.client import connect, fetch, interrupted, raw
from tests.support.processes import Server


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished(own: Server, number: signal.Signals) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch, own.url, '/hold?seconds=1.5')
        assert fetch(own.url, '/entered/1').body == b'True'
        own.process.send_signal(number)
        answer = running.result(timeout=10)
    assert (answer.status, answer.body) == (200, b'held')
    assert own.process.wait(2) == 0


def test_no_request_that_was_sent_is_lost(own: Server) -> None:
    assert interrupted(own.url, '/hold?seconds=0.2', 20, own.process.terminate) == [b'held'] * 20
    assert own.process.wait(10) == 0


def test_idle_connections_do_not_delay_it(own: Server) -> None:
    with closing(raw(own.url)), closing(connect(own.url)) as kept_alive:
        kept_alive.request('GET', '/path/a')
        assert kept_alive.getresponse().read() == b'a'
        started = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - started < 1.5


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
        started = time.monotonic()
        own.process.terminate()
        assert own.process.wait(3) == 128 + signal.SIGTERM
        assert time.monotonic() - started < 1
        with pytest.raises((OSError, HTTPException)):
            running.result(timeout=10)
