"""Starting this interpreter anew."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def this_program() -> list[str]:
    """Return the arguments with which this very program was started, for `start_python`."""
    return sys.orig_argv[1:]


def start_python(arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process of this interpreter.

    Parameters:
        arguments: what follows the interpreter on the command line.
        options: those of `subprocess.Popen`.
    """
    return subprocess.Popen([sys.executable, *arguments], **options)  # noqa: S603  # our own interpreter, no shell
