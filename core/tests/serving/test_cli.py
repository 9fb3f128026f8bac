"""The command line, as far as it does not start a server."""

import json
import re
import socket
from pathlib import Path

import pytest

from bottle import __version__, server_names
from bottle._util import settings
from bottle.errors import ServerError
from bottle.serving.arguments import GROUPS
from bottle.serving.bridge import BridgedAdapter
from bottle.serving.cli import main
from bottle.serving.options import portable_options


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


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of an application that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'checked_by_cli.py').write_text('from bottle import Bottle\napp = Bottle()')
    return 'checked_by_cli:app'


def test_check_says_in_one_line_that_all_is_well(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--check', application, '-b', '127.0.0.1:0']) == 0
    assert capsys.readouterr() == ('ready to serve on wsgiref at 127.0.0.1:0\n', '')


def test_check_leaves_nothing_behind(application: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(tmp_path.iterdir())
    log = ['--access-log', 'common', '--access-log-file', str(tmp_path / 'access.log')]
    assert main(['--check', application, '-b', f'unix:{tmp_path}/app.sock', *log]) == 0
    assert sorted(each for each in tmp_path.iterdir() if each.name != '__pycache__') == before
    (tmp_path / 'access.log').write_text('kept')
    assert main(['--check', application, '-b', '127.0.0.1:0', *log]) == 0
    assert (tmp_path / 'access.log').read_text() == 'kept'


def test_check_looks_for_a_port_that_the_backend_binds_by_itself(
    application: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'legacy_for_cli.py').write_text(
        'from bottle import ServerAdapter\nclass Legacy(ServerAdapter):\n    def run(self, handler):\n        1 / 0'
    )
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        assert main(['--check', application, '-s', 'legacy_for_cli:Legacy', '-b', f'127.0.0.1:{port}']) == 1
        assert 'the port is in use' in capsys.readouterr().err
    assert main(['--check', application, '-s', 'legacy_for_cli:Legacy', '-b', f'127.0.0.1:{port}']) == 0
    assert capsys.readouterr().out.startswith('ready to serve on ')


def test_check_of_an_application_for_cgi(application: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--check', application, '-s', 'cgi']) == 0
    assert capsys.readouterr().out == 'ready to serve on cgi, when a web server starts it\n'


@pytest.mark.parametrize('name', [name for name in server_names if not issubclass(server_names[name], BridgedAdapter)])
def test_explain_lists_every_option_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--explain', '-s', name]) == 0
    table, call = re.split(r'\n\n\* given; .*\n\n', capsys.readouterr().out)
    assert re.findall(r'^[ *] (\w+)  ', table, re.MULTILINE) == list(portable_options())
    assert re.fullmatch(r'[\w.]+\(handler.*\)\n', call)


def test_explain_shows_what_is_given_and_the_native_call(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ['-s', 'waitress', '--threads', '7', '-o', 'ident=x', '-b', 'unix:/run/a']
    assert main(['--explain', 'no.such:app', *arguments]) == 0
    shown = capsys.readouterr().out
    given = re.findall(r'^\* (\w+) +(\S+)', shown, re.MULTILINE)
    assert given == [('server', 'waitress'), ('bind', 'unix:/run/a'), ('threads', '7'), ('backend', "ident='x'")]
    assert re.search(r"waitress\.create_server\(handler, sockets, .*threads=7.*ident='x'\)", shown)


def test_explain_does_not_take_a_certificate_that_is_made_for_one_that_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['--explain', '-s', 'gunicorn', '--cert', 'adhoc']) == 0
    shown = capsys.readouterr().out
    assert re.findall(r'^\* (\w+) +(\S+)', shown, re.MULTILINE) == [('server', 'gunicorn'), ('cert', 'adhoc')]
    assert re.search(r"certfile='.+', keyfile='.+'", shown)


def test_help_is_short_and_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['-h'])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 110
    titles = [line.rstrip(':') for line in lines if re.fullmatch(r'\S.*:', line)]
    assert set(GROUPS) <= set(titles)


@pytest.mark.parametrize('option', ['--thread', '--work', '--access', '--certf', '--debu'])
def test_no_option_may_be_abbreviated(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['app', option, '1'])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err
