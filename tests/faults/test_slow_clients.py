"""Two hundred clients that send a byte a second: where the model of the server allows it, nobody waits for them."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from socket import socket

import pytest

from tests.faults.conftest import APPLICATION
from tests.support.client import fetch, raw
from tests.support.processes import Server
from tests.support.programs import running

CLIENTS = 200
SECONDS = 30.0 if os.environ.get('BOTTLE_NIGHTLY') == '1' else 4.0
PAUSE = 0.01  # seconds between two requests of the others
RECOVERY = 2.0  # seconds
# Servers whose threads such clients hold: they belong behind a proxy that reads requests whole before it asks.
BEHIND_A_PROXY = {
    'paste': 'ten threads, each held by one client: nobody else is answered',
    'wsgiref': 'a thread for each client: others are answered, in up to twice the time with 200 of them',
}


@pytest.fixture
def server(server_name: str, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, APPLICATION, server_name) as started:
        yield started


@contextmanager
def slow_clients(url: str) -> Iterator[None]:
    """Hold connections on each of which the headers of a request come byte by byte."""
    leaving = threading.Event()
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(raw(url))) for _ in range(CLIENTS)]
        for connection in connections:
            connection.sendall(b'GET /slow HTTP/1.1\r\nHost: a\r\nX-Slow: ')
        sender = threading.Thread(target=send_slowly, args=(connections, leaving))
        sender.start()
        try:
            yield
        finally:
            leaving.set()
            sender.join()


def send_slowly(connections: list[socket], leaving: threading.Event) -> None:
    """Send a byte a second on each."""
    while not leaving.wait(1):
        for connection in connections:
            connection.send(b'x')


def p99(url: str, seconds: float) -> float:
    """Return how many seconds all but one in a hundred requests take at most, sent one after the other for a while."""
    durations = []
    deadline = time.monotonic() + seconds
    while (begin := time.monotonic()) < deadline:
        assert fetch(url, '/').body == b'here'
        durations.append(time.monotonic() - begin)
        time.sleep(PAUSE)
    return sorted(durations)[int(len(durations) * 0.99)]


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_they_delay_nobody(server: Server, server_name: str) -> None:
    if server_name in BEHIND_A_PROXY:
        with slow_clients(server.url):
            time.sleep(SECONDS)
    else:
        before = p99(server.url, SECONDS / 4)
        with slow_clients(server.url):
            among = p99(server.url, SECONDS)
        alone = max(before, p99(server.url, SECONDS / 4))  # the machine may have other work at one of the times
        assert among <= 2 * alone
    left = time.monotonic()
    assert fetch(server.url, '/').body == b'here'
    assert time.monotonic() - left <= RECOVERY
