"""A running server watched from outside: its processes' time, memory and files, and what its application reports."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

TICK = 1 / os.sysconf('SC_CLK_TCK')
PROC = Path('/proc')
WAIT = 5.0  # seconds for anything that should come soon


class Watched:
    """The processes of a session, workers included.

    Parameters:
        leader: the number of the process that leads it.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def _members(self) -> list[Path]:
        members = []
        for folder in PROC.glob('[0-9]*'):
            with suppress(OSError):  # it may have ended
                session = (folder / 'stat').read_text().rpartition(')')[2].split()[3]
                members += [folder] if int(session) == self._leader else []
        return members

    def processor_seconds(self) -> float:
        """Return the time that all of them have spent, in the kernel too."""
        stats = [(each / 'stat').read_text().rpartition(')')[2].split() for each in self._members()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) * TICK

    def processor_share(self, seconds: float) -> float:
        """Return which part of one processor they use in the time that comes now."""
        before, begin = self.processor_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.processor_seconds() - before) / (time.monotonic() - begin)

    def files(self) -> int:
        """Return how many open files they have together."""
        return sum(len(list((each / 'fd').iterdir())) for each in self._members())

    def forget_peak(self) -> None:
        """Let `peak` count from now on."""
        for each in self._members():
            (each / 'clear_refs').write_text('5')

    def peak(self) -> int:
        """Return the most bytes of memory that they have occupied since `forget_peak`."""
        texts = [(each / 'status').read_text() for each in self._members()]
        return sum(int(text.partition('VmHWM:')[2].split()[0]) for text in texts) * 1024


class Reports:
    """Receives what the application reports; a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(('127.0.0.1', 0))
        self.environment = {'REPORTS_PORT': str(self._socket.getsockname()[1])}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next(self, seconds: float = WAIT) -> str:
        """Return the next report, or '' when none comes in time."""
        self._socket.settimeout(seconds)
        with suppress(TimeoutError, BlockingIOError):
            return self._socket.recv(1024).decode()
        return ''

    def waiting(self) -> list[str]:
        """Return the reports that are there already."""
        return list(iter(lambda: self.next(0), ''))


def await_condition(condition: Callable[[], bool], seconds: float = WAIT) -> bool:
    """Wait until something outside of this process holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)  # /proc announces nothing
    return True
