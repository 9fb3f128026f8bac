"""Every installed server that keeps running, each in a process of its own that is watched from outside."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.watching import Reports, Watched
from tests.serving.conftest import persistent_servers
from tests.support.processes import Server, serving
from tests.support.requirements import require_proc

HERE = Path(__file__).parent
APPLICATION = """\
from bottle import route, run

@route('/')
def here():
    return 'here'
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a `server_name` on every server."""
    if 'server_name' in metafunc.fixturenames:
        metafunc.parametrize('server_name', persistent_servers(), scope='module')


@pytest.fixture(scope='module')
def command(server_name: str) -> list[str]:
    """Return the command line that serves the target."""
    return [sys.executable, '-m', 'bottle', '-s', server_name, '-b', '127.0.0.1:0', 'target:app']


@pytest.fixture(scope='module')
def receiver() -> Iterator[Reports]:
    """Return what receives the reports of all servers of a module."""
    with Reports() as receiver:
        yield receiver


@pytest.fixture
def reports(receiver: Reports) -> Reports:
    """Return what receives the reports of one test."""
    receiver.waiting()  # what an earlier test has left
    return receiver


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for the temporary files of the server."""
    return tmp_path_factory.mktemp('spool')


@pytest.fixture(scope='module')
def shared(command: list[str], receiver: Reports, folder: Path) -> Iterator[Server]:
    """Serve the target for all tests of a module that leave it running."""
    with serving(command, HERE, {'TMPDIR': str(folder), **receiver.environment}) as server:
        yield server


@pytest.fixture
def watched(shared: Server) -> Watched:
    """Return the processes of the shared server, when they have answered once."""
    require_proc()
    assert shared.get('/path/warm') == (200, 'warm')
    return Watched(shared.process.pid)
