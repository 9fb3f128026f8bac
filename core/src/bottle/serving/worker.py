"""A worker's side: what its parent has handed to it, what it tells the parent, and how it ends with the parent.

A worker is this very program, started anew by the supervisor (`serving/workers`) with open listening sockets and two
pipes: the lifeline, which closes when the parent dies, and the channel, on which the worker reports.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottle.serving.limits import Activity
from bottle.serving.processes import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bottle.serving.options import ServerOptions

VARIABLE = 'BOTTLE_WORKER'
READY, RETIRE, FAILED, FILES = 'ready', 'retire', 'failed', 'files'  # what is said on the channel
LEFT_TO_PARENT = ('SIGINT', 'SIGHUP')
STANDARD_ERROR = 2
LOOKS_PER_TIMEOUT = 4  # how often progress is looked for in the time that a worker may be stuck


@dataclass(frozen=True, kw_only=True)
class Handover:
    """What a parent hands to a worker, as numbers of open files; travels in an environment variable.

    Parameters:
        lifeline: the pipe that closes when the parent dies.
        inode: that of the lifeline: a process further down may see the variable, but does not hold the pipe.
        channel: the pipe that the worker reports on.
        sockets: the listening sockets; empty when the worker binds by itself.
        certificate: the files of a certificate that the parent has made, and of its key.
    """

    lifeline: int
    inode: int
    channel: int
    sockets: list[int] = field(default_factory=list)
    certificate: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        """Return the value of the environment variable."""
        return json.dumps(self.__dict__)

    def is_held(self) -> bool:
        """Return whether this process is the one that it was handed to."""
        try:
            return os.fstat(self.lifeline).st_ino == self.inode
        except OSError:
            return False


class Worker:
    """This process, as a worker.

    Parameters:
        handover: what the parent has handed over.

    Attributes:
        sockets: the listening sockets, shared with the parent and with other workers.
        certificate: the files of a certificate that the parent has made, and of its key; else empty.
    """

    def __init__(self, handover: Handover) -> None:
        for number in (handover.lifeline, handover.channel, *handover.sockets):
            os.set_inheritable(number, False)
        self.sockets = [socket.socket(fileno=number) for number in handover.sockets]
        for each in self.sockets:
            each.setblocking(False)
        self.certificate = handover.certificate
        self._channel = handover.channel
        _end_with_parent(handover.lifeline)
        _handle_with(_leave_to_parent)
        atexit.register(_handle_with, signal.SIG_IGN)  # the interpreter drops handlers when it shuts down
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held_back())

    def report_ready(self) -> None:
        """Tell the parent that requests are answered from now on, and which source files that depends on."""
        self._tell(FILES, source_files())
        self._tell(READY)

    def report_failure(self, reason: str) -> None:
        """Tell the parent why this worker cannot start.

        Parameters:
            reason: the cause and the remedy, in one line.
        """
        self._tell(FAILED, reason)

    def retire(self) -> None:
        """Ask the parent for a successor; go on until it is there and the parent says so."""
        self._tell(RETIRE)

    @contextlib.contextmanager
    def watching_over(self, options: ServerOptions) -> Iterator[Activity | None]:
        """Watch over the requests of this worker for the length of a `with` block, if that was asked for.

        Parameters:
            options: `max_requests`, `max_requests_jitter` and `worker_timeout` ask for it.

        Returns:
            What is to be told of each request; None when nobody wants to know.
        """
        if not (options.max_requests or options.worker_timeout):
            yield None
            return
        limit = _retiring_limit(options.max_requests, options.max_requests_jitter)

        def after(total: int) -> None:
            if limit and total % limit == 0:
                self.retire()

        activity = Activity(after)
        stop = end_when_stuck(activity, options.worker_timeout) if options.worker_timeout else lambda: None
        try:
            yield activity
        finally:
            stop()

    def _tell(self, what: str, detail: Any = None) -> None:
        with open(self._channel, 'wb', closefd=False) as channel:  # a signal may cut an unbuffered write short
            channel.write(json.dumps([what, detail]).encode() + b'\n')


@cache
def this_worker() -> Worker | None:
    """Return this process as a worker, or None when it is none.

    The first call takes over what was handed to it, and takes the variable out of the environment.
    """
    text = os.environ.pop(VARIABLE, None)
    handover = Handover(**json.loads(text)) if text else None
    return Worker(handover) if handover and handover.is_held() else None


def _leave_to_parent(*_: object) -> None:
    """Do nothing: the parent has got the signal as well. To be ignored is inherited by programs, a handler is not."""


def _handle_with(handler: Callable[..., object] | signal.Handlers) -> None:
    """Install a handler for the signals that a terminal sends to a worker, too."""
    for name in LEFT_TO_PARENT:
        signal.signal(signal.Signals[name], handler)


def _end_with_parent(lifeline: int) -> None:
    """Let this process end when the other end of a pipe is closed, whatever it is doing then.

    Where the kernel can send a signal for it, that needs neither a thread, which a monkey-patched process may not have,
    nor the interpreter, which may be stuck.
    """
    import fcntl

    if hasattr(fcntl, 'F_SETSIG'):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
        os.set_blocking(lifeline, False)
        if _is_closed(lifeline):
            os._exit(1)
    else:
        threading.Thread(target=lambda: os.read(lifeline, 1) or os._exit(1), daemon=True).start()


def _is_closed(pipe: int) -> bool:
    try:
        return not os.read(pipe, 1)
    except BlockingIOError:
        return False


def source_files() -> list[str]:
    """Return the files of the imported modules, but for the standard library's and for installed packages'."""
    import sysconfig

    paths = sysconfig.get_paths()
    installed = tuple(f'{paths[name]}{os.sep}' for name in ('stdlib', 'platstdlib', 'purelib', 'platlib'))
    found = (getattr(module, '__file__', None) for module in list(sys.modules.values()))
    files = {str(Path(each).absolute()) for each in found if each and not each.startswith('<')}
    return sorted(each for each in files if not each.startswith(installed))


def end_when_stuck(activity: Activity, timeout: float) -> Callable[[], None]:
    """End this process, after a dump of all its stacks, when its requests make no progress.

    The dump and the end come from a thread that needs no interpreter: they come also when nothing else runs.

    Parameters:
        activity: counts requests and their progress.
        timeout: how long there may be none while requests run, in seconds.

    Returns:
        A function that stops the watch.
    """
    done = threading.Event()

    def watch() -> None:
        seen = None
        while True:
            if seen != activity.progress or not activity.running:
                seen = activity.progress
                faulthandler.dump_traceback_later(timeout, exit=True, file=STANDARD_ERROR)
            if done.wait(timeout / LOOKS_PER_TIMEOUT):
                return faulthandler.cancel_dump_traceback_later()

    threading.Thread(target=watch, name='bottle-progress', daemon=True).start()
    return done.set


def _retiring_limit(max_requests: int, jitter: int) -> int:
    """Return after how many requests a worker asks for its successor; not all shall do it at the same time."""
    import secrets

    return max_requests and max_requests + secrets.randbelow(jitter + 1)
