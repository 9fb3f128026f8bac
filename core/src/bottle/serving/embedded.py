"""This program inside the processes of another one: for adapters of web servers that embed Python, such as Apache.

Such a server is started by this program, and starts it anew in each process that answers: `run` then hands the
application over instead of starting the server once more. Inside, the program is a worker of the core, whose parent's
part `application` plays. It runs in a thread: signals are the server's affair, which has to ignore handlers for them,
as mod_wsgi does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from bottle.errors import ServerError
from bottle.serving import worker
from bottle.serving.lifecycle import tell_to_stop
from bottle.serving.processes import Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.types import WSGIApplication

VARIABLE = 'BOTTLE_EMBEDDED'
STREAMS = ('stdout', 'stderr')
# Whatever ends this process, nothing outlives it of what it has started, nor the folder that was made for that.
GUARD = 'trap "" INT TERM HUP; read -r _; kill -s KILL -- "-$1" 2>/dev/null; rm -rf "$2"'

_handed_over: SimpleQueue[WSGIApplication] = SimpleQueue()


class Host:
    """A server that was started to embed this program.

    Parameters:
        process: the server's first process, which leads a group of its own.
        lines: what the server prints, and what is reported by the processes that this program runs in: a list of JSON
            with `ready` or `failed` and the reason. It ends when all of them have ended.
        orders: the end of the pipe by whose other end those processes learn that the server is to stop.
    """

    def __init__(self, process: subprocess.Popen[bytes], lines: Iterator[str], orders: int) -> None:
        self.process = process
        self.lines = lines
        self._orders = orders

    def end(self) -> None:
        """End every process of the server at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def announce_stop(self) -> None:
        """Let those who ask about health be told that the server was told to stop; the first call does it."""
        orders, self._orders = self._orders, -1
        if orders >= 0:
            os.close(orders)


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a process of the server is told: how to start this program anew, and the files that it shares with it.

    Parameters:
        program: the fields of `Program`.
        streams: standard output and standard error of this program; those of the server may lead elsewhere.
        reports: the pipe that ends in `Host.lines`.
        orders: the pipe that is closed by `Host.announce_stop`.
    """

    program: dict[str, Any]
    streams: list[int]
    reports: int
    orders: int

    def report(self, what: str, detail: str = '') -> None:
        """Tell the program that has started the server.

        Parameters:
            what: `ready` or `failed`.
            detail: the reason.
        """
        os.write(self.reports, json.dumps([what, detail]).encode() + b'\n')

    def run(self, channel: int) -> None:
        """Run the program as a worker, which leaves it to its parent to announce and to supervise.

        Parameters:
            channel: the pipe that the worker reports on, closed at its end.
        """
        lifeline, _ = os.pipe()  # never closed: the server ends its processes
        handover = worker.Handover(lifeline=lifeline, inode=os.fstat(lifeline).st_ino, channel=channel)
        os.environ[worker.VARIABLE] = handover.as_text()
        with os.fdopen(channel, 'wb'), suppress(SystemExit):
            try:
                Program(**self.program).run()
            except Exception:  # noqa: BLE001  # whatever it is, it is to be seen before anybody hears of the end
                traceback.print_exc()


@contextmanager
def embedding(command: Sequence[str], folder: str) -> Iterator[Host]:
    """Start a server that is to embed this program, for the length of a `with` block.

    Parameters:
        command: what starts it.
        folder: what was made for it, and is removed should this process be killed.

    Raises:
        ServerOptionError: this program was read from standard input, and cannot be read again.
        OSError: the command cannot be started.
    """
    program = asdict(Program.this())
    (reader, reports), (orders, ours) = os.pipe(), os.pipe()
    inside = Inside(program=program, streams=[os.dup(1), os.dup(2)], reports=reports, orders=orders)
    theirs = [*inside.streams, reports, orders]
    with os.fdopen(reader, errors='replace') as lines:
        try:
            process = subprocess.Popen(  # noqa: S603  # the adapter's command, no shell
                command,
                env={**os.environ, VARIABLE: json.dumps(asdict(inside))},
                stdin=subprocess.DEVNULL,
                stdout=reports,
                stderr=reports,
                pass_fds=theirs,
                process_group=0,  # what a terminal sends is for this program, which decides what follows
            )
        finally:
            for each in theirs:
                os.close(each)
        host = Host(process, lines, ours)
        guard = ['sh', '-c', GUARD, 'sh', str(process.pid), folder]
        try:
            with subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603  # our own script
                yield host
        finally:
            host.announce_stop()
            process.wait()


@cache
def this_process() -> Inside | None:
    """Return what this process was told, or None when it is none that a server embeds this program in.

    The first call takes the variable out of the environment.
    """
    text = os.environ.pop(VARIABLE, '')
    return Inside(**json.loads(text)) if text else None


@cache
def application() -> WSGIApplication:
    """Start this program anew, and return the application that it serves: for the script that the server loads.

    Raises:
        ServerError: there is none; who has started the server is told why.
    """
    inside = this_process()
    if inside is None:
        raise ServerError('this is for the processes of a server that a program has started: let it call run()')
    for number, (name, stream) in enumerate(zip(STREAMS, inside.streams, strict=True), 1):
        os.dup2(stream, number)
        setattr(sys, name, os.fdopen(number, 'w', 1, errors='backslashreplace', closefd=False))
    reader, channel = os.pipe()
    threading.Thread(target=inside.run, args=[channel], name='bottle-program', daemon=True).start()
    reason = 'the program has ended without serving: see what it has printed'
    with os.fdopen(reader, 'rb') as messages:
        for what, detail in map(json.loads, messages):
            if what == worker.READY:
                inside.report(what)
                return _handed_over.get()
            reason = detail if what == worker.FAILED else reason
    inside.report(worker.FAILED, reason)
    raise ServerError(reason)


def hand_over(adapter: ServerAdapter, handler: WSGIApplication, inside: Inside, ended: threading.Event) -> None:
    """Hand an application over to the server until this process is told to end.

    Parameters:
        adapter: the adapter that is to serve it.
        handler: the application.
        inside: what this process was told.
        ended: set when this process is told to end.
    """

    def heed() -> None:
        os.read(inside.orders, 1)
        tell_to_stop(adapter)

    threading.Thread(target=heed, daemon=True).start()
    _handed_over.put(handler)
    adapter.on_ready()
    ended.wait()
