"""A client that takes every file which the server may open: the server waits without spinning, and recovers."""

import time
from contextlib import ExitStack, closing
from pathlib import Path

from tests.faults.conftest import APPLICATION
from tests.faults.watching import Watched
from tests.support.client import fetch, raw
from tests.support.processes import serving
from tests.support.programs import write
from tests.support.requirements import require_proc

FILES = 64
CONNECTIONS = 120
LIMITED = ['sh', '-c', f'ulimit -n {FILES} && exec "$@"', 'sh']


def test_it_neither_spins_nor_stays_away(server_name: str, tmp_path: Path) -> None:
    require_proc()
    program = write(tmp_path, APPLICATION, server_name)
    with serving([*LIMITED, *program], tmp_path) as server:
        assert server.get() == (200, 'here')
        with ExitStack() as held:
            for _ in range(CONNECTIONS):
                held.enter_context(closing(raw(server.url)))
            share = Watched(server.process.pid).processor_share(2)
        released = time.monotonic()
        assert fetch(server.url, '/').body == b'here'
        assert time.monotonic() - released <= 2
        assert share < 0.1
        assert len(server.output) < 100
        assert server.stop() == 0
