"""The code reloader: the program runs in a child process that ends when a module changes, and is started anew."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

RELOAD = 3  # the exit code by which the child asks to be started anew, as in Bottle 0.13
LIFELINE = 'BOTTLE_RELOADER_LIFELINE'  # holds the number of the pipe that closes when the parent dies


@contextlib.contextmanager
def reloading(interval: float) -> Iterator[None]:
    """Run the body of a `with` block in a child process, again and again: each time that a module changes.

    In the parent the body never runs: the parent starts children and ends with the exit code of the last one.

    Parameters:
        interval: how often to look for changed files, in seconds.
    """
    if LIFELINE not in os.environ:
        sys.exit(_supervise())
    watcher = Watcher(interval, int(os.environ[LIFELINE]))
    watcher.start()
    with contextlib.suppress(KeyboardInterrupt):
        yield
    if watcher.changed:
        sys.exit(RELOAD)


class Watcher(threading.Thread):
    """Stops this process when the file of an imported module changes, or when the parent has died.

    Parameters:
        interval: how often to look, in seconds.
        lifeline: the descriptor of a pipe whose other end the parent holds.

    Attributes:
        changed: whether a file has changed.
    """

    def __init__(self, interval: float, lifeline: int) -> None:
        super().__init__(name='bottle-reloader', daemon=True)
        self.changed = False
        self._interval = interval
        self._lifeline = lifeline
        self._seen: dict[Path, float] = {}
        self._look()

    def run(self) -> None:
        """Look until a file has changed or the parent is gone, then send this process the signal that stops it."""
        while not self.changed:
            if select.select([self._lifeline], [], [], self._interval)[0]:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)  # nobody is left to wait for a drain
                return
            self.changed = self._look()
        os.kill(os.getpid(), signal.SIGINT)

    def _look(self) -> bool:
        changed = False
        for path in _module_files():
            with contextlib.suppress(OSError):
                modified = path.stat().st_mtime
                changed = self._seen.setdefault(path, modified) != modified or changed
        return changed


def _module_files() -> set[Path]:
    files = (getattr(module, '__file__', None) for module in list(sys.modules.values()))
    return {Path(each) for each in files if each}


def _supervise() -> int:
    """Start children until one ends for another reason than a changed file; return its exit code."""
    code = RELOAD
    while code == RELOAD:
        code = _run_child()
    return code


def _run_child() -> int:
    reader, writer = os.pipe()
    try:
        environment = {**os.environ, LIFELINE: str(reader)}
        command = [sys.executable, *sys.orig_argv[1:]]
        child = subprocess.Popen(command, env=environment, pass_fds=[reader])  # this very program, started anew  # noqa: S603  # this program, started anew
        os.close(reader)
        with _forwarding(child):
            return child.wait()
    finally:
        os.close(writer)


@contextlib.contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand SIGTERM on to the child; leave Ctrl-C to it, because the terminal sends it to both."""

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    previous = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
