"""A server without standard streams, or whose log goes nowhere: it serves and drains as ever."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.faults.conftest import HERE
from tests.faults.watching import Reports
from tests.support.client import fetch
from tests.support.processes import LISTENING, clean_environment, kill_group

# The socket comes as standard input and is handed over as sd_listen_fds(3) describes: nothing need be printed to know
# where the server listens.
HAND_OVER = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&0 </dev/null '
REDIRECTIONS = {
    'both closed': '>&- 2>&-',
    'output closed': '>&-',
    'errors closed': '2>&-',
}


@contextmanager
def started(server_name: str, redirection: str, reports: Reports) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the target with other standard streams, and yield the process and its URL."""
    command = [sys.executable, '-m', 'bottle', '-s', server_name, 'target:app']
    with socket.create_server(('127.0.0.1', 0)) as listener:
        process = subprocess.Popen(
            ['sh', '-c', HAND_OVER + redirection, 'sh', *command],
            cwd=HERE,
            env=clean_environment(reports.environment),
            stdin=listener.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        url = f'http://127.0.0.1:{listener.getsockname()[1]}/'
    try:
        yield process, url
    finally:
        kill_group(process)


def serves_and_drains(process: subprocess.Popen[str], url: str, reports: Reports) -> None:
    """Ask for pages, for one that fails, and for one that still runs when the server is told to stop."""
    for _ in range(5):
        assert fetch(url, '/path/here').body == b'here'
    assert fetch(url, '/error').status == 500
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(fetch, url, '/hold?seconds=1')
        assert reports.next() == 'entered'
        process.terminate()
        assert held.result(timeout=10).body == b'held'
    assert process.wait(5) == 0


@pytest.mark.parametrize('redirection', REDIRECTIONS.values(), ids=REDIRECTIONS)
def test_without_streams(server_name: str, redirection: str, reports: Reports) -> None:
    with started(server_name, redirection, reports) as (process, url):
        serves_and_drains(process, url, reports)


def test_nobody_reads_the_log_any_more(command: list[str], reports: Reports) -> None:
    process = subprocess.Popen(
        command,
        cwd=HERE,
        env=clean_environment(reports.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        with process.stdout as log:
            [url] = [found[1] for line in iter(log.readline, '\n') if (found := LISTENING.search(line))]
        serves_and_drains(process, url, reports)
    finally:
        kill_group(process)
