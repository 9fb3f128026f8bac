"""The code reloader: the program runs in a child process that ends when a module changes, and is started anew."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

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
        self._files = ModuleFiles()

    def run(self) -> None:
        """Look until a file has changed or the parent is gone, then send this process the signal that stops it."""
        while not self.changed:
            if select.select([self._lifeline], [], [], self._interval)[0]:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)  # nobody is left to wait for a drain
                return
            self.changed = self._files.changed()
        os.kill(os.getpid(), signal.SIGINT)


class FileCheckerThread(threading.Thread):
    """What Bottle 0.13 reloads with, for programs that bring a reloader of their own.

    As a context manager it interrupts the main thread (KeyboardInterrupt, which it swallows) when the file of an
    imported module changes, or when a lock file, which the parent touches, is gone or too old.

    Parameters:
        lockfile: the path of the lock file.
        interval: how often to look, in seconds.

    Attributes:
        status: None while it runs; `reload`, `error` (the lock file), or `exit` when the block has ended by itself.
    """

    def __init__(self, lockfile: str | os.PathLike[str], interval: float) -> None:
        super().__init__(name='bottle-file-checker', daemon=True)
        self.lockfile = lockfile
        self.interval = interval
        self.status: str | None = None
        self._files = ModuleFiles()
        self._left = threading.Event()

    def run(self) -> None:
        """Look until something has changed or the block has been left."""
        while self.status is None:
            if self._is_abandoned():
                self.status = 'error'
            elif self._files.changed():
                self.status = 'reload'
            else:
                self._left.wait(self.interval)
        if self.status != 'exit':
            os.kill(os.getpid(), signal.SIGINT)

    def _is_abandoned(self) -> bool:
        """Tell whether nobody has touched the lock file for a while."""
        try:
            age = time.time() - Path(self.lockfile).stat().st_mtime
        except OSError:
            return True
        return age > self.interval + 5

    def __enter__(self) -> Self:
        """Begin to look."""
        self.start()
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> bool:
        """Stop looking; swallow the interruption."""
        self.status = self.status or 'exit'
        self._left.set()
        self.join()
        return exc_type is not None and issubclass(exc_type, KeyboardInterrupt)


class ModuleFiles:
    """The files of the imported modules, as they were when each was first seen."""

    def __init__(self) -> None:
        self._seen: dict[Path, float] = {}
        self.changed()

    def changed(self) -> bool:
        """Return whether one of the files is another than before; modules that are new are remembered."""
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
