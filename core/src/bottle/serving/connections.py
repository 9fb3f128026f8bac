"""Accepting connections and ending idle ones: what adapters of backends without a drain of their own share."""

from __future__ import annotations

import contextlib
import errno
import select
import selectors
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from bottle.bodies import BUFFER_SIZE, BodyError, NoBody
from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

MAX_CONNECTIONS, OTHER_FILES = 1000, 16  # the latter are open, or may be, besides connections
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
MAX_DISCARDED = 1 << 20  # bytes of an unread body that are read
DISCARD_TIMEOUT = 1.0  # seconds to wait for such bytes
DISCARD_LIMIT = 10.0  # seconds for all of them: a client that sends a byte now and then is not waited for
PAUSE_WHEN_OUT_OF_FILES = 0.25  # seconds: the queue stays ready, so that a loop without a pause would spin
LINGER = 1.0  # seconds: a client that has been silent for so long is not about to send its next request
PAUSE_WHEN_LINGERING = 0.02  # seconds between two looks at idle connections during a drain


def connection_limit() -> int:
    """Return how many connections a backend may hold that would spin when there are no more files to be opened."""
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, min(MAX_CONNECTIONS, files - OTHER_FILES))


class Waiting:
    """The time in which a connection is idle: a context manager, entered when it is made.

    Parameters:
        connections: those that are idle, and since when.
        connection: the one that is no longer idle when the block ends.
    """

    __slots__ = ('_connection', '_connections')

    def __init__(self, connections: dict[Any, float], connection: Any) -> None:
        self._connections = connections
        self._connection = connection

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *exc_info: object) -> None:
        """Forget the connection."""
        self._connections.pop(self._connection, None)


class WaitingConnections:
    """The connections that wait for a request line, so that a drain can end them without cutting a request.

    Attributes:
        draining: whether `drain` was called; the server should close each connection after its response.
    """

    def __init__(self) -> None:
        self.draining = False
        self._drained_since = 0.0
        self._watched = False
        self._lock = threading.Lock()
        self._waiting: dict[Any, float] = {}

    def waiting(self, connection: Any, *, reused: bool = False) -> Waiting:
        """Hold a connection to be idle for the length of a `with` block, in which its next request line is read.

        Parameters:
            connection: the connected socket, or what has its `fileno` and `shutdown`.
            reused: whether a request was answered on it before. During a drain, one on which none was has been idle
                since the drain began: it was accepted before.
        """
        # No lock: who begins to wait while a drain begins is seen by the drain, or sees it.
        self._waiting[connection] = time.monotonic() if reused or not self.draining else self._drained_since
        if self.draining:
            self._watch_the_late()
        return Waiting(self._waiting, connection)

    def _watch_the_late(self) -> None:
        with self._lock:
            late = not self._watched
            self._watched = True
        if late:
            threading.Thread(target=self._watch, args=(time.sleep,), name='bottle-drain', daemon=True).start()

    def drain(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """End the input of every connection that has been idle for `LINGER`, and wait until no one is idle.

        A client may send its next request at the very moment: whoever was active just now is answered once more. What
        a client has sent already is read and answered in any case. Blocks for `LINGER` and not much longer; later, a
        thread looks after those that begin to be idle. Not for signal handlers: it takes a lock.

        Parameters:
            sleep: lets some seconds pass.
        """
        with self._lock:
            self._drained_since = time.monotonic()
            self.draining = self._watched = True
        self._watch(sleep)

    def _watch(self, sleep: Callable[[float], object]) -> None:
        while self._anybody_idle():
            sleep(PAUSE_WHEN_LINGERING)

    def _anybody_idle(self) -> bool:
        """End those that have been idle for too long; return whether there is anybody left to be looked at again."""
        with self._lock:
            waiting = list(self._waiting.items())
        for connection, since in waiting:
            # Not under the lock: a monkey-patched poll lets others run, which may need it.
            if time.monotonic() - since >= LINGER and not _has_input(connection):
                self._end(connection, since)
        with self._lock:
            self._watched = bool(self._waiting)
            return self._watched

    def _end(self, connection: Any, since: float) -> None:
        with self._lock:
            if self._waiting.get(connection) == since:
                self._waiting.pop(connection, None)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)


def _has_input(connection: Any) -> bool:
    """Return whether there is something to read: bytes, or the end."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
    except ValueError:  # it was closed
        return False
    return bool(poll.poll(0))


class AcceptLoop:
    """Accepts connections on any number of listening sockets until it is stopped.

    Parameters:
        sockets: the listening sockets, non-blocking.
        handle: called with each connected, blocking socket and the client's address; must not block.
        tls: makes each connection one with TLS before it is handled, where given.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        handle: Callable[[socket.socket, Any], object],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sockets = sockets
        self._handle = handle
        self._tls = tls
        self._stopped = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)

    def stop(self) -> None:
        """Make `run` return. Safe in a signal handler and from any thread; does not block."""
        self._stopped = True
        with contextlib.suppress(OSError):  # a full buffer holds a wake-up already, a closed one needs none
            self._wake_writer.send(b'.')

    def run(self) -> None:
        """Accept until `stop` is called, then take what waits in the queues, so that no client is refused."""
        with self._wake_reader, self._wake_writer, selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ)
            with _woken_by_signals(self._wake_writer):
                while not self._stopped:
                    self._accept_ready(selector)
                self._accept_queued()

    def _accept_ready(self, selector: selectors.BaseSelector) -> None:
        """Wait, then accept once on each ready socket."""
        for key, _ in selector.select():
            if key.fileobj is self._wake_reader:
                self._wake_reader.recv(4096)
            elif isinstance(key.fileobj, socket.socket) and self._accept(key.fileobj) in OUT_OF_FILES:
                self._rest(selector)

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
        if self._tls is not None:
            from bottle.serving.tls import encrypted

            try:
                connection = encrypted(connection, self._tls)
            except OSError:  # the client is gone: no loss to anybody
                connection.close()
                return None
        self._hand_over(connection, address)
        return None

    def _hand_over(self, connection: socket.socket, address: Any) -> None:
        try:
            self._handle(connection, address)
        except Exception:
            import logging

            logging.getLogger('bottle.server').exception('a connection could not be handled')
            connection.close()

    def _rest(self, selector: selectors.BaseSelector) -> None:
        """Wait for `stop` alone for a while; a selector of its own would need a file."""
        for each in self._sockets:
            selector.unregister(each)
        selector.select(PAUSE_WHEN_OUT_OF_FILES)
        for each in self._sockets:
            selector.register(each, selectors.EVENT_READ)


@contextlib.contextmanager
def _woken_by_signals(writer: socket.socket) -> Iterator[None]:
    """Let a signal end the wait of the main thread, also one that comes just before the wait has begun."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)


def discard(body: Any, connection: socket.socket) -> None:
    """Read what is left of a request's body, within limits, before its connection is closed.

    Unread bytes would make the kernel reset the connection and destroy the response (RFC 9112, section 9.6).

    Parameters:
        body: the reader of the body, which ends where the body ends.
        connection: the connection that it reads from.
    """
    if type(body) is NoBody:
        return
    with contextlib.suppress(OSError, BodyError):
        connection.settimeout(DISCARD_TIMEOUT)
        left, deadline = MAX_DISCARDED, time.monotonic() + DISCARD_LIMIT
        while left > 0 and time.monotonic() < deadline and (data := body.read1(BUFFER_SIZE)):
            left -= len(data)


def stands_behind(body: Any, connection: socket.socket) -> bool:
    """Read what is left of a request's body, within limits; return whether the next bytes are those of another request.

    Parameters:
        body: the reader of the body, which ends where the body ends.
        connection: the connection that it reads from.
    """
    timeout = connection.gettimeout()
    try:
        discard(body, connection)
        return type(body) is NoBody or not body.read(1)
    except (OSError, ValueError):  # the client is gone, or the application has closed the reader
        return False
    finally:
        connection.settimeout(timeout)


class InFlight:
    """Knows the tasks that were handed to somebody's pool of threads, and waits until the last one has ended."""

    def __init__(self) -> None:
        self._tasks: set[Task] = set()
        self._awaited = False
        self._changed = threading.Condition()

    def counted(self, task: Callable[[], object]) -> Callable[[], None]:
        """Return a task that is known from now on until it has run.

        Parameters:
            task: what is to be run.
        """
        counted = Task(task, self._forget)
        self._tasks.add(counted)
        return counted

    def wait(self) -> None:
        """Wait until no task is left."""
        with self._changed:
            self._awaited = True
            self._changed.wait_for(lambda: not self._tasks)

    def _forget(self, task: Task) -> None:
        self._tasks.discard(task)
        if self._awaited:  # only then is a lock worth its price; who waits looks at the tasks after it has said so
            with self._changed:
                self._changed.notify_all()


class Task:
    """Something to be run once, and to be forgotten then.

    Parameters:
        run: what is to be run.
        forget: called with this task when that has ended.
    """

    __slots__ = ('_forget', '_run')

    def __init__(self, run: Callable[[], object], forget: Callable[[Task], object]) -> None:
        self._run = run
        self._forget = forget

    def __call__(self) -> None:
        """Run it."""
        try:
            self._run()
        finally:
            self._forget(self)
