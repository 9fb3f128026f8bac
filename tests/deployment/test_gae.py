"""App Engine: the generated folder starts as there, in an environment made from its own requirements."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.board_driver import drive_board
from tests.deployment.sites import ATTEMPTS, ROOT, free_port, listens
from tests.support.client import fetch
from tests.support.processes import STOP_LIMIT, clean_environment, kill_group, run

BOARD = ROOT / 'examples' / 'board'
GUNICORN = 'exec gunicorn -b :$PORT main:app'  # what the runtime installs and starts where there is no entrypoint
OWN = '-our own; $HOME & "it\'s".txt'  # what pip must read as it is
PLATFORM = {'GAE_ENV': 'standard', 'GAE_APPLICATION': 's~board', 'GUNICORN_CMD_ARGS': '--no-control-socket'}


@pytest.fixture(scope='module')
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the board and what is generated for it."""
    folder = tmp_path_factory.mktemp('gae') / 'board'
    shutil.copytree(BOARD, folder, ignore=shutil.ignore_patterns('data', '__pycache__'))
    (folder / OWN).write_text('idna\n')
    given = {
        'app': 'app:app',
        'server': 'waitress',
        'directory': str(folder),
        'static': [f'/static={folder / "static"}'],
        'requirements': str(folder / OWN),
        'env': [f'BOARD_DB={folder.parent / "it is: #here"}'],
    }
    for name, text in TARGETS['gae'].files(make_plan(given)).items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope='module')
def programs(deployed: Path, wheels: Path) -> Path:
    """Return the `bin` folder of an environment with what the folder requires, and with the gunicorn of the runtime."""
    environment = deployed.parent / 'environment'
    run([sys.executable, '-m', 'virtualenv', '--quiet', str(environment)], deployed)
    links = {'PIP_FIND_LINKS': f'{os.environ.get("PIP_FIND_LINKS", "")} {wheels}'.strip()}
    python = str(environment / 'bin' / 'python')
    run([python, '-m', 'pip', 'install', '--quiet', '-r', 'requirements.txt'], deployed, links)
    run([python, '-c', 'import idna'], deployed)
    run([python, '-m', 'pip', 'install', '--quiet', 'gunicorn'], deployed)
    return environment / 'bin'


@pytest.fixture(scope='module')
def configuration(deployed: Path) -> Any:
    """Return app.yaml as the SDK of App Engine reads it."""
    from google.appengine.api import appinfo

    return appinfo.LoadSingleAppInfo((deployed / 'app.yaml').read_text())


@contextmanager
def on_app_engine(
    command: str, deployed: Path, programs: Path, variables: Mapping[str, str]
) -> Iterator[tuple[str, 'subprocess.Popen[str]']]:
    """Run a command line on a port that was chosen for it; yield its URL and its process."""
    path = f'{programs}{os.pathsep}{os.environ["PATH"]}'
    for _ in range(ATTEMPTS):
        port = free_port()
        environment = clean_environment({**PLATFORM, **variables, 'PATH': path, 'PORT': str(port)})
        process = subprocess.Popen(
            ['sh', '-c', command], cwd=deployed, env=environment, text=True, start_new_session=True
        )
        try:
            if listens(process, port):
                yield f'http://127.0.0.1:{port}', process
                return
        finally:
            kill_group(process)
    raise AssertionError(f'{command} does not start')


def test_the_entrypoint_serves_the_board(deployed: Path, programs: Path, configuration: Any) -> None:
    with on_app_engine(configuration.entrypoint, deployed, programs, configuration.env_variables) as (url, process):
        assert fetch(url, '/_ah/warmup').status == 200
        drive_board(url)
        process.terminate()
        assert process.wait(STOP_LIMIT) == 0
    assert (deployed.parent / 'it is: #here').exists()


def test_gunicorn_serves_the_board_by_main(deployed: Path, programs: Path, configuration: Any) -> None:
    with on_app_engine(GUNICORN, deployed, programs, configuration.env_variables) as (url, process):
        assert fetch(url, '/_ah/warmup').status == 200
        assert b'<form' in fetch(url, '/').body
        process.terminate()
        assert process.wait(STOP_LIMIT) == 0


def test_app_engine_serves_files_itself_and_asks_the_application_for_the_rest(
    deployed: Path, configuration: Any
) -> None:
    static, rest = configuration.handlers
    assert (static.url, (deployed / static.static_dir).is_dir()) == ('/static', True)
    assert (rest.url, rest.script) == ('/.*', 'auto')
    assert {each.secure for each in configuration.handlers} == {'always'}


def test_the_checker_finds_what_is_not_there(deployed: Path, tmp_path: Path) -> None:
    assert 'not beside it' not in TARGETS['gae'].check(deployed)
    for name in ('app.yaml', 'requirements.txt'):
        shutil.copy(deployed / name, tmp_path)
    assert f'not beside it: static, {OWN}' in TARGETS['gae'].check(tmp_path)
