"""Several processes on the same sockets: they serve, are replaced, drain, and do not outlive their parent."""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.operating import (
    SteadyClient,
    await_everybody_gone,
    await_printed,
    crowd,
)
from bottle_conformance.rules import rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bottle_conformance.subject import Subject

    Launch = Callable[..., AbstractContextManager[Subject]]

WORKERS = 2
READY = re.compile(r'worker (\d+) is ready')
REPLACING = 'docs/running.md, "Replacing them"'
FAILING = 'docs/running.md, "When one fails"'
SIGNALS = 'docs/running.md, "Signals"'
FEW, MANY = 200, 2000  # requests of a client while workers are replaced
A_FEW = 20  # requests
PATIENCE = 60.0  # seconds until each has answered, or no old one does: busy machines start two in 25
END = 5.0  # seconds until all processes have ended


def await_processes(client: SteadyClient, enough: Callable[[set[int]], bool]) -> set[int]:
    """Return the processes that have answered the last few requests, as soon as they are the right ones."""
    deadline = time.monotonic() + PATIENCE
    while True:
        before = len(client.asked)
        client.await_requests(A_FEW)
        found = client.processes(before)
        if enough(found):
            return found
        assert time.monotonic() < deadline, found


@contextmanager
def uncollected() -> Iterator[None]:
    """Put the garbage collection off: among all that was told it takes a second, and no server waits longer for us."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class WorkersSuite:
    """`--workers 2`."""

    @pytest.fixture
    def workers(self, launch: Launch) -> Iterator[Subject]:
        """Start the server with two workers that are ready."""
        with launch('--workers', str(WORKERS)) as server:
            await_printed(server, READY, WORKERS)
            yield server

    @rule(4, 'docs/running.md, "Workers"', needs='prebound_sockets')
    def test_all_workers_serve(self, workers: Subject) -> None:
        """Requests are answered by both processes, neither of which is the parent."""
        with SteadyClient(workers) as client:
            found = await_processes(client, lambda found: len(found) == WORKERS)
        assert workers.process.pid not in found
        assert client.lost == []

    @rule(4, REPLACING, needs='prebound_sockets graceful_drain')
    def test_workers_are_replaced_without_loss(self, workers: Subject) -> None:
        """After SIGHUP other processes answer, and a client that asks all the time has lost nothing."""
        self._replace(workers, 1, FEW)

    @rule(4, REPLACING, needs='prebound_sockets graceful_drain', thorough=True)
    def test_workers_are_replaced_again_and_again(self, workers: Subject) -> None:
        """Neither does it after five times."""
        self._replace(workers, 5, MANY)

    def _replace(self, workers: Subject, times: int, count: int) -> None:
        with uncollected(), SteadyClient(workers) as client:
            for time_ in range(times):
                old = {int(each) for each in await_printed(workers, READY, WORKERS * (time_ + 1))}
                client.await_requests(A_FEW)
                workers.send_signal(signal.SIGHUP)
                await_processes(client, old.isdisjoint)
            client.await_requests(max(0, count - len(client.asked)))
        assert client.lost == [], workers.printed()
        assert workers.is_alive()

    @rule(4, SIGNALS, needs='prebound_sockets graceful_drain')
    def test_workers_finish_what_runs(self, workers: Subject) -> None:
        """After SIGTERM, running requests are answered whole, the exit code is 0 and no process is left."""
        with crowd(workers, WORKERS) as running:
            workers.send_signal(signal.SIGTERM)
            assert [each.body for each in running.release()] == [b'held'] * len(running)
            assert workers.wait(END) == 0
        assert await_everybody_gone(workers, END)

    @rule(4, FAILING, needs='prebound_sockets')
    def test_a_killed_worker_is_replaced(self, workers: Subject) -> None:
        """Another one takes its place, and requests are answered."""
        victim = int(await_printed(workers, READY)[0])
        os.kill(victim, signal.SIGKILL)
        pids = {int(each) for each in await_printed(workers, READY, WORKERS + 1)}
        with SteadyClient(workers) as client:
            await_processes(client, (pids - {victim}).__eq__)
        assert workers.is_alive()

    @rule(4, FAILING, needs='prebound_sockets')
    def test_workers_end_with_their_parent(self, workers: Subject) -> None:
        """A parent that is killed leaves no process behind."""
        workers.process.kill()
        workers.wait(END)
        assert await_everybody_gone(workers, END), workers.printed()
