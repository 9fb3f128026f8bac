"""Accepting connections and ending idle ones: what adapters of backends without a drain of their own share."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any

from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE_WHEN_OUT_OF_FILES = 0.25  # seconds: the queue stays ready, so that a loop without a pause would spin


class WaitingConnections:
    """The connections that wait for a request line, so that a drain can end them without cutting a request.

    Attributes:
        draining: whether `drain` was called; the server should close each connection after its response.
    """

    def __init__(self) -> None:
        self.draining = False
        self._lock = threading.Lock()
        self._waiting: set[Any] = set()

    @contextlib.contextmanager
    def waiting(self, connection: Any) -> Iterator[None]:
        """Hold a connection to be idle for the length of a `with` block, in which its next request line is read.

        Parameters:
            connection: the connected socket, or what has its `shutdown`.
        """
        with self._lock:
            self._waiting.add(connection)
            if self.draining:
                _end_input(connection)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(connection)

    def drain(self) -> None:
        """End the input of every idle connection; what a client has sent already is still read and answered.

        Not for signal handlers: it takes a lock.
        """
        with self._lock:
            self.draining = True
            for connection in self._waiting:
                _end_input(connection)


def _end_input(connection: Any) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


class AcceptLoop:
    """Accepts connections on any number of listening sockets until it is stopped.

    Parameters:
        sockets: the listening sockets, non-blocking.
        handle: called with each connected, blocking socket and the client's address; must not block.
    """

    def __init__(self, sockets: Sequence[socket.socket], handle: Callable[[socket.socket, Any], object]) -> None:
        self._sockets = sockets
        self._handle = handle
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)

    def stop(self) -> None:
        """Make `run` return. Safe in a signal handler and from any thread; does not block."""
        with contextlib.suppress(OSError):  # a full pipe holds a wake-up already, a closed one needs none
            os.write(self._wake_writer, b'.')

    def run(self) -> None:
        """Accept until `stop` is called, then take what waits in the queues, so that no client is refused."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ)
            try:
                while self._accept_ready(selector):
                    pass
                self._accept_queued()
            finally:
                self._wake_reader, reader = -1, self._wake_reader
                self._wake_writer, writer = -1, self._wake_writer
                os.close(writer)
                os.close(reader)

    def _accept_ready(self, selector: selectors.BaseSelector) -> bool:
        """Accept once on each ready socket; return False when `stop` was called."""
        for key, _ in selector.select():
            if not isinstance(key.fileobj, socket.socket):
                return False
            if self._accept(key.fileobj) in OUT_OF_FILES:
                return not self._stopped_within(selector, PAUSE_WHEN_OUT_OF_FILES)
        return True

    def _accept_queued(self) -> None:
        for each in self._sockets:
            for _ in range(BACKLOG):  # whoever connects again and again must not keep us here
                if self._accept(each) is not None:
                    break

    def _accept(self, listener: socket.socket) -> int | None:
        """Accept one connection; return the number of the error that prevented it."""
        try:
            connection, address = listener.accept()
        except OSError as error:
            return error.errno or errno.EIO
        try:
            self._handle(connection, address)
        except Exception:
            import logging

            logging.getLogger('bottle.server').exception('a connection could not be handled')
            connection.close()
        return None

    def _stopped_within(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        """Wait for `stop` alone; a selector of its own would need a file."""
        for each in self._sockets:
            selector.unregister(each)
        stopped = bool(selector.select(seconds))
        for each in self._sockets:
            selector.register(each, selectors.EVENT_READ)
        return stopped


class InFlight:
    """Counts tasks that were handed to somebody's pool of threads, and waits until the last one has ended."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def counted(self, task: Callable[[], object]) -> Callable[[], None]:
        """Return a task that is counted from now on until it has run.

        Parameters:
            task: what is to be run.
        """
        self._add(1)

        def run() -> None:
            try:
                task()
            finally:
                self._add(-1)

        return run

    def wait(self) -> None:
        """Wait until no counted task is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0)

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()
