"""The entry points of Paste Deploy, in both directions: `pserve` starts our servers, and we start those of others."""

import socket
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.support.client import await_listening, fetch
from tests.support.processes import attempt, serving
from tests.support.programs import ABOUT, about, refusal, write
from tests.support.sources import PLUGINS

GROUP = 'paste.server_runner'
PREFIX = 'bottle-server-'
FOLDERS = {
    folder.name.removeprefix(PREFIX).replace('-', '_'): folder for folder in PLUGINS if folder.name.startswith(PREFIX)
}
PER_REQUEST = ('cgi',)  # a web server starts it for one request, and pserve would have nothing to serve
# What Paste Deploy does with `use = egg:DISTRIBUTION#NAME`, and with the texts below it.
PSERVE = """\
from importlib.metadata import distribution
from bottle import default_app
[found] = distribution({distribution!r}).entry_points.select(group={group!r}, name={name!r})
found.load()(default_app(), {{'here': '/'}}, **{settings!r})
"""


def published(name: str) -> dict[str, str]:
    """Return the entry points that a server's distribution publishes for Paste Deploy."""
    project = tomllib.loads((FOLDERS[name] / 'pyproject.toml').read_text())['project']
    found: dict[str, str] = project['entry-points'].get(GROUP, {})
    return found


def free_port() -> int:
    """Return a port that was free a moment ago: these servers bind by themselves and do not tell which they got."""
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize('name', sorted(FOLDERS))
def test_each_server_publishes_its_runner_under_its_name_and_as_the_default(name: str) -> None:
    target = f'bottle.serving.paste_runner:{name}'
    assert published(name) == ({} if name in PER_REQUEST else {name: target, 'main': target})
    for each in published(name).values():
        assert callable(EntryPoint(name, each, GROUP).load())


@pytest.mark.parametrize('name', ['main', 'waitress'])
def test_pserve_starts_ours(tmp_path: Path, name: str) -> None:
    settings = {'host': '127.0.0.1', 'port': '0', 'threads': '3', 'connection_limit': '50', 'ident': 'acme'}
    wanted = {'distribution': 'bottle-server-waitress', 'group': GROUP, 'name': name, 'settings': settings}
    command = write(tmp_path, ABOUT, 'waitress')
    text = ABOUT + PSERVE.format(**wanted)
    Path(command[1]).write_text(text)
    with serving(command, tmp_path) as server:
        assert len([each for each in about(server)['threads'] if each.startswith('waitress')]) == 3
        assert fetch(server.url, '/about/').headers['Server'] == 'acme'
        assert server.stop() == 0


@pytest.mark.parametrize('server', ['egg:waitress', 'egg:waitress#main'])
def test_a_foreign_runner_serves(tmp_path: Path, server: str) -> None:
    port = free_port()
    command = write(tmp_path, ABOUT, server)
    Path(command[1]).write_text(f'{ABOUT}\nrun(server={server!r}, port={port})\n')
    with serving(command, tmp_path) as process:
        assert process.url == f'http://127.0.0.1:{port}/'
        await_listening(process.url)
        assert about(process, '/about/x')['environ']['PATH_INFO'] == '/about/x'


def test_a_foreign_runner_gets_its_options_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(ABOUT)
    place = f'127.0.0.1:{free_port()}'
    command = [sys.executable, '-m', 'bottle', 'program', '-s', 'egg:waitress', '-b', place, '-o', 'threads=2']
    with serving(command, tmp_path) as process:
        await_listening(process.url)
        assert len([each for each in about(process)['threads'] if each.startswith('waitress')]) == 2


@pytest.mark.parametrize(
    ('server', 'reason'),
    [
        ('egg:waitres', "there is no 'egg:waitres' in the entry points paste.server_runner. Installed: "),
        ('egg:waitress#other', "there is no 'egg:waitress#other'"),
    ],
)
def test_an_entry_point_that_nobody_publishes_is_refused(tmp_path: Path, server: str, reason: str) -> None:
    said = refusal(tmp_path, server)
    assert reason in said
    assert 'egg:waitress#main' in said


def test_what_a_foreign_runner_cannot_do_is_refused(tmp_path: Path) -> None:
    done = attempt([sys.executable, '-m', 'bottle', 'program', '-s', 'egg:waitress', '--workers', '2'], tmp_path)
    assert done.returncode == 1
    assert "the server 'egg:waitress' has no option 'workers'" in done.stderr
