"""The client that counts losses sees exactly those that there are: against servers that lose on purpose."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.losses import CLOSED, CUT, OK, REFUSED, RESET, STATUS, WRONG, LossClient, Request

ANSWER = b'HTTP/1.1 %d Whatever\r\nX-Worker-Pid: 42\r\nContent-Length: %d\r\n%s\r\n%s'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n'
UNTIL_CLOSED = b'HTTP/1.0 200 OK\r\n\r\n%s'
NUMBER = re.compile(rb'GET /path/(\d+) HTTP/1.1\r\n')

Fault = Callable[[int], str]  # from the number of a request to what goes wrong with it


class Resetting(Exception):
    """Ends a connection with an RST."""


class LossyServer:
    """Answers each request with its number, but for those that it was told to lose."""

    def __init__(self, listener: socket.socket, fault: Fault, reset_every: int = 0) -> None:
        self.url = _url(listener)
        self.connections = 0
        self._listener = listener
        self._fault = fault
        self._reset_every = reset_every
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed: that is the end
                return
            self.connections += 1
            if self._reset_every and self.connections % self._reset_every == 0:
                _reset(connection)
            else:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with closing(connection):
            while head := connection.recv(4096):
                found = NUMBER.match(head)
                assert found, head
                if not self._answer(connection, int(found[1])):
                    return

    def _answer(self, connection: socket.socket, number: int) -> bool:
        """Answer one request; return whether the connection goes on."""
        fault = self._fault(number)
        body = str(number).encode()
        if fault == 'stop listening':
            _stop_listening(self._listener)
        if fault in (RESET, CLOSED):
            (_reset if fault == RESET else socket.socket.close)(connection)
            return False
        answer = {
            STATUS: ANSWER % (503, len(body), b'', body),
            WRONG: ANSWER % (200, len(body) + 1, b'', body + b'0'),
            CUT: ANSWER % (200, len(body) + 1, b'', body),
            'cut head': b'HTTP/1.1 200 OK\r\nContent-',
            'chunked': CHUNKED % (len(body), body),
            'cut chunks': (CHUNKED % (len(body), body))[:-6],
            'until closed': UNTIL_CLOSED % body,
            'last': ANSWER % (200, len(body), b'Connection: close\r\n', body),
        }.get(fault, ANSWER % (200, len(body), b'', body))
        connection.sendall(answer)
        return fault in ('', STATUS, WRONG, 'chunked', 'stop listening')


def _url(listener: socket.socket) -> str:
    name = listener.getsockname()
    return f'unix:{name}' if isinstance(name, str) else f'http://{name[0]}:{name[1]}/'


def _reset(connection: socket.socket) -> None:
    """Abort a connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def _stop_listening(listener: socket.socket) -> None:
    """Close a socket on which a thread accepts: closing alone would not wake it."""
    with suppress(OSError):  # it is closed already
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@contextmanager
def lossy(fault: Fault = lambda _: '', reset_every: int = 0, path: str = '') -> Iterator[LossyServer]:
    """Serve on a free port, or on a unix socket."""
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listener.bind(path or ('127.0.0.1', 0))
    listener.listen(100)
    try:
        yield LossyServer(listener, fault, reset_every)
    finally:
        _stop_listening(listener)


def observe(server: LossyServer, count: int, connections: int = 1, *, keep_alive: bool = True) -> LossClient:
    """Return a client after so many requests."""
    with LossClient(server.url, 400, connections, keep_alive=keep_alive) as client:
        client.await_requests(count)
    assert [request.number % connections for request in client.requests[:connections]] == list(range(connections))
    return client


def told(requests: list[Request]) -> dict[int, tuple[str, bool]]:
    """Return the outcome of each request and whether it may be sent again."""
    return {request.number: (request.outcome, request.retryable) for request in requests}


@pytest.mark.parametrize('keep_alive', [True, False])
def test_nothing_is_lost_where_nothing_is_lost(keep_alive: bool) -> None:
    with lossy() as server:
        client = observe(server, 100, 4, keep_alive=keep_alive)
        summary = client.summary()
        assert (summary.lost, summary.retryable, summary.outcomes) == (0, 0, {OK: summary.total})
        assert 0 < summary.p50 <= summary.p99 <= summary.slowest < 1
        assert {request.pid for request in client.requests} == {42}
        assert server.connections == (4 if keep_alive else summary.total)


@pytest.mark.parametrize('fault', [RESET, CLOSED, CUT, 'cut head', 'cut chunks', STATUS, WRONG])
def test_each_loss_is_seen_and_no_other(fault: str) -> None:
    outcome = CUT if fault.startswith('cut') else fault
    with lossy(lambda number: fault if number % 10 == 7 else '') as server:
        client = observe(server, 100)
    expected = {request.number for request in client.requests if request.number % 10 == 7}
    assert told(client.failed()) == dict.fromkeys(expected, (outcome, fault in (RESET, CLOSED)))
    summary = client.summary()
    assert summary.lost + summary.retryable == len(expected) >= 9
    assert summary.outcomes == {OK: summary.total - len(expected), outcome: len(expected)}


@pytest.mark.parametrize('fault', [RESET, CLOSED])
def test_a_failure_on_a_fresh_connection_is_no_race(fault: str) -> None:
    with lossy(lambda number: fault if number % 10 in (7, 8) else '') as server:
        failed = observe(server, 50).failed()
    assert told(failed) == {each.number: (fault, each.number % 10 == 7) for each in failed}
    assert len(failed) >= 9


def test_a_server_that_resets_every_tenth_connection() -> None:
    with lossy(reset_every=10) as server:
        client = observe(server, 100, 4, keep_alive=False)
        summary = client.summary()
        assert server.connections == summary.total
        assert summary.outcomes == {OK: summary.total - summary.lost, RESET: server.connections // 10}


@pytest.mark.parametrize('last', ['last', 'until closed'])
def test_a_server_that_announces_the_end_of_the_connection_loses_nothing(last: str) -> None:
    with lossy(lambda number: last if number % 10 == 7 else 'chunked') as server:
        client = observe(server, 100)
        assert client.failed() == []
        ends = sum(request.number % 10 == 7 for request in client.requests[:-1])
        assert server.connections == 1 + ends


def test_a_server_that_listens_no_more() -> None:
    with lossy(lambda number: {50: 'stop listening', 60: 'last'}.get(number, '')) as server:
        client = observe(server, 80)
    assert told(client.failed()) == {each.number: (REFUSED, False) for each in client.requests if each.number > 60}


def test_a_unix_socket(tmp_path: Path) -> None:
    with lossy(lambda number: CUT if number == 7 else '', path=f'{tmp_path}/socket') as server:
        assert told(observe(server, 20).failed()) == {7: (CUT, False)}
    assert observe(server, 5).summary().outcomes.keys() == {REFUSED}


def test_it_is_cheap_and_steady() -> None:
    with lossy() as server:
        started = time.monotonic()
        with LossClient(server.url) as client:
            client.await_requests(400)
        seconds = time.monotonic() - started
    assert client.cpu < 0.25 * seconds
    assert seconds > 400 / 200 - 0.1
