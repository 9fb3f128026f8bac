"""What `import bottle` brings: all public names, and none of the modules that only servers need."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import bottle
from bottle._util import settings

HEAVY = ['pluggy', 'importlib_metadata', 'ssl', 'socket', 'bottle.serving', 'multipart', 'email', 'logging', 'inspect']


def run(code: str, *flags: str) -> str:
    return subprocess.run([sys.executable, *flags, '-c', code], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope='module')
def imported() -> list[str]:
    """Return the modules that `import bottle` adds to a bare interpreter (site may import anything)."""
    source = str(Path(bottle.__file__).parent.parent)
    code = f'import sys, json; sys.path.insert(0, {source!r}); import bottle; print(json.dumps(list(sys.modules)))'
    return list(json.loads(run(code, '-I', '-S')))


@pytest.mark.parametrize('module', HEAVY)
def test_import_is_light(imported: list[str], module: str) -> None:
    assert module not in imported


def test_an_application_needs_no_server() -> None:
    code = 'import sys, bottle; bottle.Bottle().route("/")(str); print(any("serving" in name for name in sys.modules))'
    assert run(code) == 'False\n'


@pytest.mark.parametrize('name', bottle.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(bottle, name) is not None
    assert name in dir(bottle)


def test_star_import() -> None:
    namespace: dict[str, object] = {}
    exec('from bottle import *', namespace)
    assert namespace.keys() >= set(bottle.__all__)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'bottle' has no attribute 'nope'"):
        _ = bottle.nope


def test_settings_are_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (True, False):
        monkeypatch.setattr(settings, 'debug', value)
        monkeypatch.setattr(settings, 'norun', value)
        assert [value] * 2 == [bottle.DEBUG, bottle.NORUN]


def test_old_adapter_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bottle.WSGIRefServer is bottle.server_names['wsgiref']
    monkeypatch.setitem(bottle._ADAPTERS, 'MeinheldServer', 'absent')
    with pytest.raises(AttributeError, match="MeinheldServer: there is no server 'absent'"):
        _ = bottle.MeinheldServer


@pytest.mark.parametrize('name', ['local', 'ext'])
def test_special_names(name: str) -> None:
    assert getattr(bottle, name) is getattr(bottle, name)


def test_extensions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'bottle_made_up.py').write_text('value = 5')
    monkeypatch.syspath_prepend(tmp_path)
    extension = import_module('bottle.ext.made_up')
    assert extension is import_module('bottle_made_up') is bottle.ext.made_up
    exec('from bottle.ext import made_up; assert made_up.value == 5')
    with pytest.raises(ModuleNotFoundError, match='bottle_missing'):
        import_module('bottle.ext.missing')


def test_readme_of_the_core_program() -> None:
    code = (
        'from bottle import *\n'
        '@route("/hello/<name>")\n'
        'def hello(name): return template("<b>Hello {{name}}</b>!", name=name)\n'
        'print(app().match({"REQUEST_METHOD": "GET", "PATH_INFO": "/hello/x"})[0].call(name="<x>"))'
    )
    assert run(code) == '<b>Hello &lt;x&gt;</b>!\n'


def test_the_importing_thread_has_an_empty_request() -> None:
    code = """
import bottle
bottle.response.set_cookie('a', 'b')
try:
    bottle.redirect('/login')
except bottle.HTTPResponse as answer:
    print(answer.status_code, answer.get_header('Location'), dict(answer.headerlist)['Set-Cookie'])
"""
    assert run(code) == '302 http://127.0.0.1/login a=b\n'
