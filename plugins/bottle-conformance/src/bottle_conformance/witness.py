"""What the application under test has received and done, as it tells the test through a unix socket of its own."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import defaultdict
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = 'CONFORMANCE_WITNESS'
HELD = 'held'  # what the witness tells itself
GATE = '.gate'  # behind the path of the witness: where held responses wait
PATIENCE = float(os.environ.get('CONFORMANCE_PATIENCE', '10'))  # seconds for whatever should come at once
LARGEST = 1 << 18  # bytes of an event

Event = dict[str, Any]


class Witness:
    """Collects what the application tells, and holds its responses where a test asks for that; a context manager."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix='witness-'))
        self.path = str(self._folder / 'socket')
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._told.bind(self.path)
        self._gate = socket.socket(socket.AF_UNIX)
        self._gate.bind(self.path + GATE)
        self._gate.listen(128)
        self._received: SimpleQueue[bytes] = SimpleQueue()
        self._events: list[Event] = []
        self._by_identity: dict[str, list[Event]] = defaultdict(list)
        self._gates: dict[str, socket.socket] = {}
        self._held: set[str] = set()
        self._changed = threading.Condition()
        for target in (self._receive, self._collect, self._admit):
            threading.Thread(target=target, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """The variable that tells the application where the witness is."""
        return {VARIABLE: self.path}

    def events(self, identity: str, event: str = '') -> list[Event]:
        """Return what was told about a request so far.

        Parameters:
            identity: the value of the request's header X-Id.
            event: what kind of event; any when empty.
        """
        with self._changed:
            return [each for each in self._by_identity.get(identity, ()) if event in ('', each['event'])]

    def everything(self) -> list[Event]:
        """Return what was told about any request so far, in order."""
        with self._changed:
            return list(self._events)

    def wait(self, identity: str, event: str, count: int = 1, timeout: float = PATIENCE) -> list[Event]:
        """Wait until something was told about a request, and return it.

        Parameters:
            identity: the value of the request's header X-Id.
            event: what kind of event.
            count: how many of them.
            timeout: how long to wait, in seconds.

        Raises:
            TimeoutError: it was not told in time.
        """
        with self._changed:
            self._wait(lambda: len(self.events(identity, event)) >= count, timeout, f'{event!r} {count} times')
            return self.events(identity, event)

    def wait_until_held(self, identity: str, timeout: float = PATIENCE) -> None:
        """Wait until a response is held.

        Parameters:
            identity: the value of the request's header X-Id.
            timeout: how long to wait, in seconds.

        Raises:
            TimeoutError: it was not held in time.
        """
        with self._changed:
            self._wait(lambda: identity in self._held, timeout, 'a held response')

    def release(self, identity: str) -> None:
        """Let a held response go on.

        Parameters:
            identity: the value of the request's header X-Id.
        """
        self.wait_until_held(identity)
        with self._changed, self._gates.pop(identity) as gate, suppress(OSError):  # its process may be gone
            self._held.discard(identity)
            gate.sendall(b'.')

    def __enter__(self) -> Self:
        """Return the witness."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the sockets; whoever is held goes on, too late."""
        for each in (self._told, self._gate):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for each in self._gates.values():
            each.close()
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()

    def _wait(self, what: Callable[[], object], timeout: float, said: str) -> None:
        if not self._changed.wait_for(what, timeout):
            raise TimeoutError(f'not told in {timeout:g} s: {said}; told: {self._events[-5:]}')

    def _receive(self) -> None:
        """Do nothing else: the kernel keeps few messages, and whoever tells more than those has to wait."""
        with suppress(OSError):
            while data := self._told.recv(LARGEST):
                self._received.put(data)
        self._received.put(b'')

    def _collect(self) -> None:
        while data := self._received.get():
            event = json.loads(data)
            with self._changed:
                self._keep(event)
                self._changed.notify_all()

    def _keep(self, event: Event) -> None:
        identity = event['id']
        if event['event'] == HELD:
            self._held.add(identity)
            return
        self._events.append(event)
        self._by_identity[identity].append(event)

    def _admit(self) -> None:
        with suppress(OSError), closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as speaker:
            while True:
                gate, _ = self._gate.accept()
                identity = gate.makefile('r').readline().strip()
                self._gates[identity] = gate
                # Behind what the application has told before: a test that sees a response held finds that, too.
                speaker.sendto(json.dumps({'event': HELD, 'id': identity}).encode(), self.path)
