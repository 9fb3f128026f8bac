"""The server under test: a process of its own on a real socket, started by its adapter or by hand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bottle_conformance.client import Connection, Response
from bottle_conformance.witness import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bottle_conformance.witness import Event, Witness

APPLICATION = 'bottle_conformance.application:application'
LISTENING = re.compile(r'Listening on (\S+)')
START_LIMIT = 30.0  # seconds until a server listens
STOP_LIMIT = 10.0  # seconds until a killed process is gone
DROPPED = ('PORT', 'PYTHONPATH', 'VIRTUAL_ENV')  # variables that would make one server another
KEPT = ('BOTTLE_PYTHON27',)  # says where something is, and changes nothing about it


@dataclass
class Subject:
    """A running server.

    Parameters:
        name: the name of the server.
        witness: hears what the application has received.
        process: the process that was started.
        output: the lines that it has printed so far.
        urls: where it says that it listens.
        patience: how long to wait for whatever it should do at once, in seconds.
    """

    name: str
    witness: Witness
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    patience: float = PATIENCE
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    @property
    def url(self) -> str:
        """Where it listens; the first place, if there are several."""
        return self.urls[0]

    def connect(self, **options: Any) -> Connection:
        """Return a connection to it; close it.

        Parameters:
            options: those of `Connection`.
        """
        return Connection(self.url, **{'timeout': self.patience, **options})

    def ask(
        self,
        path: str = '/',
        *headers: str,
        method: str = 'GET',
        body: bytes = b'',
        version: str = 'HTTP/1.1',
        identity: str = '',
    ) -> Response:
        """Send a request on a connection of its own and return the response.

        Parameters:
            path: the request target.
            headers: lines of the head, besides Host, Connection and X-Id.
            method: the method.
            body: what follows the head.
            version: the version on the request line.
            identity: the value of X-Id.
        """
        with self.connect() as connection:
            connection.send(request(path, *headers, method=method, body=body, version=version, identity=identity))
            return connection.response(method)

    def called(self, path: str = '/', *headers: str, **options: Any) -> dict[str, list[str]]:
        """Send a request and return the environ that the application got, as names of types and texts.

        Parameters:
            path: the request target.
            headers: as in `ask`.
            options: as in `ask`.
        """
        identity = new_identity()
        self.ask(path, *headers, identity=identity, **options)
        environ: dict[str, list[str]] = self.told(identity, 'called')['environ']
        return environ

    def told(self, identity: str, event: str) -> Event:
        """Return what the application tells of a request, once it does.

        Parameters:
            identity: the value of the request's X-Id.
            event: what kind of event.
        """
        return self.witness.wait(identity, event, timeout=self.patience)[0]

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process.

        Parameters:
            number: the signal.
        """
        self.process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait for the end of the process and return its exit code.

        Parameters:
            timeout: how long to wait, in seconds.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return self.process.wait(timeout)

    def printed(self) -> str:
        """Return all that it has printed."""
        with self.changed:
            return ''.join(self.output)

    def _collect(self) -> None:
        """Read what the process prints, so that it never blocks."""
        for line in self.process.stdout or ():
            with self.changed:
                self.output.append(line)
                self.urls += LISTENING.findall(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _await_listening(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.urls or self.ended, START_LIMIT)
            if not self.urls:
                raise TimeoutError(f'{self.name} does not listen:\n{"".join(self.output)}')


def new_identity() -> str:
    """Return a new value for X-Id, by which the witness knows a request."""
    return uuid.uuid4().hex


def request(
    path: str = '/',
    *headers: str,
    method: str = 'GET',
    body: bytes = b'',
    version: str = 'HTTP/1.1',
    identity: str = '',
    close: bool = True,
) -> bytes:
    """Return the bytes of a request (RFC 9112, section 3).

    Parameters:
        path: the request target.
        headers: lines of the head, besides Host, Connection and X-Id; one that begins with `Host:` takes its place.
        method: the method.
        body: what follows the head; its framing is the caller's affair.
        version: the version on the request line.
        identity: the value of X-Id; none when empty.
        close: whether the connection is to be closed after the response.
    """
    lines = [f'{method} {path} {version}']
    lines += [] if any(each.lower().startswith('host:') for each in headers) else ['Host: kit.example']
    lines += [f'X-Id: {identity}'] if identity else []
    lines += ['Connection: close'] if close else []
    return '\r\n'.join([*lines, *headers, '', '']).encode('latin-1') + body


def adapter_command(name: str, options: Sequence[str] = (), application: str = APPLICATION) -> list[str]:
    """Return the command that starts a server by its adapter.

    Parameters:
        name: the name of the server.
        options: arguments of the command line; `-b` is given when it is not among them.
        application: where the WSGI application is.
    """
    place = [] if '-b' in options else ['-b', '127.0.0.1:0']
    return [sys.executable, '-m', 'bottle', '-s', name, *place, *options, application]


def by_hand_command(name: str, application: str = APPLICATION) -> list[str]:
    """Return the command that starts a backend by its own API.

    Parameters:
        name: the name of the server.
        application: where the WSGI application is.
    """
    return [sys.executable, '-m', 'bottle_conformance.by_hand', name, application]


def inherited() -> dict[str, str]:
    """Return the variables of this process that a server under test gets, too."""
    ours = [key for key in os.environ if key.startswith('BOTTLE_') and key not in KEPT]
    return {key: value for key, value in os.environ.items() if key not in (*DROPPED, *ours)}


@contextmanager
def running(
    name: str, witness: Witness, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Subject]:
    """Run a server for the length of a `with` block; what is left of its process group is killed then.

    Parameters:
        name: the name of the server.
        witness: hears what the application has received.
        command: what starts it.
        environment: variables to add to those of this process.

    Raises:
        TimeoutError: it does not listen.
    """
    process = subprocess.Popen(
        command,
        env={**inherited(), 'PYTHONUNBUFFERED': '1', **witness.environment, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        start_new_session=True,
    )
    subject = Subject(name, witness, process)
    reader = threading.Thread(target=subject._collect, daemon=True)
    reader.start()
    with _ended_with_us(process.pid):
        try:
            subject._await_listening()
            yield subject
        finally:
            with suppress(ProcessLookupError):  # all of it may have ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_LIMIT)
            reader.join(STOP_LIMIT)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """Have a group of processes killed should this process end within the `with` block: then its pipe is closed."""
    command = ['sh', '-c', f'read -r _; kill -s KILL -- -{group}']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.kill()
