"""Whether a process is ready, as balancers ask: the server itself says so, and that it is about to end."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bottle import server_names
from tests.support.client import connect, fetch
from tests.support.processes import serving

APPLICATION = """\
import sys, time
from bottle import Bottle
app = Bottle()

@app.get('/hold')
def hold():
    print('entered', file=sys.stderr, flush=True)
    time.sleep(1)
    return 'held'
"""
HTTP = {name: adapter for name, adapter in server_names.items() if adapter.capabilities.protocol == 'http'}
ONE_AT_A_TIME = [name for name, adapter in HTTP.items() if name != 'auto' and adapter.capabilities.threads_option]


@pytest.mark.parametrize('name', ONE_AT_A_TIME)
def test_health(name: str, tmp_path: Path) -> None:
    """Ready; and draining, for who is answered after the signal to stop because he had to wait."""
    (tmp_path / 'held.py').write_text(APPLICATION)
    command = [sys.executable, '-m', 'bottle', 'held:app', '-s', name, '-b', '127.0.0.1:0']
    with (
        serving([*command, '--threads', '1', '--health', '/healthz'], tmp_path) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        ready = fetch(server.url, '/healthz')
        assert (ready.status, ready.body) == (200, b'ready\n')
        assert fetch(server.url, '/healthz/').status == 404
        running = pool.submit(fetch, server.url, '/hold')
        server.await_lines('entered')
        with closing(connect(server.url)) as connection:
            connection.request('GET', '/healthz')
            server.process.terminate()
            draining = connection.getresponse()
            assert (draining.status, draining.read()) == (503, b'draining\n')
        assert running.result(timeout=10).body == b'held'
        assert server.process.wait(10) == 0
