"""The units of systemd: what is quoted, and what systemd itself reads."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from bottle_deploy.targets.systemd import HOMES
from tests.deployment.sites import public_folder
from tests.deployment.units import Reading, reading

SYSTEMD = TARGETS['systemd']
HOSTILE = (
    *('a b', ' ', 'a\\', 'a\\n\\x41', '\\', '"', "'", '"a" "b"', "'a", '$HOME', '${HOME}', '$$', '%h', '%%', '%n%'),
    *(
        '#a',
        ';',
        'a;b',
        '-a',
        '~',
        '@',
        'ü 世界',
        '[Service]',
        'User=root',
        '`id`',
        '&&',
        '|',
        '{}',
        '(a)',
        '*',
        '?',
        '<>',
    ),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as made:
        yield made


def written(folder: Path, **given: Any) -> dict[str, str]:
    files = SYSTEMD.files(make_plan({'app': 'myapp:app', 'server': 'waitress', **given}))
    for name, text in files.items():
        (folder / name).write_text(text)
    return dict(files)


def read(folder: Path, **given: Any) -> Reading:
    written(folder, **given)
    return reading(folder, 'myapp.service')


def test_values_of_the_environment_arrive(folder: Path) -> None:
    given = [f'V{number}={value}' for number, value in enumerate(('', *HOSTILE))]
    wanted = dict(each.split('=', 1) for each in given)
    assert read(folder, env=given).environment == {'PYTHONUNBUFFERED': '1', **wanted}


def test_folders_may_have_any_name(folder: Path) -> None:
    given = [f'/srv/{value}' for value in HOSTILE]
    assert read(folder, writable=given, user='web').one('ReadWritePaths') == ' '.join(given)


@pytest.mark.parametrize('name', ['a b', 'a ', 'a\\', 'a\\ ', '"', "'a'", '$HOME', '%h', '%', '#', ';', '\\x20', 'ü'])
def test_the_folder_of_the_application_and_its_sockets_may_have_any_name(folder: Path, name: str) -> None:
    assert read(folder, directory=f'/srv/{name}', sockets=f'/run/{name}').one('WorkingDirectory') == f'/srv/{name}'
    assert reading(folder, 'myapp.socket').address == f'/run/{name}/myapp-1.sock'


@pytest.mark.parametrize('name', ['a b', '%h', 'ü', ';', '#', '{a}', '*', 'a=b'])
def test_interpreters_may_have_such_names(folder: Path, name: str) -> None:
    assert read(folder, python=f'/{name}/python').command[:3] == [f'/{name}/python', '-m', 'bottle']


@pytest.mark.parametrize('name', ['a"b', "a'b", 'a\\b', 'a$b'])
def test_interpreters_that_systemd_cannot_name_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(DeployError, match='systemd cannot start'):
        written(folder, python=f'/{name}/python')


def test_what_it_runs(folder: Path) -> None:
    found = read(folder, threads='3', graceful_timeout='7.5', health='/~a&b')
    assert found.command == [
        *(sys.executable, '-m', 'bottle', 'myapp:app', '--server', 'waitress', '--trusted-proxies', '127.0.0.1'),
        *('--health', '/~a&b', '--threads', '3', '--graceful-timeout', '7.5'),
    ]
    assert (found.one('KillMode'), found.one('TimeoutStopSec')) == ('mixed', '13s')


def test_several_instances_are_one_template(folder: Path) -> None:
    files = written(folder, instances='3', port='9000')
    assert set(files) == {'myapp@.service', 'myapp@.socket'}
    assert 'enable --now myapp@9000 myapp@9001 myapp@9002' in files['myapp@.service']
    assert reading(folder, 'myapp@9002.socket').address == '127.0.0.1:9002'
    assert 'myapp@9002.socket (origin-file)' in ' '.join(reading(folder, 'myapp@9002.service').all('Requires'))


def test_who_is_trusted(folder: Path) -> None:
    """With FastCGI nobody: there the web server itself says who the client is."""
    assert '--trusted-proxies unix' in written(folder, sockets='/run/myapp')['myapp.service']
    assert '--trusted-proxies nobody' in written(folder, server='flup')['myapp.service']


def test_workers_can_be_replaced(folder: Path) -> None:
    assert 'ExecReload=' not in written(folder)['myapp.service']
    assert 'ExecReload=/bin/kill -HUP $MAINPID' in written(folder, workers='2')['myapp.service']


def test_its_user(folder: Path) -> None:
    """One of its own, which several instances share; names of users are shorter than those of services."""
    made = written(folder, name=40 * 'a')[f'{40 * "a"}.service']
    assert f'DynamicUser=yes\nUser={31 * "a"}\n' in made
    assert 'DynamicUser' not in written(folder, user='web')['myapp.service']


@pytest.mark.parametrize('home', HOMES)
@pytest.mark.parametrize('option', ['directory', 'python', 'writable'])
def test_homes_are_hidden_unless_it_lives_there(folder: Path, option: str, home: str) -> None:
    away = {'directory': '/srv/myapp', 'python': '/usr/bin/python3', 'user': 'web', 'writable': ['/srv/data']}
    there = [f'{home}/data'] if option == 'writable' else f'{home}/myapp'
    assert read(folder, **away).one('ProtectHome') == 'yes'
    assert read(folder, **{**away, option: there}).one('ProtectHome') == 'read-only'


def test_a_folder_belongs_to_somebody(folder: Path) -> None:
    with pytest.raises(DeployError, match='--writable needs --user'):
        written(folder, writable=['/srv/data'])
