"""The supervisor: a parent that holds the listening sockets and watches over worker processes that share them.

It never imports the application. Each worker is this program, started anew, so that a replacement has newly imported
code; a worker counts when it has said that it is ready, and an old one is stopped only when its successor is. What the
reloader does is the same: the workers are replaced when a file changes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from bottle.errors import ServerError
from bottle.serving.lifecycle import SAME_SIGNAL
from bottle.serving.processes import start_python, this_program
from bottle.serving.worker import FAILED, FILES, READY, RETIRE, VARIABLE, Handover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from bottle.serving.watching import Watch

QUICK = 0.1  # seconds: a worker that dies sooner after it was ready has not died by chance
PAUSES = (0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before a worker is started again, by failures in a row
MAX_FAILURES = 5  # in a row and with nobody left who serves, before the supervisor gives up
GRACE_OF_THE_PARENT = 0.5  # seconds that workers get beyond their own grace period before they are killed

log = logging.getLogger('bottle.server')


class Child:
    """A worker process, as its parent sees it.

    Parameters:
        sockets: the listening sockets that it shares.
        certificate: the files of a certificate that was made for this run, and of its key; else empty.

    Attributes:
        process: the process.
        state: `starting`, `ready`, `stopping`, or `dropped` when it was stopped before it was ready.
        outdated: whether it is to be replaced.
        failure: what it said about why it could not start.
        files: the source files that it depends on.
    """

    def __init__(self, sockets: Sequence[socket.socket], certificate: Sequence[str] = ()) -> None:
        self.state = 'starting'
        self.outdated = False
        self.failure = ''
        self.files: list[str] = []
        self.ready_at = 0.0
        self._unread = b''
        lifeline, self._lifeline = os.pipe()
        self.channel, channel = os.pipe()
        os.set_blocking(self.channel, False)
        handover = Handover(
            parent=os.getpid(),
            lifeline=lifeline,
            channel=channel,
            sockets=[each.fileno() for each in sockets],
            certificate=list(certificate),
        )
        try:
            self.process = start_python(
                this_program(),
                env={**os.environ, VARIABLE: handover.as_text()},
                pass_fds=[lifeline, channel, *handover.sockets],
            )
        finally:
            os.close(lifeline)
            os.close(channel)

    @property
    def serves(self) -> bool:
        """Whether it answers requests."""
        return self.state in ('ready', 'stopping')

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Yield what it has said since the last call."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.channel, 65536):
                self._unread += data
        *lines, self._unread = self._unread.split(b'\n')
        yield from map(json.loads, lines)

    def stop(self) -> None:
        """Let it finish its requests and end; one that has not begun to serve is ended at once."""
        if self.state == 'ready':
            self.state = 'stopping'
            self.process.terminate()
        elif self.state == 'starting':
            self.state = 'dropped'
            self.process.kill()

    def close(self) -> None:
        """Forget its pipes; it has ended."""
        os.close(self._lifeline)
        os.close(self.channel)

    def __repr__(self) -> str:
        return f'worker {self.process.pid}'


class Supervisor:
    """Keeps a number of workers that serve, until it is told to stop.

    Parameters:
        sockets: the listening sockets, which the workers share; empty when a worker binds by itself, and is then
            stopped before its successor starts.
        number: how many workers.
        graceful_timeout: how long the requests of a worker may take after it is told to stop, in seconds.
        announce: called once, when the first worker is ready.
        certificate: the files of a certificate that was made for this run, and of its key; else empty.
        watch: tells of changed files, whereupon the workers are replaced; None watches nothing.
        reopen: reopens log files, on SIGUSR1.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        number: int,
        graceful_timeout: float,
        *,
        announce: Callable[[], object] = lambda: None,
        certificate: Sequence[str] = (),
        watch: Watch | None = None,
        reopen: Callable[[], object] = lambda: None,
    ) -> None:
        self._sockets = sockets
        self._number = number
        self._graceful_timeout = graceful_timeout
        self._announce: Callable[[], object] | None = announce
        self._certificate = certificate
        self._watch = watch
        self._reopen = reopen
        self._children: list[Child] = []
        self._signals: list[int] = []
        self._selector = selectors.DefaultSelector()
        self._failures = 0
        self._start_at = 0.0
        self._waiting_for_change = False
        self._killing_at: float | None = None
        self._stopped_at = 0.0
        self._exit_code = 0
        self._on_terminal = _has_terminal()

    def run(self) -> int:
        """Watch over workers until SIGTERM or SIGINT; then let them finish.

        Returns:
            The exit code: 0 when every worker has finished its requests.

        Raises:
            ServerError: the workers cannot start; the text says why.
        """
        with self._listening_to_signals(), contextlib.ExitStack() as stack:
            stack.callback(self._selector.close)
            stack.callback(self._end_all)
            if self._watch is not None:
                stack.enter_context(self._watch)
                self._selector.register(self._watch.changes, selectors.EVENT_READ)
            while not self._is_over():
                self._tend()
                self._wait()
        return self._exit_code

    def _is_over(self) -> bool:
        return self._killing_at is not None and not self._children

    # -- what happens ------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wait for something to happen, and take note of it."""
        for key, _ in self._selector.select(self._pause()):
            if isinstance(key.data, Child):
                self._listen_to(key.data)
            elif self._watch is not None and key.fileobj == self._watch.changes:
                self._note_change(self._watch)
            else:
                key.fileobj.recv(4096)  # type: ignore[union-attr]  # the socket that signals wake
        while self._signals:
            self._on_signal(self._signals.pop(0))
        for child in [each for each in self._children if each.process.poll() is not None]:
            self._bury(child)

    def _pause(self) -> float | None:
        """Return how long nothing has to be done but to wait, in seconds."""
        until = self._killing_at if self._killing_at is not None else self._start_at
        return max(0.0, until - time.monotonic()) if until and until < math.inf else None

    def _listen_to(self, child: Child) -> None:
        for what, detail in child.messages():
            if what == READY and child.state == 'starting':
                self._note_ready(child)
            elif what == RETIRE:
                child.outdated = True
            elif what == FAILED:
                child.failure = detail
            elif what == FILES and self._watch is not None:
                self._watch.add(detail)

    def _note_ready(self, child: Child) -> None:
        child.state, child.ready_at = 'ready', time.monotonic()
        if self._announce is not None:
            self._announce()
            self._announce = None
        log.info('%s is ready', child)
        if outdated := self._outdated():
            outdated[0].stop()

    def _note_change(self, watch: Watch) -> None:
        changed = watch.changed()
        if changed:
            log.info('%s changed: reloading', ', '.join(changed))
            self._replace_all()

    def _bury(self, child: Child) -> None:
        """Forget a worker that has ended, and draw conclusions from how it did."""
        self._listen_to(child)
        state, code = child.state, child.process.returncode
        self._selector.unregister(child.channel)
        child.close()
        self._children.remove(child)
        if state == 'starting':
            self._note_failure(child, code)
        elif state == 'ready':
            log.error('%s ended unexpectedly with %s', child, _ending(code))
            quick = time.monotonic() - child.ready_at < QUICK
            self._failures = self._failures + 1 if quick else 0
            self._start_later()
        elif state == 'stopping' and code:
            log.error('%s ended with %s before its requests were finished', child, _ending(code))
            self._exit_code = 1

    def _note_failure(self, child: Child, code: int) -> None:
        """React to a worker that could not start: go on with the old ones, try again later, or give up."""
        reason = child.failure or f'a worker ended with {_ending(code)} before it was ready'
        outdated = self._outdated()
        if outdated or self._watch is not None:
            going_on = 'the workers that run go on' if outdated else 'waiting for a change'
            log.error('%s; %s', reason, going_on)
            self._waiting_for_change = not outdated
            for each in outdated:
                each.outdated = False
            return
        self._failures += 1
        serving = any(each.serves for each in self._children)
        if self._announce is not None or (self._failures >= MAX_FAILURES and not serving):
            raise ServerError(reason)
        log.error('%s; it is started again', reason)
        self._start_later()

    def _start_later(self) -> None:
        self._start_at = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]

    # -- what is done ------------------------------------------------------------------------------------------------

    def _current(self) -> list[Child]:
        """Return the workers that are to stay."""
        return [each for each in self._children if each.state in ('starting', 'ready') and not each.outdated]

    def _outdated(self) -> list[Child]:
        """Return the workers that serve until their successors are ready."""
        return [each for each in self._children if each.outdated and each.state == 'ready']

    def _tend(self) -> None:
        """Start the workers that are missing, stop those that are too many, kill those that take too long to end."""
        if self._killing_at is not None:
            self._kill_the_late()
            return
        current, outdated = self._current(), self._outdated()
        missing = self._number - len(current)
        complete = sum(each.state == 'ready' for each in current) >= self._number
        if complete or not self._sockets:  # without a shared socket the port must be free for a successor
            for each in outdated:
                each.stop()
        for each in current[self._number :]:
            each.stop()
        if missing > 0 and self._may_start():
            for _ in range(1 if outdated else missing):
                self._start()

    def _may_start(self) -> bool:
        if time.monotonic() >= self._start_at:
            self._start_at = 0.0
        if self._waiting_for_change or self._start_at:
            return False
        if not self._sockets:
            return not self._children
        return not self._outdated() or all(each.state != 'starting' for each in self._children)

    def _start(self) -> None:
        child = Child(self._sockets, self._certificate)
        self._children.append(child)
        self._selector.register(child.channel, selectors.EVENT_READ, child)

    def _replace_all(self) -> None:
        """Let every worker be replaced by one with newly imported code, one after the other."""
        self._waiting_for_change = False
        self._failures, self._start_at = 0, 0.0
        for each in self._children:
            each.outdated = True
            if each.state == 'starting':  # it may have imported old code
                each.stop()

    def _stop_all(self, number: int) -> None:
        """Accept no more and let the workers finish; at the second signal end them at once."""
        now = time.monotonic()
        if self._killing_at is not None:
            if now > self._stopped_at + SAME_SIGNAL:
                raise SystemExit(128 + number)
            return
        self._stopped_at, self._killing_at = now, now + self._graceful_timeout + GRACE_OF_THE_PARENT
        for each in self._sockets:
            each.close()
        for child in self._children:
            child.stop()

    def _kill_the_late(self) -> None:
        if self._killing_at is not None and time.monotonic() >= self._killing_at:
            self._killing_at = math.inf
            for each in self._children:
                each.process.kill()

    def _end_all(self) -> None:
        """End at once what is left."""
        for each in self._children:
            each.process.kill()
        for each in self._children:
            each.process.wait()
            each.close()

    # -- signals -----------------------------------------------------------------------------------------------------

    def _on_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop_all(number)
        elif self._killing_at is not None:
            return
        elif number == signal.SIGHUP and self._on_terminal and not _has_terminal():
            self._stop_all(number)
        elif number == signal.SIGHUP:
            log.info('replacing the workers')
            self._replace_all()
        elif number == signal.SIGTTIN:
            self._number += 1
        elif number == signal.SIGTTOU:
            self._number = max(1, self._number - 1)
        elif number == signal.SIGUSR1:
            self._reopen()
            for each in self._children:
                if each.serves:
                    each.process.send_signal(number)

    @contextlib.contextmanager
    def _listening_to_signals(self) -> Iterator[None]:
        """Let signals wake the supervisor, which deals with them when nothing else is going on."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._selector.register(reader, selectors.EVENT_READ)

        def note(number: int, _: FrameType | None) -> None:
            self._signals.append(number)

        names = ('SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGTTOU', 'SIGUSR1', 'SIGCHLD')
        with reader, writer:
            wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            previous = {number: signal.signal(number, note) for number in map(signal.Signals.__getitem__, names)}
            try:
                yield
            finally:
                signal.set_wakeup_fd(wakeup)
                for number, handler in previous.items():
                    signal.signal(number, handler)


def _ending(code: int) -> str:
    """Return how a process ended, in words."""
    return f'exit code {code}' if code >= 0 else f'signal {signal.Signals(-code).name}'


def _has_terminal() -> bool:
    """Return whether this process has a terminal; when that is closed, SIGHUP asks for the end, not for new workers."""
    try:
        os.close(os.open('/dev/tty', os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
