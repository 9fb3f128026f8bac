"""The line of a Procfile, started as platforms do: by a shell or by honcho, with the port in the environment."""

import os
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from bottle_deploy.checking import find
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.board_driver import drive_board
from tests.deployment.sites import ROOT
from tests.support.client import fetch
from tests.support.processes import serving

PROCFILE = TARGETS['procfile']


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """Return a folder with the board and what is generated for it."""
    folder = tmp_path / 'board'
    copytree(ROOT / 'examples' / 'board', folder, ignore=ignore_patterns('data', '__pycache__'))
    given = {'app': 'app:app', 'server': 'waitress', 'workers': '2', 'directory': str(folder)}
    for name, text in PROCFILE.files(make_plan(given)).items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize('platform', ['shell', 'honcho'])
def test_the_board_at_the_port_of_the_platform(platform: str, deployed: Path) -> None:
    line = (deployed / 'Procfile').read_text().removeprefix('web: ').rstrip()
    command = ['sh', '-c', line] if platform == 'shell' else [find('honcho'), 'start', '--no-colour']
    # The interpreter is called as on the platform; port 0 is any free one.
    variables = {'PORT': '0', 'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])}
    with serving(command, deployed, variables) as server:
        assert server.await_lines(r'Listening on http://127\.0\.0\.1:\d+/ \(on every interface\)')
        assert fetch(server.url, '/healthz').status == 200
        drive_board(server.url)
        code = server.stop()
        if platform == 'honcho':  # which tells of its own end by a signal, too
            server.await_lines(r'web\.1 stopped \(rc=0\)')
        else:
            assert code == 0
