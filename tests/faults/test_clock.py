"""A clock that jumps by an hour, as a wrong time server makes it: nothing is cut, nothing is killed."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import HERE
from tests.faults.watching import Reports
from tests.support.client import fetch, raw, read_all
from tests.support.processes import Server, serving
from tests.support.requirements import require_faketime

HOUR = 3600
BODY = b'x' * 100_000


@pytest.fixture
def set_clock(tmp_path: Path) -> Callable[[int], object]:
    """Return what sets the clock of the server off by so many seconds."""
    file = tmp_path / 'clock'

    def set_off(seconds: int) -> None:
        written = file.with_suffix('.new')
        written.write_text(f'{seconds:+d}\n')
        written.replace(file)  # never seen empty

    set_off(0)
    return set_off


@pytest.fixture
def server(
    command: list[str], reports: Reports, tmp_path: Path, set_clock: Callable[[int], object]
) -> Iterator[Server]:
    faked = {
        'LD_PRELOAD': str(require_faketime()),
        'FAKETIME_TIMESTAMP_FILE': str(tmp_path / 'clock'),
        'FAKETIME_NO_CACHE': '1',
        'DONT_FAKE_MONOTONIC': '1',  # as the kernel has it: no jump moves this one
    }
    with serving(command, HERE, {**faked, **reports.environment}) as started:
        yield started


def jump(server: Server, set_clock: Callable[[int], object], seconds: int) -> None:
    """Set the clock of the server, which notices it."""
    set_clock(seconds)
    seen = float(fetch(server.url, '/time').body) - time.time()
    assert abs(seen - seconds) < 60


def test_running_requests_are_finished(server: Server, reports: Reports, set_clock: Callable[[int], object]) -> None:
    with ThreadPoolExecutor(1) as pool, closing(raw(server.url)) as upload:
        upload.sendall(
            b'POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(BODY)
        )
        upload.sendall(BODY[:1000])
        held = pool.submit(fetch, server.url, '/hold?seconds=1.5')
        assert reports.next() == 'entered'
        for seconds in (HOUR, -HOUR, 0):
            jump(server, set_clock, seconds)
        upload.sendall(BODY[1000:])
        assert read_all(upload).endswith(str(len(BODY)).encode())
        assert held.result(timeout=10).body == b'held'
    assert server.process.poll() is None


@pytest.mark.parametrize('seconds', [HOUR, -HOUR])
def test_a_drain_is_neither_cut_nor_prolonged(
    server: Server, reports: Reports, set_clock: Callable[[int], object], seconds: int
) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, server.url, '/hold?seconds=1.5')
        assert reports.next() == 'entered'
        server.process.terminate()
        set_clock(seconds)
        assert held.result(timeout=10).body == b'held'
    assert server.process.wait(5) == 0, server.output
