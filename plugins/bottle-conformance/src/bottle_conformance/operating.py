"""What the tests of operation share: starts that must fail, sockets handed over, crowds at the gate, steady clients."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from bottle_conformance.client import Connection, Malformed, Response
from bottle_conformance.subject import APPLICATION, START_LIMIT, adapter_command, inherited, new_identity, request

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from bottle_conformance.subject import Subject

NOT_HELD = 0.5  # seconds after which a request is taken to wait for others
SURELY = 5.0  # seconds that a busy machine may need until a request is held
PRINTED_LIMIT = 20.0  # seconds for anything that a server prints: it may start processes before
PAUSE = 0.005  # seconds between two requests on a connection

# As service managers do it: the command finds a listening socket as its file 3.
HANDING_OVER = """
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0), backlog=128)
print('Listening on http://127.0.0.1:%d/' % listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
if 'fd://3' in sys.argv:
    del os.environ['LISTEN_FDS']
os.execv(sys.executable, sys.argv[1:])
"""


class Attempt(NamedTuple):
    """What became of a command that ends by itself.

    Parameters:
        code: its exit code.
        lines: what it has printed.
        seconds: how long it took.
    """

    code: int
    lines: list[str]
    seconds: float


def attempt(name: str, *options: str, application: str = APPLICATION) -> Attempt:
    """Start a server by its adapter in a way that ends by itself, and return what became of it.

    Parameters:
        name: the name of the server.
        options: arguments of the command line.
        application: where the WSGI application is.

    Raises:
        subprocess.TimeoutExpired: it does not end.
    """
    began = time.monotonic()
    done = subprocess.run(
        adapter_command(name, options, application),
        env=inherited(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )
    return Attempt(done.returncode, done.stdout.splitlines(), time.monotonic() - began)


def handed_over(name: str, *options: str) -> list[str]:
    """Return the command that starts a server with a listening socket as its file 3, and says where that is.

    Parameters:
        name: the name of the server.
        options: arguments of the command line; without `-b fd://3` the socket is handed over as sd_listen_fds(3)
            describes.
    """
    return [sys.executable, '-c', HANDING_OVER, *adapter_command(name, options)]


def await_printed(server: Subject, pattern: re.Pattern[str], count: int = 1) -> list[str]:
    """Wait until a server has printed something so many times, and return it: the first group, or all of it.

    Parameters:
        server: the server.
        pattern: what is looked for.
        count: how many times.

    Raises:
        TimeoutError: it was not printed in time.
    """
    with server.changed:
        if not server.changed.wait_for(lambda: len(pattern.findall(server.printed())) >= count, PRINTED_LIMIT):
            raise TimeoutError(f'not printed {count} times: {pattern.pattern}\n{server.printed()}')
        found: list[str] = pattern.findall(server.printed())
        return found


def await_everybody_gone(server: Subject, timeout: float) -> bool:
    """Return whether no process of a server is left before some time is over: none that could still print.

    Parameters:
        server: the server.
        timeout: how long to wait, in seconds.
    """
    with server.changed:
        return server.changed.wait_for(lambda: server.ended, timeout)


class Crowd:
    """Requests that a server has begun, and perhaps one that waits for them: their responses are held.

    Parameters:
        server: the server.
        stack: closes the connections.
        path: the request target.

    Attributes:
        held: how many responses are held.
    """

    def __init__(self, server: Subject, stack: ExitStack, path: str) -> None:
        self.held = 0
        self._server = server
        self._stack = stack
        self._path = path
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def join(self, patience: float = NOT_HELD) -> bool:
        """Send one more request; return whether its response is held before long, or waits for others.

        Parameters:
            patience: how long to wait, in seconds.
        """
        identity = new_identity()
        connection = self._stack.enter_context(self._server.connect())
        self._connections[identity] = connection.send(request(self._path, identity=identity))
        try:
            self._server.witness.wait_until_held(identity, patience)
        except TimeoutError:
            return False
        self.held += 1
        return True

    def processes(self) -> list[int]:
        """Return the process that each held request is in."""
        held = list(self._connections)[: self.held]
        return [self._server.told(identity, 'called')['process'] for identity in held]

    def release(self) -> list[Response]:
        """Let every response go, each when it is held; return them."""
        for identity in self._connections:
            self._server.witness.release(identity)
        return [connection.response() for connection in self._connections.values()]


@contextmanager
def crowd(server: Subject, most: int, path: str = '/held', patience: float = NOT_HELD) -> Iterator[Crowd]:
    """Send requests, each on a connection of its own, until so many are held or one is not: the server is full.

    Parameters:
        server: the server.
        most: how many to send at most.
        path: the request target.
        patience: how long to wait for each, in seconds.
    """
    with ExitStack() as stack:
        found = Crowd(server, stack, path)
        while len(found) < most and found.join(patience):
            pass
        yield found


class SteadyClient:
    """Sends requests one after the other for the length of a `with` block, on several connections; never tries twice.

    Half of the connections are used again as long as the server permits it, without a look whether they still are.

    Parameters:
        server: the server.
        connections: how many there are.

    Attributes:
        asked: the requests that were answered as they should.
        lost: what became of the others.
    """

    def __init__(self, server: Subject, connections: int = 4) -> None:
        self.asked: list[str] = []
        self.lost: list[str] = []
        self._server = server
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number % 2 == 0,), daemon=True) for number in range(connections)
        ]

    def await_requests(self, count: int) -> None:
        """Wait until so many more requests have been answered.

        Parameters:
            count: how many.

        Raises:
            TimeoutError: they were not.
        """
        with self._changed:
            goal = len(self.asked) + count
            if not self._changed.wait_for(lambda: len(self.asked) >= goal, PRINTED_LIMIT):
                raise TimeoutError(f'only {len(self.asked)} of {goal} requests were answered; {self.lost[:5]}')

    def processes(self, start: int = 0) -> set[int]:
        """Return the processes that have answered.

        Parameters:
            start: how many of the first requests do not count.
        """
        asked = set(self.asked[start:])
        return {each['process'] for each in self._server.witness.everything() if each['id'] in asked}

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Finish the requests that run."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keeps: bool) -> None:
        connection: Connection | None = None
        while not self._stop.wait(PAUSE):
            try:
                connection = connection or self._server.connect()
                if not self._ask(connection, keeps):
                    continue
            except (OSError, Malformed) as error:
                self.lost.append(f'{type(error).__name__}: {error}')
            _close(connection)
            connection = None
        _close(connection)

    def _ask(self, connection: Connection, keeps: bool) -> bool:
        """Send a request; return whether the connection ends with it."""
        identity = new_identity()
        connection.send(request(f'/answer?body={identity}&length={len(identity)}', identity=identity, close=not keeps))
        response = connection.response()
        if (response.status, response.body) != (200, identity.encode()):
            raise Malformed(f'{response.status} {response.body!r}')
        with self._changed:
            self.asked.append(identity)
            self._changed.notify_all()
        is_last = 'close' in (response.get('Connection') or '').lower() or response.version == 'HTTP/1.0'
        return is_last or not keeps


def _close(connection: Connection | None) -> None:
    if connection is not None:
        connection.close()
