"""Starting this interpreter anew."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bottle.errors import ServerOptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

HELD_BACK = ('SIGINT', 'SIGHUP', 'SIGTERM')  # sent to a whole group, while the parent decides what follows from them


def held_back() -> set[signal.Signals]:
    """Return the signals that a process is started with blocked, until it lets them through."""
    return {signal.Signals[each] for each in HELD_BACK}


def this_program() -> list[str]:
    """Return the arguments with which this very program was started, for `start_python`.

    The path of a script is made absolute: the program may have left the folder that it was started in.

    Raises:
        ServerOptionError: the program was read from standard input, and cannot be read again.
    """
    main, arguments, name = sys.modules['__main__'], sys.orig_argv[1:], (sys.argv or [''])[0]
    file = getattr(main, '__file__', None)
    if file in (None, '<stdin>') and name in ('', '-'):
        raise ServerOptionError(
            'workers and the reloader start the program anew, and standard input cannot be read again: use a file'
        )
    if file and main.__spec__ is None and name in arguments:
        arguments[arguments.index(name)] = file
    return arguments


@dataclass(frozen=True, kw_only=True)
class Program:
    """How this very program was started, for a process that is to do the same and was not started as an interpreter.

    Parameters:
        kind: what `target` is: a `module`, a `path`, or the `text` of a program.
        target: what was started.
        arguments: `sys.argv`.
        path: `sys.path`.
        folder: the current folder.
    """

    kind: str
    target: str
    arguments: list[str]
    path: list[str]
    folder: str

    @classmethod
    def this(cls) -> Self:
        """Return how this process was started.

        Raises:
            ServerOptionError: the program was read from standard input, and cannot be read again.
        """
        main = sys.modules['__main__']
        kind, target = 'path', getattr(main, '__file__', None)
        if main.__spec__ is not None:
            kind, target = 'module', main.__spec__.name.removesuffix('.__main__')
        elif sys.argv[0] == '-c':
            kind, target = 'text', sys.orig_argv[-len(sys.argv)]
        if target in (None, '<stdin>'):
            raise ServerOptionError('the program is started anew, and standard input cannot be read again: use a file')
        return cls(kind=kind, target=target, arguments=sys.argv, path=sys.path, folder=str(Path.cwd()))

    def run(self) -> None:
        """Start the program in this process."""
        os.chdir(self.folder)
        sys.argv[:], sys.path[:] = self.arguments, self.path
        if self.kind == 'module':
            runpy.run_module(self.target, run_name='__main__', alter_sys=True)
        elif self.kind == 'path':
            runpy.run_path(self.target, run_name='__main__')
        else:
            exec(self.target, {'__name__': '__main__'})  # noqa: S102  # what `python -c` was given


def start_python(arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process of this interpreter, with the signals blocked that its parent decides on.

    Parameters:
        arguments: what follows the interpreter on the command line.
        options: those of `subprocess.Popen`.

    Raises:
        ServerOptionError: this interpreter does not know where it is.
        OSError: the system has no more processes or files.
    """
    if not sys.executable:
        raise ServerOptionError(
            'workers and the reloader start this interpreter anew: sys.executable must not be empty'
        )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held_back())
    try:
        return subprocess.Popen([sys.executable, *arguments], **options)  # noqa: S603  # our own interpreter, no shell
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
