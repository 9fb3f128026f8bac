"""The supervisor: a parent that holds the listening sockets and watches over worker processes that share them.

It never imports the application. Each worker is this program, started anew, so that a replacement has newly imported
code; a worker counts when it has said that it is ready, and an old one is stopped only when its successor is. What the
reloader does is the same: the workers are replaced when a file changes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING

from bottle.errors import ServerError
from bottle.serving.child import SLOW_START, Child
from bottle.serving.lifecycle import SAME_SIGNAL
from bottle.serving.worker import FAILED, FILES, READY, RETIRE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from bottle.serving.watching import Watch

QUICK = 0.1  # seconds: a worker that dies sooner after it was ready has not died by chance
PAUSES = (0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before a worker is started again, by failures in a row
BETWEEN_STARTS = 0.5  # seconds from the last start to one for a change: what changes again may go on changing
MAX_FAILURES = 5  # in a row and with nobody left who serves, before the supervisor gives up

log = logging.getLogger('bottle.server')


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
        self._start_at = self._started_at = 0.0
        self._waiting_for_change = False
        self._stopped_at: float | None = None
        self._exit_code = 0
        self._tended_at = 0.0
        self._ends_with_terminal = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _has_terminal()

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
        return self._stopped_at is not None and not self._children

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
        moments = [self._start_at, *(each.late_at for each in self._children)]
        until = min((each for each in moments if self._tended_at < each < math.inf), default=None)
        return until and max(0.0, until - time.monotonic())

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
        child.note_ready()
        if self._announce is not None:
            self._announce()
            self._announce = None
        log.info('%s is ready', child)
        if outdated := self._outdated():
            outdated[0].stop(self._graceful_timeout)

    def _note_change(self, watch: Watch) -> None:
        if changed := watch.changed():
            log.info('%s changed: reloading', ', '.join(changed))
            self._replace_all()
        else:
            log.error('the process that watches files has ended: nothing reloads any more but SIGHUP')
            self._selector.unregister(watch.changes)
            watch.close()
            self._watch, self._waiting_for_change = None, False

    def _bury(self, child: Child) -> None:
        """Forget a worker that has ended, and draw conclusions from how it did."""
        self._listen_to(child)
        state, code = child.state, child.process.returncode
        self._selector.unregister(child.channel)
        child.close()
        self._children.remove(child)
        if state == 'starting':
            self._note_failure(child.failure or f'a worker ended with {_ending(code)} before it was ready')
        elif state == 'ready':
            if code:
                log.error('%s ended unexpectedly with %s', child, _ending(code))
            else:
                log.info('%s ended, but not at the request of its parent', child)
            quick = time.monotonic() - child.ready_at < QUICK
            self._failures = self._failures + 1 if quick else 0
            self._start_later()
        elif state == 'stopping' and code:
            log.error('%s ended with %s before its requests were finished', child, _ending(code))
            self._exit_code = int(self._stopped_at is not None)

    def _note_failure(self, reason: str) -> None:
        """React to a worker that could not start: go on with the old ones, try again later, or give up."""
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
        """Return the workers that are to stay, those that serve first."""
        found = [each for each in self._children if each.state in ('starting', 'ready') and not each.outdated]
        return sorted(found, key=lambda each: each.state == 'starting')

    def _outdated(self) -> list[Child]:
        """Return the workers that serve until their successors are ready."""
        return [each for each in self._children if each.outdated and each.state == 'ready']

    def _tend(self) -> None:
        """Stop the workers that are too many, start those that are missing, look after those that are late."""
        self._tended_at = time.monotonic()
        for each in self._children:
            if each.late_at <= self._tended_at:
                self._on_late(each)
        if self._stopped_at is not None:
            return
        current = self._current()
        complete = sum(each.state == 'ready' for each in current) >= self._number
        superfluous = current[self._number :]
        if complete or not self._sockets:  # without a shared socket the port must be free for a successor
            superfluous += self._outdated()
        for each in superfluous:
            each.stop(self._graceful_timeout)
        while self._lacks_one():
            self._start()

    def _on_late(self, child: Child) -> None:
        child.late_at = math.inf
        if child.state == 'starting':
            log.warning('%s is still starting after %g s', child, SLOW_START)
        else:
            child.process.kill()

    def _lacks_one(self) -> bool:
        """Return whether a worker is to be started now."""
        pausing = self._waiting_for_change or self._start_at > self._tended_at
        if pausing or len(self._current()) >= self._number:
            return False
        if not self._sockets:
            return not self._children
        return not self._outdated() or all(each.state != 'starting' for each in self._children)

    def _start(self) -> None:
        self._started_at = time.monotonic()
        try:
            child = Child(self._sockets, self._certificate)
        except OSError as error:
            self._note_failure(f'a worker cannot be started: {error}')
        else:
            self._children.append(child)
            self._selector.register(child.channel, selectors.EVENT_READ, child)

    def _replace_all(self) -> None:
        """Let every worker be replaced by one with newly imported code, one after the other."""
        self._waiting_for_change = False
        self._failures = 0
        self._start_at = self._started_at + BETWEEN_STARTS
        for each in self._children:
            each.outdated = True
            if each.state == 'starting':  # it may have imported old code
                each.stop(self._graceful_timeout)

    def _stop_all(self, number: int) -> None:
        """Accept no more and let the workers finish; at the second signal end them at once."""
        now = time.monotonic()
        if self._stopped_at is not None:
            if now > self._stopped_at + SAME_SIGNAL:
                raise SystemExit(128 + number)
            return
        self._stopped_at = now
        for each in self._sockets:
            each.close()
        for child in self._children:
            child.stop(self._graceful_timeout)

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
        elif self._stopped_at is not None:
            return
        elif number == signal.SIGHUP and self._ends_with_terminal and not _has_terminal():
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
                each.reopen_logs()

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
