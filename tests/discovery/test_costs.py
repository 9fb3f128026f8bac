"""What importing the core and listing thirty plugins cost: processor time of whole processes, against each other."""

import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.discovery.conftest import INSTALL_LIMIT
from tests.support.distributions import LIMIT, Distribution, Site, server_plugin
from tests.support.processes import clean_environment

RUNS = 15
ATTEMPTS = 3  # the machine may be busy with something else
PLUGINS = 30


def used_by_children() -> float:
    """Return the seconds of processor time of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def processor_time(command: Sequence[str], cwd: Path, env: dict[str, str]) -> float:
    """Run a command to its end and return the seconds of processor time that it has used."""
    before = used_by_children()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        code = process.wait(LIMIT)
    finally:
        process.kill()
    assert code == 0, command
    return used_by_children() - before


def ratio(ours: Sequence[str], theirs: Sequence[str], cwd: Path, env: dict[str, str]) -> float:
    """Return how many times as long as the second command the first one takes; both write and read byte code."""
    kept = {
        name: value for name, value in env.items() if name not in {'PYTHONDONTWRITEBYTECODE', 'PYTHONPYCACHEPREFIX'}
    }
    for command in (ours, theirs, ours, theirs):
        processor_time(command, cwd, kept)
    times = [(processor_time(ours, cwd, kept), processor_time(theirs, cwd, kept)) for _ in range(RUNS)]
    return statistics.median(first for first, _ in times) / statistics.median(second for _, second in times)


def assert_ratio(limit: float, ours: Sequence[str], theirs: Sequence[str], cwd: Path, env: dict[str, str]) -> None:
    """Measure until the ratio is within the limit, or until there is no hope."""
    measured: list[float] = []
    while not measured or (min(measured) > limit and len(measured) < ATTEMPTS):
        measured.append(ratio(ours, theirs, cwd, env))
    print(f'measured: {measured}')
    assert min(measured) <= limit


@pytest.fixture
def crowded(core: Path, tmp_path: Path) -> Path:
    """Return the Python of a virtual environment with the core, thirty plugins and their backends installed."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'env')], check=True, timeout=LIMIT)
    packages = next((tmp_path / 'env').glob('lib/python*/site-packages'))
    shutil.copytree(core, packages, dirs_exist_ok=True)
    for number in range(PLUGINS):
        engine = f'engine{number}'
        server_plugin(f'acme{number}', backend=engine, requires=[f'{engine}>=2']).lay_out(packages)
        Distribution(engine, {f'{engine}.py': 'raise SystemExit("imported")'}, version='2.1').lay_out(packages)
    return tmp_path / 'env' / 'bin' / 'python'


def test_listing_thirty_plugins(crowded: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'empty'
    folder.mkdir()
    listing = [str(crowded), '-m', 'bottle', '--servers']
    environment = clean_environment()
    done = subprocess.run(
        listing, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert done.stdout.count(' ready') == PLUGINS + 2
    assert_ratio(1.5, listing, [str(crowded), '-c', 'import bottle, importlib_metadata'], folder, environment)


def test_import_takes_no_longer_than_that_of_bottle_0_13(core: Path, pip: list[str], tmp_path: Path) -> None:
    older = tmp_path / 'older'
    command = [*pip, 'install', '--no-deps', '--target', str(older), 'bottle==0.13.4']
    subprocess.run(command, check=True, timeout=INSTALL_LIMIT)
    program = [
        sys.executable,
        '-S',
        '-c',
        'import sys; sys.path.insert(0, sys.argv[1]); import bottle; assert bottle.__version__ > ""',
    ]
    assert_ratio(1.0, [*program, str(core)], [*program, str(older)], tmp_path, clean_environment())


UNWANTED = ('pluggy', 'importlib_metadata', 'ssl', 'bottle.serving')


def test_import_leaves_out_what_serves(site: Site) -> None:
    done = site.run('-c', f'import bottle, sys; print([name for name in {UNWANTED} if name in sys.modules])')
    assert done.stdout == '[]\n'


def test_import_of_everything(site: Site) -> None:
    done = site.run(
        '-W', 'error', '-c', 'from bottle import *; print(run.__module__, server_names, ServerAdapter.__name__)'
    )
    assert done.stdout == 'bottle.serving.runner <server_names: auto, wsgiref> ServerAdapter\n', done.stderr


@pytest.mark.parametrize('name', ['run', 'start', 'server_names', 'ServerAdapter', 'hookimpl', 'Capabilities'])
def test_what_serves_comes_when_it_is_asked_for(site: Site, name: str) -> None:
    done = site.run('-c', f'import bottle, sys; bottle.{name}; print("bottle.serving" in sys.modules)')
    assert done.stdout == 'True\n', done.stderr
