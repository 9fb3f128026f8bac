"""A worker process, as its parent sees it: started, listened to, told to stop."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from bottle.serving.processes import start_python, this_program
from bottle.serving.worker import VARIABLE, Handover

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

SLOW_START = 5.0  # seconds after which it is said that a worker is not ready yet
GRACE_OF_THE_PARENT = 0.5  # seconds that a worker gets beyond its own grace period before it is killed


class Child:
    """A worker process.

    Parameters:
        sockets: the listening sockets that it shares.
        certificate: the files of a certificate that was made for this run, and of its key; else empty.

    Attributes:
        process: the process.
        channel: the pipe that it reports on.
        state: `starting`, `ready`, `stopping`, or `dropped` when it was stopped before it was ready.
        outdated: whether it is to be replaced.
        failure: what it said about why it could not start.
        ready_at: when it was ready, on the monotonic clock.
        late_at: when it has taken too long for what it is doing, on the monotonic clock.

    Raises:
        OSError: the system has no more processes or files.
    """

    def __init__(self, sockets: Sequence[socket.socket], certificate: Sequence[str] = ()) -> None:
        self.state = 'starting'
        self.outdated = False
        self.failure = ''
        self.ready_at = 0.0
        self.late_at = time.monotonic() + SLOW_START
        self._reopens_late = False
        self._unread = b''
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            lifeline, _ = _pipe(theirs, ours)
            self.channel, channel = _pipe(ours, theirs)
            os.set_blocking(self.channel, False)
            handover = Handover(
                lifeline=lifeline,
                inode=os.fstat(lifeline).st_ino,
                channel=channel,
                sockets=[each.fileno() for each in sockets],
                certificate=list(certificate),
            )
            self.process = start_python(
                this_program(),
                env={**os.environ, VARIABLE: handover.as_text()},
                pass_fds=[lifeline, channel, *handover.sockets],
            )
            self._pipes = ours.pop_all()

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

    def note_ready(self) -> None:
        """Note that it answers requests from now on."""
        self.state, self.ready_at, self.late_at = 'ready', time.monotonic(), math.inf
        if self._reopens_late:
            self.reopen_logs()

    def reopen_logs(self) -> None:
        """Let it reopen its log files, as soon as it is ready: before, the signal might end it."""
        if self.serves:
            self.process.send_signal(signal.SIGUSR1)
        else:
            self._reopens_late = True

    def stop(self, graceful_timeout: float) -> None:
        """Let it finish its requests and end; one that has not begun to serve is ended at once.

        Parameters:
            graceful_timeout: how long its requests may take, in seconds.
        """
        if self.state == 'ready':
            self.state, self.late_at = 'stopping', time.monotonic() + graceful_timeout + GRACE_OF_THE_PARENT
            self.process.terminate()
        elif self.state == 'starting':
            self.state, self.late_at = 'dropped', math.inf
            self.process.kill()

    def close(self) -> None:
        """Forget its pipes; it has ended."""
        self._pipes.close()

    def __repr__(self) -> str:
        return f'worker {self.process.pid}'


def _pipe(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    """Return the two ends of a pipe, each of which is closed with its stack."""
    reader, writer = os.pipe()
    reading.callback(os.close, reader)
    writing.callback(os.close, writer)
    return reader, writer
