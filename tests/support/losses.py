"""A client that counts losses: steady requests, each with a number of its own and an outcome that is written down.

Load generators hide errors in totals. This one says of every request when it began, when it ended, and how.
"""

import math
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT = 10.0  # seconds for one step of a request
OK = 'ok'
REFUSED = 'refused'  # nobody listens
RESET = 'reset'  # the connection was aborted
CLOSED = 'closed'  # the connection ended before the first byte of the answer
CUT = 'cut'  # it ended in the midst of the answer
STATUS = 'status'  # not 200
WRONG = 'wrong body'  # that of another request, or none that belongs to this one
TIMED_OUT = 'timeout'


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what became of it; times are those of the monotonic clock."""

    number: int
    start: float
    end: float
    outcome: str
    reused: bool = False  # whether it was not the first one on its connection
    answered: bool = False  # whether a byte of the answer arrived
    pid: int | None = None  # of the worker, if the answer names one

    @property
    def retryable(self) -> bool:
        """Whether it failed on a connection that may have been closed meanwhile (RFC 9110, section 9.2.2)."""
        return self.outcome in (RESET, CLOSED) and self.reused and not self.answered

    @property
    def lost(self) -> bool:
        """Whether it failed and a client could not know that it was not carried out."""
        return self.outcome != OK and not self.retryable


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of all requests; latencies are those of the answered ones, in seconds."""

    total: int
    lost: int
    retryable: int
    outcomes: dict[str, int]
    p50: float
    p99: float
    slowest: float


class Failure(Exception):
    """A request that failed, with its outcome as its text."""


class Connection:
    """One connection at a time; connected when it is needed."""

    def __init__(self, url: str) -> None:
        self._address, self._host = _address(url)
        self._socket: socket.socket | None = None
        self._buffer = b''
        self.reused = self.answered = False
        self.headers: dict[bytes, bytes] = {}

    def ask(self, path: str, keep_alive: bool) -> bytes:
        """Send a GET request and return the body of the answer; a failure is a `Failure`."""
        self.reused, self.answered = self._socket is not None, False
        try:
            connection = self._connected()
            end = '' if keep_alive else 'Connection: close\r\n'
            connection.sendall(f'GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{end}\r\n'.encode())
            body, ended = self._answer(connection)
        except BaseException as error:
            self.close()
            raise Failure(_outcome(error)) from error
        if ended or not keep_alive:
            self.close()
        return body

    def close(self) -> None:
        """Close what is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b''

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET)
            self._socket.settimeout(TIMEOUT)
            self._socket.connect(self._address)
            if not isinstance(self._address, str):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _answer(self, connection: socket.socket) -> tuple[bytes, bool]:
        """Return the body, and whether the connection ends with it (RFC 9112, sections 6.3 and 9.6)."""
        head = self._until(connection, b'\r\n\r\n')
        status, *lines = head.split(b'\r\n')
        fields = (line.partition(b':') for line in lines if line)
        self.headers = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
        keeps = self.headers.get(b'connection', b'keep-alive' if status.startswith(b'HTTP/1.1') else b'close')
        if status.split(b' ')[1] != b'200':
            raise Failure(STATUS)
        if self.headers.get(b'transfer-encoding') == b'chunked':
            return self._chunked(connection), keeps == b'close'
        if b'content-length' in self.headers:
            return self._take(connection, int(self.headers[b'content-length'])), keeps == b'close'
        while self._receive(connection):
            pass
        return self._buffer, True

    def _chunked(self, connection: socket.socket) -> bytes:
        body = b''
        while size := int(self._until(connection, b'\r\n'), 16):
            body += self._take(connection, size + 2)[:-2]
        self._until(connection, b'\r\n')
        return body

    def _until(self, connection: socket.socket, end: bytes) -> bytes:
        while end not in self._buffer:
            if not self._receive(connection):
                raise Failure(CUT if self.answered else CLOSED)
        head, _, self._buffer = self._buffer.partition(end)
        return head

    def _take(self, connection: socket.socket, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._receive(connection):
                raise Failure(CUT)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _receive(self, connection: socket.socket) -> int:
        piece = connection.recv(65536)
        self.answered = self.answered or bool(piece)
        self._buffer += piece
        return len(piece)


def _address(url: str) -> tuple[str | tuple[str, int], str]:
    """Return where to connect to and the name of the host; the URL is `http://HOST:PORT/` or `unix:/path`."""
    if url.startswith('unix:'):
        return url.removeprefix('unix:'), 'localhost'
    parts = urlsplit(url)
    assert parts.hostname, url
    assert parts.port, url
    return (parts.hostname, parts.port), parts.netloc


def _outcome(error: BaseException) -> str:
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return REFUSED
    if isinstance(error, ConnectionError):
        return RESET
    if isinstance(error, TimeoutError):
        return TIMED_OUT
    if isinstance(error, ValueError | IndexError):  # what was read is no HTTP
        return WRONG
    raise error


class LossClient:
    """Sends requests at a steady rate for as long as a `with` block lasts. Nothing is tried twice.

    A connection that is kept alive is used again without a look whether it still is: the strictest of all clients.

    Parameters:
        url: `http://HOST:PORT/` or `unix:/path`.
        rate: requests per second, of all connections together.
        connections: how many there are, each with a thread of its own and at most one request at a time.
        keep_alive: whether a connection is used again until the server says `Connection: close`.
        path: what is requested, with `{number}` in it; the answer must have the number as its body.
        pid_header: the field of the answer that holds the number of the worker's process.
    """

    def __init__(
        self,
        url: str,
        rate: float = 200.0,
        connections: int = 8,
        *,
        keep_alive: bool = True,
        path: str = '/path/{number}',
        pid_header: str = 'X-Worker-Pid',
    ) -> None:
        self.requests: list[Request] = []
        self.cpu = 0.0  # seconds, once the block has ended
        self._url = url
        self._interval = connections / rate
        self._connections = connections
        self._keep_alive = keep_alive
        self._path = path
        self._pid_header = pid_header.lower().encode()
        self._stop = threading.Event()
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(each,), daemon=True) for each in range(connections)]
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)
        self.requests.sort(key=lambda request: request.number)
        if error is None and self._faults:
            raise self._faults[0]

    def await_requests(self, count: int, timeout: float = 30.0) -> None:
        """Wait until so many more requests have ended."""
        with self._changed:
            goal = len(self.requests) + count
            assert self._changed.wait_for(lambda: len(self.requests) >= goal or self._faults, timeout), self.summary()

    def failed(self) -> list[Request]:
        """Return the requests that were not answered as they should."""
        return [request for request in self.requests if request.outcome != OK]

    def summary(self) -> Summary:
        """Return what became of all requests so far."""
        requests = list(self.requests)
        latencies = sorted(request.end - request.start for request in requests if request.outcome == OK)
        return Summary(
            total=len(requests),
            lost=sum(request.lost for request in requests),
            retryable=sum(request.retryable for request in requests),
            outcomes=dict(Counter(request.outcome for request in requests)),
            p50=_percentile(latencies, 50),
            p99=_percentile(latencies, 99),
            slowest=_percentile(latencies, 100),
        )

    def _run(self, index: int) -> None:
        connection = Connection(self._url)
        try:
            due = time.monotonic() + index * self._interval / self._connections
            number = index
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self._add(self._ask(connection, number))
                number += self._connections
                due = max(due + self._interval, time.monotonic())  # after a stall the rate stays what it is
        except BaseException as error:  # noqa: BLE001  # raised again in the thread of the test
            self._faults.append(error)
        finally:
            connection.close()
            with self._changed:
                self.cpu += time.thread_time()
                self._changed.notify_all()

    def _ask(self, connection: Connection, number: int) -> Request:
        start = time.monotonic()
        pid = None
        try:
            body = connection.ask(self._path.format(number=number), self._keep_alive)
            outcome = OK if body == str(number).encode() else WRONG
            pid = int(connection.headers.get(self._pid_header, 0)) or None
        except Failure as failure:
            outcome = str(failure)
        return Request(number, start, time.monotonic(), outcome, connection.reused, connection.answered, pid)

    def _add(self, request: Request) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()


def _percentile(values: list[float], percent: int) -> float:
    """Return the value below which so many of the sorted values lie."""
    return values[math.ceil(len(values) * percent / 100) - 1] if values else math.nan
