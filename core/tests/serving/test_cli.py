"""The command line, as far as it does not start a server."""

import json
from pathlib import Path

import pytest

from bottle import __version__
from bottle._util import settings
from bottle.errors import ServerError
from bottle.serving.cli import main


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back the debug mode that a command line has switched on."""
    monkeypatch.setattr(settings, 'debug', False)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['--version'])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f'Bottle {__version__}\n'


def test_help_shows_every_option_of_bottle_0_13(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--help'])
    shown = capsys.readouterr().out
    options = ['--version', '-b', '--bind', '-s', '--server', '-p', '--plugin', '-c', '--conf', '-C', '--param']
    assert [each for each in [*options, '--debug', '--reload', '--servers', '--json'] if each not in shown] == []


@pytest.mark.parametrize(
    'arguments', [['--servers'], ['--servers', '--json'], ['--json', '--servers'], ['--servers', '--debug']]
)
def test_servers(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    if '--json' in arguments:
        assert 'wsgiref' in [each['name'] for each in json.loads(printed)]
    else:
        assert printed.startswith('SERVER ')


def test_no_application(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert 'give MODULE:NAME' in capsys.readouterr().err


@pytest.mark.parametrize('arguments', [['--json'], ['--serv'], ['a', 'b'], ['--bind']])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert 'usage: bottle' in capsys.readouterr().err


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['app', '-s', 'no-such-server']) == 1
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err.startswith("bottle: there is no server 'no-such-server'")
    assert printed.err.count('\n') == 1


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ServerError):
        main(['app', '-s', 'no-such-server', '--debug'])


@pytest.mark.parametrize(
    ('name', 'content', 'said'),
    [
        ('absent.ini', None, 'No such file'),
        ('absent.json', None, 'No such file'),
        ('bad.ini', 'a = 1', 'no section headers'),
        ('bad.json', '{', 'Expecting'),
        ('list.json', '[]', 'it holds a list, not an object'),
    ],
)
def test_configuration_files(
    name: str,
    content: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'application_for_cli.py').write_text('from bottle import Bottle\napp = Bottle()')
    if content is not None:
        (tmp_path / name).write_text(content)
    arguments = ['application_for_cli:app', '-b', '127.0.0.1:0', '-c', str(tmp_path / name)]
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert f'{name}' in printed
    assert said in printed
