"""Servers that keep running, each in a process of its own."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.processes import Server, serving

HERE = Path(__file__).parent
# One of each kind: a thread for each connection, a pool of threads, an event loop before one, greenlets. What every
# other adapter does by day is for the conformance kit.
BY_DAY = ('gevent', 'paste', 'waitress', 'wsgiref')
NIGHTLY = os.environ.get('BOTTLE_NIGHTLY') == '1'


def persistent_servers(by_day: Sequence[str] = BY_DAY) -> list[str]:
    """Return the names of the servers to be tested: by night every installed one that takes a socket from the core."""
    from bottle import server_names

    names = server_names if NIGHTLY else by_day
    return [name for name in names if name != 'auto' and server_names[name].capabilities.prebound_sockets]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a `server_name` on each server."""
    if 'server_name' in metafunc.fixturenames:
        metafunc.parametrize('server_name', persistent_servers(), scope='module')


def command(server_name: str, bind: str = '127.0.0.1:0') -> list[str]:
    """Return the command line that serves the probe."""
    return [sys.executable, '-m', 'bottle', '-s', server_name, '-b', bind, 'probe:app']


@pytest.fixture(scope='module')
def shared(server_name: str) -> Iterator[Server]:
    """Serve the probe for all tests of a module that leave it running."""
    with serving(command(server_name), HERE) as server:
        yield server


@pytest.fixture
def own(server_name: str) -> Iterator[Server]:
    """Serve the probe for one test that stops it."""
    with serving(command(server_name), HERE) as server:
        yield server
