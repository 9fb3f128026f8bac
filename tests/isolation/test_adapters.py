"""Each adapter alone in an empty environment: installed, listed, answering, uninstalled and gone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import run, serving
from tests.support.requirements import require_program
from tests.support.sources import PLUGINS

PREFIX = 'bottle-server-'
# These need more than an empty environment: another interpreter, a web server, a backend that is built by hand.
NEED_MORE = {'diesel', 'fapws3', 'flup', 'meinheld'}
FOUND = {folder.name.removeprefix(PREFIX).replace('-', '_') for folder in PLUGINS if folder.name.startswith(PREFIX)}
SERVERS = sorted(FOUND - NEED_MORE)
BUILTIN = {'auto', 'wsgiref'}
PROGRAM = """\
from bottle import route, run
@route('/hello/<name>')
def hello(name):
    return f'Hello {name}'
run(server='%s', port=0)
"""
CGI_REQUEST = {
    'GATEWAY_INTERFACE': 'CGI/1.1',
    'REQUEST_METHOD': 'GET',
    'SCRIPT_NAME': '/program.py',
    'PATH_INFO': '/hello/World',
    'QUERY_STRING': '',
    'SERVER_NAME': 'localhost',
    'SERVER_PORT': '80',
    'SERVER_PROTOCOL': 'HTTP/1.1',
}


def listed(python: Path, cwd: Path) -> dict[str, str]:
    """Return the lines of `python -m bottle --servers` by the server's name."""
    lines = run([str(python), '-m', 'bottle', '--servers'], cwd).partition('\n\n')[0].splitlines()[1:]
    return {line.split()[0]: line for line in lines}


def answer(python: Path, program: Path) -> str:
    """Return what curl prints for a request to the running program: the response's head and body."""
    curl = require_program('curl')
    with serving([str(python), str(program)], program.parent) as server:
        options = ['--silent', '--show-error', '--include', '--max-time', '10']
        printed = run([str(curl), *options, f'{server.url}hello/World'], program.parent)
        assert server.stop() == 0
    return printed


def test_there_are_adapters() -> None:
    assert SERVERS


@pytest.mark.parametrize('name', SERVERS)
def test_alone_in_an_empty_environment(
    name: str, new_environment: Callable[[], Path], wheels: Path, tmp_path: Path
) -> None:
    python = new_environment() / 'python'
    plugin = next(wheels.glob(f'bottle_server_{name.replace("-", "_")}-*.whl'))
    core = next(wheels.glob('bottle-*.whl'))
    install = [str(python), '-m', 'pip', 'install', '--quiet', '--find-links', str(wheels)]
    run([*install, str(core), str(plugin)], tmp_path)

    servers = listed(python, tmp_path)
    assert BUILTIN | {name} <= set(servers)
    assert ' ready' in servers[name]

    program = tmp_path / 'program.py'
    program.write_text(PROGRAM % name)
    if ' per-request ' in servers[name]:
        head, _, body = run([str(python), str(program)], tmp_path, CGI_REQUEST).partition('\n\n')
        assert head.startswith('Status: 200 ')
    else:
        head, _, body = answer(python, program).partition('\n\n')
        assert head.split()[1] == '200'
    assert body.strip() == 'Hello World'

    run([str(python), '-m', 'pip', 'uninstall', '--quiet', '--yes', PREFIX + name], tmp_path)
    assert name not in listed(python, tmp_path)


@pytest.mark.parametrize('builtin', sorted(BUILTIN))
def test_the_core_alone_serves(builtin: str, new_environment: Callable[[], Path], wheels: Path, tmp_path: Path) -> None:
    python = new_environment() / 'python'
    run([str(python), '-m', 'pip', 'install', '--quiet', str(next(wheels.glob('bottle-*.whl')))], tmp_path)
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM % builtin)
    assert answer(python, program).split()[1] == '200'
