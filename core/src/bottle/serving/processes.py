"""Starting this interpreter anew."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

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
