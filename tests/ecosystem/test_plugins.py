"""Plugins for Bottle applications that others wrote: bottle-sqlite and canister."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.conftest import Install
from tests.support.client import Answer, fetch
from tests.support.processes import Server, run, serving

# Both plugins call inspect.getargspec, which left the standard library with Python 3.11. Nothing of Bottle is in that.
OF_AGE = 'import inspect\ninspect.getargspec = inspect.getfullargspec\n'
SQLITE = """
import sqlite3
import bottle
from bottle.ext import sqlite

with sqlite3.connect('first.db') as first, sqlite3.connect('second.db') as second:
    first.execute('create table items (name text unique)')
    second.execute('create table prices (name text, price integer)')
    second.execute("insert into prices values ('tea', 2)")

app = bottle.Bottle()
app.install(sqlite.Plugin(dbfile='first.db'))
app.install(sqlite.Plugin(dbfile='second.db', keyword='other'))
insert = 'insert into items values (?)'

@app.post('/items/:name')
def add(name, db):
    db.execute(insert, (name,))
    return {'added': name}

@app.get('/items')
def items(db, other):
    prices = {row['name']: row['price'] for row in other.execute('select * from prices')}
    return {row['name']: prices.get(row['name']) for row in db.execute('select name from items order by name')}

@app.post('/refused/<name>')
def refused(name, db):
    db.execute(insert, (name,))
    bottle.abort(409, 'second thoughts')

@app.post('/redirected/<name>')
def redirected(name, db):
    db.execute(insert, (name,))
    bottle.redirect('/items')

@app.post('/draft/<name>', sqlite={'autocommit': False})
def draft(name, db):
    db.execute(insert, (name,))

@app.get('/plain')
def plain():
    return 'no database'

print([plugin.name for plugin in app.plugins])
bottle.run(app, port=0)
"""
CANISTER = """
import bottle
import canister
from canister import session

app = bottle.Bottle()
app.config.load_config('app.ini')
app.config['canister.CORS'] = '*'
app.install(canister.Canister())

@app.get('/visit')
def visit():
    session.data['visits'] = session.data.get('visits', 0) + 1
    return {'visits': session.data['visits'], 'user': session.user}

@app.post('/sum/<first>')
def sum(first, second, third='0'):
    return str(int(first) + int(second) + int(third))

bottle.run(app, port=0)
"""
SETTINGS = """
[canister]
log_path = logs
auth_basic_username = alice
auth_basic_password = secret
"""


@contextmanager
def running(python: Path, folder: Path, program: str) -> Iterator[Server]:
    """Run an application."""
    (folder / 'program.py').write_text(OF_AGE + program)
    with serving([str(python), 'program.py'], folder) as server:
        yield server


@pytest.fixture(scope='module')
def sqlite_python(install: Install) -> Path:
    return install('bottle-sqlite')


@pytest.fixture(scope='module')
def canister_python(install: Install) -> Path:
    return install('canister')


@pytest.fixture(scope='module')
def with_sqlite(sqlite_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(sqlite_python, tmp_path_factory.mktemp('sqlite'), SQLITE) as server:
        yield server


def names(server: Server) -> list[str]:
    """Return the items that are in the database."""
    return list(json.loads(server.get('/items')[1]))


def test_two_databases_in_one_handler(with_sqlite: Server) -> None:
    assert fetch(with_sqlite.url, '/items/tea', 'POST').body == b'{"added": "tea"}'
    assert json.loads(with_sqlite.get('/items')[1])['tea'] == 2
    assert with_sqlite.get('/plain') == (200, 'no database')
    assert "'sqlite', 'sqlite_other'" in ''.join(with_sqlite.output)


@pytest.mark.parametrize(
    ('path', 'status', 'committed'),
    [('/items/a', 200, True), ('/refused/b', 409, False), ('/redirected/c', 303, True), ('/draft/d', 200, False)],
)
def test_commit(with_sqlite: Server, path: str, status: int, committed: bool) -> None:
    assert fetch(with_sqlite.url, path, 'POST').status == status
    assert (path[-1] in names(with_sqlite)) is committed


def test_an_integrity_error_is_an_http_error(with_sqlite: Server) -> None:
    answers = [fetch(with_sqlite.url, '/items/twice', 'POST') for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 500]
    assert b'Database Error' in answers[1].body


@pytest.fixture(scope='module')
def canister_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('canister')


@pytest.fixture(scope='module')
def with_canister(canister_python: Path, canister_folder: Path) -> Iterator[Server]:
    (canister_folder / 'app.ini').write_text(SETTINGS)
    with running(canister_python, canister_folder, CANISTER) as server:
        yield server


def visit(server: Server, jar: CookieJar, **headers: str) -> Any:
    """Return what a client with these cookies is told."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(urllib.request.Request(f'{server.url}visit', headers=headers), timeout=15) as response:
        assert response.headers['Access-Control-Allow-Origin'] == '*'
        return json.load(response)


def test_sessions_in_signed_cookies(with_canister: Server) -> None:
    one, other = CookieJar(), CookieJar()
    assert [visit(with_canister, one)['visits'] for _ in range(3)] == [1, 2, 3]
    assert visit(with_canister, other)['visits'] == 1
    for cookie in one:
        cookie.value = f'{cookie.value}x'
    assert visit(with_canister, one)['visits'] == 1


def test_log_in(with_canister: Server, canister_folder: Path) -> None:
    jar, password = CookieJar(), b64encode(b'alice:secret').decode()
    assert visit(with_canister, jar)['user'] is None
    assert visit(with_canister, jar, Authorization=f'Basic {password}')['user'] == 'alice'
    assert visit(with_canister, jar)['user'] == 'alice'
    assert 'Logged in as: alice' in (canister_folder / 'logs' / 'log').read_text()


def sums(server: Server, query: str, form: bytes) -> Answer:
    """Send a form."""
    kind = {'Content-Type': 'application/x-www-form-urlencoded'}
    return fetch(server.url, f'/sum/1?{query}', 'POST', form, **kind)


def test_arguments_from_query_and_form(with_canister: Server) -> None:
    assert sums(with_canister, 'second=10', b'third=100').body == b'111'
    assert sums(with_canister, '', b'third=100').status == 500


def test_the_plugins_still_need_what_python_3_11_dropped(
    sqlite_python: Path, canister_python: Path, tmp_path: Path
) -> None:
    for python, module in [(sqlite_python, 'bottle_sqlite'), (canister_python, 'canister')]:
        program = f'import inspect, {module}; print("inspect.getargspec" in inspect.getsource({module}))'
        assert run([str(python), '-c', program], tmp_path) == 'True\n', f'{module} needs OF_AGE no longer'
