"""Units of systemd: its own checker reads them, and what they say is run on a socket that is handed over."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.sites import ATTEMPTS, ROOT, answered, free_port, listens, public_folder
from tests.deployment.units import reading
from tests.support.client import connect, fetch
from tests.support.processes import STOP_LIMIT, clean_environment, kill_group
from tests.support.requirements import require_program

SYSTEMD = TARGETS['systemd']
EXPOSURE = 20  # tenths, of at most 100: what systemd finds left open; 96 without hardening
HOSTILE = 'a "b" \'c\' $HOME ${HOME} $$ %h %% \\n\\ #;ü世 '
PROGRAM = """\
import os

from application import app

@app.get('/surroundings')
def surroundings():
    return {'folder': os.getcwd(), 'variable': os.environ['HOSTILE'], 'unbuffered': os.environ['PYTHONUNBUFFERED']}
"""


def written(folder: Path, **given: Any) -> None:
    for name, text in SYSTEMD.files(make_plan({'app': 'board:app', 'server': 'waitress', **given})).items():
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    'given',
    [
        {},
        {'instances': '2', 'workers': '2', 'env': [f'A={HOSTILE}']},
        {'sockets': f'/run/{HOSTILE}', 'directory': f'/srv/{HOSTILE}', 'user': 'web', 'writable': [f'/srv/{HOSTILE}']},
        {'instances': '2', 'sockets': '/run/board'},
    ],
    ids=['one', 'several', 'hostile', 'sockets'],
)
def test_systemd_finds_no_fault(given: dict[str, Any], tmp_path: Path) -> None:
    require_program('systemd-analyze')
    written(tmp_path, **given)
    assert SYSTEMD.check(tmp_path) == ''


@pytest.mark.parametrize(('unit', 'line'), [('service', 'NoSuchThing=1'), ('socket', 'ListenStream=nowhere:at-all')])
def test_systemd_finds_a_fault(unit: str, line: str, tmp_path: Path) -> None:
    require_program('systemd-analyze')
    written(tmp_path, instances='2')
    path = tmp_path / f'board@.{unit}'
    path.write_text(path.read_text().replace(f'[{unit.title()}]\n', f'[{unit.title()}]\n{line}\n'))
    with pytest.raises(DeployError, match=r'systemd-analyze refuses the files'):
        SYSTEMD.check(tmp_path)


def test_little_is_left_open(tmp_path: Path) -> None:
    require_program('systemd-analyze')
    written(tmp_path, directory='/srv/board')
    unit = str(tmp_path / 'board.service')
    checking.run('systemd-analyze', 'security', '--no-pager', '--offline=true', f'--threshold={EXPOSURE}', unit)


@contextmanager
def activated(folder: Path, **given: Any) -> Iterator[tuple[str, 'subprocess.Popen[str]']]:
    """Run what units say, as systemd reads them, on a socket that is handed over by systemd's own program."""
    activate = str(require_program('systemd-socket-activate'))
    for _ in range(ATTEMPTS):
        port = free_port()
        written(folder, port=str(port), **given)
        service, address = reading(folder, 'board.service'), reading(folder, 'board.socket').address
        variables = [f'--setenv={name}={value}' for name, value in service.environment.items()]
        with (folder / 'service.log').open('w') as log:
            process = subprocess.Popen(
                [activate, f'--listen={address}', *variables, *service.command],
                cwd=service.one('WorkingDirectory'),
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            if listens(process, port):
                yield f'http://{address}', process
                return
        finally:
            kill_group(process)
    raise AssertionError((folder / 'service.log').read_text())


@pytest.mark.parametrize('workers', ['', '2'])
def test_a_service_takes_the_socket_and_drains(workers: str) -> None:
    with public_folder() as folder:
        sources = folder / HOSTILE
        sources.mkdir()
        shutil.copy(ROOT / 'tests' / 'deployment' / 'application.py', sources)
        (sources / 'board.py').write_text(PROGRAM)
        given = {'directory': str(sources), 'env': [f'HOSTILE={HOSTILE}'], **({'workers': workers} if workers else {})}
        with activated(folder, **given) as (url, process):
            wanted = {'folder': str(sources), 'variable': HOSTILE, 'unbuffered': '1'}
            assert answered(fetch(url, '/surroundings').body) == wanted
            assert fetch(url, '/healthz').status == 200
            gate = folder / 'gate'
            with closing(connect(url)) as connection:
                connection.request('GET', f'/stream?gate={quote(str(gate))}')
                response = connection.getresponse()
                assert response.read1() == b'first\n'
                process.terminate()
                gate.touch()
                assert response.read() == b'second\n'
            assert process.wait(STOP_LIMIT) == 0
