"""What Bottle 0.13 reloads with, for programs that bring a reloader of their own; ours is `serving/watching`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Self


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
