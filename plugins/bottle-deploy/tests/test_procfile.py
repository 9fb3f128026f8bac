"""The Procfile and what is beside it: what is quoted, and what is refused."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS

PROCFILE = TARGETS['procfile']


def written(**given: Any) -> dict[str, str]:
    return dict(PROCFILE.files(make_plan({'app': 'myapp:app', 'server': 'waitress', 'directory': '/srv/a', **given})))


def command(**given: Any) -> list[str]:
    """Return what a shell makes of the line."""
    kind, line = written(**given)['Procfile'].rstrip('\n').split(': ', 1)
    assert kind == 'web'
    return shlex.split(line)


def test_the_line() -> None:
    started = ['exec', 'python', '-m', 'bottle', 'myapp:app', '--server', 'waitress', '--health', '/healthz']
    assert command() == started
    assert command(workers='2', graceful_timeout='25') == [*started, '--workers', '2', '--graceful-timeout', '25']


@pytest.mark.parametrize('path', ['/a&b', '/~a', '/a*', '/!a', '/a,b=c'])
def test_paths_that_a_shell_would_read_arrive(path: str) -> None:
    assert command(health=path)[-1] == path


@pytest.mark.parametrize(
    'name', ['a b.txt', "it's.txt", '"a".txt', '-e', 'a$b', 'a\\', 'a;b', 'ü', 'sub/requirements.txt']
)
def test_requirements_are_named_as_shells_read_it(name: str) -> None:
    """Which is how pip reads it: tests/deployment/test_gae.py runs that."""
    [bottle, adapter, included] = written(requirements=f'/srv/a/{name}')['requirements.txt'].splitlines()[1:]
    assert bottle.startswith('bottle==')
    assert adapter.startswith('bottle-server-waitress==')
    assert shlex.split(included) == ['-r', name]


@pytest.mark.parametrize('path', ['/srv/b/own.txt', '/srv/a/requirements.txt', '/srv/a/a #b', '/srv/a/${HOME}'])
def test_requirements_that_cannot_be_included_are_refused(path: str) -> None:
    with pytest.raises(DeployError, match=r'--requirements has to|call yours|rename it'):
        written(requirements=path)


def test_a_server_that_is_not_installed_is_asked_for_by_its_name() -> None:
    assert 'bottle-server-nonesuch\n' in written(server='nonesuch')['requirements.txt']
    assert 'bottle-server' not in written(server='wsgiref')['requirements.txt']


def test_a_line_that_says_nothing_is_found(tmp_path: Path) -> None:
    for name, text in written().items():
        (tmp_path / name).write_text(text)
    assert 'web' in PROCFILE.check(tmp_path)
    (tmp_path / 'Procfile').write_text('web\n')
    with pytest.raises(DeployError, match='honcho finds no process web'):
        PROCFILE.check(tmp_path)
