"""Which of several places an option comes from, and what is said to a place that is wrong."""

import itertools
import json
from collections.abc import Mapping
from configparser import Error
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bottle.config import ConfigDict
from bottle.errors import ServerOptionError
from bottle.serving.configuration import FileOptions, read_file, resolve
from bottle.serving.options import ServerOptions
from tests.support.snippets import snippets
from tests.support.sources import ROOT

PAGE = ROOT / 'docs' / 'options.md'

# For one option of each kind of reader: a value in each place, highest first, and what each of them means.
KINDS: list[tuple[str, list[Any], list[Any]]] = [
    ('threads', [1, '2', 3, '4'], [1, 2, 3, 4]),
    ('graceful_timeout', [1, 2.5, '3', '4'], [1.0, 2.5, 3.0, 4.0]),
    ('max_body', [1, '2', '3K', '4M'], [1, 2, 3 << 10, 4 << 20]),
    ('quiet', [True, 'no', True, 'on'], [True, False, True, True]),
    ('server', ['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd']),
    ('access_log', ['none', 'common', 'combined', 'json'], ['none', 'common', 'combined', 'json']),
    ('reload_include', ['a', ['b'], 'c,d', 'e'], [('a',), ('b',), ('c', 'd'), ('e',)]),
    ('trusted_proxies', ['unix', ['::1'], '::2', '::3'], [('unix',), ('::1',), ('::2',), ('::3',)]),
    ('bind', [':1', [':2', ':22'], ':3', ':4'], [(':1',), (':2', ':22'), (':3',), (':4',)]),
]


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding='utf-8')
    return str(folder / name)


def places(name: str, values: list[Any], chosen: tuple[bool, ...]) -> dict[str, Any]:
    """Return arguments for `resolve`: a value in each chosen place, which are the caller, two files and a variable."""
    caller, late, early, variable = ({name: value} if yes else {} for value, yes in zip(values, chosen, strict=True))
    environ = {f'BOTTLE_{key.upper()}': value for key, value in variable.items()}
    return {'given': caller, 'files': [FileOptions('early', early), FileOptions('late', late)], 'environ': environ}


@pytest.mark.parametrize(('name', 'values', 'meanings'), KINDS, ids=lambda each: each if isinstance(each, str) else '')
@pytest.mark.parametrize('chosen', list(itertools.product((True, False), repeat=4)), ids=str)
def test_the_highest_place_wins(name: str, values: list[Any], meanings: list[Any], chosen: tuple[bool, ...]) -> None:
    default = getattr(ServerOptions(), name)
    expected = next((meaning for meaning, yes in zip(meanings, chosen, strict=True) if yes), default)
    assert getattr(resolve(**places(name, values, chosen)), name) == expected


@pytest.mark.parametrize(
    ('given', 'file', 'environ', 'expected'),
    [
        ({}, {}, {}, '127.0.0.1:8080'),
        ({'host': '::1'}, {}, {}, '[::1]:8080'),
        ({'host': '[::1]', 'port': 0}, {}, {}, '[::1]:0'),
        ({'host': ''}, {}, {}, ':8080'),
        ({'port': '9'}, {}, {}, '127.0.0.1:9'),
        ({'host': 'unix:/x', 'port': 9}, {}, {}, 'unix:/x'),
        ({'host': 'a'}, {'port': 9}, {}, 'a:9'),
        ({'port': 9}, {'host': 'a', 'port': 1}, {'BOTTLE_HOST': 'b'}, 'a:9'),
        ({'host': 'a'}, {}, {'BOTTLE_PORT': '9'}, 'a:9'),
        ({'host': 'a'}, {}, {'BOTTLE_HOST': 'b', 'PORT': '9'}, 'a:9'),
        ({'host': 'a'}, {}, {'BOTTLE_PORT': '9', 'PORT': '5'}, 'a:9'),
        ({}, {}, {'PORT': '5'}, '0.0.0.0:5'),
        ({}, {}, {'PORT': ''}, '127.0.0.1:8080'),
        ({'host': None, 'port': None}, {}, {'PORT': '5'}, '0.0.0.0:5'),
        ({}, {'bind': 'a:1'}, {'PORT': '5'}, 'a:1'),
        ({'port': 9}, {}, {'PORT': 'nonsense'}, '127.0.0.1:9'),
        ({'bind': 'a:1'}, {'host': 'b', 'port': 2}, {'BOTTLE_BIND': 'c:3', 'PORT': '5'}, 'a:1'),
        ({}, {'bind': 'a:1'}, {'BOTTLE_HOST': 'b', 'BOTTLE_PORT': '2'}, 'a:1'),
        ({'port': 9}, {'bind': 'a:1'}, {}, '127.0.0.1:9'),
        ({'host': 'b'}, {'bind': 'a:1'}, {'BOTTLE_PORT': '2', 'PORT': '5'}, 'b:8080'),
        ({'host': 'b'}, {'bind': 'nonsense:'}, {}, 'b:8080'),
    ],
)
def test_where_to_listen(given: dict[str, Any], file: dict[str, Any], environ: dict[str, str], expected: str) -> None:
    assert resolve(given, [FileOptions('app.toml', file)], environ).bind == (expected,)


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('BOTTLE_THREADS', '3')
    assert resolve({}).threads == 3
    assert resolve({}, environ={}).threads is None


def test_options_of_the_backend_are_merged() -> None:
    files = [FileOptions('a', {'backend': {'x': 1, 'y': 1, 'z': 1}}), FileOptions('b', {'backend': {'y': 2, 'z': 2}})]
    assert resolve({'backend': {'z': 3}}, files, {}).backend == {'x': 1, 'y': 2, 'z': 3}


@pytest.mark.parametrize('variable', ['BOTTLE_THREADS', 'BOTTLE_THREAD', 'BOTTLE_HOST', 'BOTTLE_BIND', 'PORT'])
def test_an_empty_variable_counts_as_not_given(variable: str) -> None:
    assert resolve({}, environ={variable: ''}).given() == {}


@pytest.mark.parametrize(
    'name',
    [
        *('DISABLED_SERVERS', 'WORKER', 'CHILD', 'LOCKFILE', 'NIGHTLY', 'RELOADER_LIFELINE'),
        *('', 'SECRET', 'DATABASE', 'SERVICE_PORT', 'BACKEND', 'threads'),
    ],
)
def test_a_variable_that_is_no_option_is_left_alone(name: str) -> None:
    assert resolve({}, environ={f'BOTTLE_{name}': 'x'}).given() == {}


@pytest.mark.parametrize(('slip', 'meant'), [('THREAD', 'THREADS'), ('SERVERS', 'SERVER'), ('MAXBODY', 'MAX_BODY')])
def test_a_misspelt_variable_is_an_error(slip: str, meant: str) -> None:
    with pytest.raises(ServerOptionError, match=f'BOTTLE_{slip} is no option: did you mean BOTTLE_{meant}'):
        resolve({}, environ={f'BOTTLE_{slip}': '1'})


def dashed(name: str) -> str:
    return '--' + name.replace('_', '-')


@pytest.mark.parametrize(
    ('given', 'file', 'environ', 'expected'),
    [
        ({'max_requests': 'x'}, {}, {}, '--max-requests takes a whole number from 0 up; '),
        ({'port': 'x'}, {}, {}, "--port: 'x' has no usable port"),
        ({'bind': 'a:x'}, {}, {}, "--bind: 'a:x' has no usable port"),
        ({}, {'threads': 'x'}, {}, '[server] threads in app.toml takes a whole number'),
        ({}, {'host': 5}, {}, '[server] host in app.toml takes a text; it got 5'),
        ({}, {'port': 'x'}, {}, "[server] port in app.toml: 'x' has no usable port"),
        ({}, {'backend': 5}, {}, '[server.options] in app.toml takes names with values; it got 5'),
        ({}, {}, {'BOTTLE_THREADS': '0'}, 'BOTTLE_THREADS takes a whole number from 1 up; '),
        ({}, {}, {'BOTTLE_PORT': 'tcp://10.0.0.1:80'}, "BOTTLE_PORT: 'tcp://10.0.0.1:80' has no usable port"),
        ({}, {}, {'PORT': 'x'}, "PORT: 'x' has no usable port: give a number from 0"),
        ({'bind': 'a', 'port': 1}, {}, {}, '--bind and --port contradict each other'),
        ({}, {'bind': 'a', 'host': 'b'}, {}, '[server] bind in app.toml and [server] host in app.toml contradict'),
        ({}, {}, {'BOTTLE_BIND': 'a', 'BOTTLE_PORT': '1'}, 'BOTTLE_BIND and BOTTLE_PORT contradict each other'),
        ({'keyfile': 'a'}, {}, {}, 'keyfile needs certfile'),
    ],
)
def test_an_error_names_its_source(
    given: dict[str, Any], file: dict[str, Any], environ: dict[str, str], expected: str
) -> None:
    with pytest.raises(ServerOptionError) as caught:
        resolve(given, [FileOptions('app.toml', file)], environ, dashed)
    assert str(caught.value).startswith(expected)
    assert '\n' not in str(caught.value)


def test_a_value_that_is_not_needed_is_not_read() -> None:
    assert resolve({'threads': 2}, [FileOptions('a', {'threads': 'x'})], {'BOTTLE_THREADS': 'y'}).threads == 2


# Files

TOML = """
name = 'x'
[server]
threads = 8
max-body = '1M'
[server.options]
threadpool_options = { a = 1 }
[mail.smtp]
port = 25
"""
INI = """
[bottle]
name = x
[server]
threads = 8
max-body = 1M
[server.options]
number = 8
Flag = true
word = some words
[mail.smtp]
port = 25
"""


def test_toml(tmp_path: Path) -> None:
    path = written(tmp_path, 'app.toml', TOML)
    values = {'threads': 8, 'max_body': '1M', 'backend': {'threadpool_options': {'a': 1}}}
    assert read_file(path) == (FileOptions(path, values), {'name': 'x', 'mail': {'smtp': {'port': 25}}})


def test_json(tmp_path: Path) -> None:
    content = {'server': {'max_body': 5, 'options': {'a': [1]}}, 'mail': {'port': 25}}
    path = written(tmp_path, 'app.JSON', json.dumps(content))
    assert read_file(path) == (FileOptions(path, {'max_body': 5, 'backend': {'a': [1]}}), {'mail': {'port': 25}})


def test_ini(tmp_path: Path) -> None:
    path = written(tmp_path, 'app.conf', INI)
    backend = {'number': 8, 'flag': True, 'word': 'some words'}
    values = {'threads': '8', 'max_body': '1M', 'backend': backend}
    assert read_file(path) == (FileOptions(path, values), {'name': 'x', 'mail.smtp.port': '25'})


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('app.toml', "[a]\nb.c = 1\n[[d]]\ne = ''\n"),
        ('app.json', '{"a": {"b": {"c": 1}}, "d": [1]}'),
        ('app.ini', '[ROOT]\nA = 1\n[b.c]\nd = ${ROOT:a}\nempty\n[DEFAULT]\ne = 2\n'),
        ('app.ini', ''),
    ],
)
def test_what_is_not_the_server_is_what_an_application_would_load(tmp_path: Path, name: str, text: str) -> None:
    path = written(tmp_path, name, text)
    options, rest = read_file(path)
    assert options == FileOptions(path, {})
    loaded = ConfigDict().load_dict(rest)
    if name == 'app.ini':
        assert loaded == ConfigDict().load_config(path)
    else:
        assert loaded['a.b.c'] == 1
        assert 'd' in loaded


SERVER_FILES = [
    ('app.toml', '[server]\nthread = 1', "[server] in PATH has no option 'thread'. Did you mean 'threads'"),
    ('app.ini', '[server]\nmax-boddy = 1', "[server] in PATH has no option 'max-boddy'. Did you mean 'max_body'?"),
    ('app.json', '{"server": {"zzz": 1}}', "[server] in PATH has no option 'zzz'. Options of the backend belong to"),
    ('app.toml', '[server]\nbackend = {}', "[server] in PATH has no option 'backend'. Options of the backend belong"),
    ('app.ini', '[server]\n[server.a]\nb = 1', "[server] in PATH has no option 'a.b'"),
    ('app.toml', '[server]\nmax-body = 1\nmax_body = 2', '[server] max_body in PATH is given twice'),
    ('app.ini', '[server]\nquiet', '[server] quiet in PATH has no value'),
    ('app.json', '{"server": {"threads": null}}', '[server] threads in PATH has no value'),
    ('app.toml', '[server]\nsocket_mode = 440', '[server] socket_mode in PATH takes octal permissions in quotes'),
    ('app.toml', 'server = "waitress"', 'server in PATH is no table: write [server]'),
    ('app.json', '{"server": []}', 'server in PATH is no table'),
]
BROKEN_FILES = [
    ('app.toml', 'a = 1\nb = \nc = 1', 'line 2'),
    ('app.json', '{"a":\n}', 'line 2'),
    ('app.json', '[1]', 'it holds a list, not an object'),
    ('app.json', '[' * 100_000, 'recursion'),
    ('app.ini', 'a = 1', 'line: 1'),
    ('app.ini', '[a]\nb = 1\nb = 2', '[line 3]'),
    ('app.ini', '[a]\nb = ${c}', 'interpolation'),
    ('app.ini', '[a]\nb\nc = ${b}', 'referred to'),
    ('app.ini', '[a]\nb\n c', ''),  # said in other words from Python 3.13 on
    ('app.toml', None, 'No such file'),
    ('app.json', None, 'No such file'),
    ('app.ini', None, 'No such file'),
]


@pytest.mark.parametrize(('name', 'text', 'expected'), SERVER_FILES)
def test_a_wrong_table_is_one_line(tmp_path: Path, name: str, text: str, expected: str) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(ServerOptionError) as caught:
        read_file(path)
    assert str(caught.value).startswith(expected.replace('PATH', path))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('name', 'text', 'expected'), BROKEN_FILES)
def test_a_broken_file_is_one_line(tmp_path: Path, name: str, text: str | None, expected: str) -> None:
    path = str(tmp_path / name) if text is None else written(tmp_path, name, text)
    with pytest.raises(ServerOptionError) as caught:
        read_file(path)
    message = str(caught.value)
    assert message.startswith(f'the configuration file {path!r} cannot be read: ')
    assert expected.lower() in message.lower()
    assert '\n' not in message


@pytest.mark.parametrize('name', ['app.toml', 'app.json', 'app.ini'])
def test_what_is_no_text_is_no_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'[a]\nb = \xff')
    with pytest.raises(ServerOptionError, match='cannot be read: '):
        read_file(str(tmp_path / name))
    with pytest.raises(ServerOptionError, match='cannot be read: '):
        read_file(str(tmp_path))


@pytest.mark.parametrize('name', ['app.toml', 'app.json', 'app.ini'])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), st.text(st.sampled_from('[server]=\n a{}":,$'))))
def test_any_file_is_read_or_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode('utf-8'))
    try:
        options, rest = read_file(str(path))
    except ServerOptionError as error:
        message = str(error)
    else:
        assert isinstance(rest, Mapping)
        message = options.path
    assert '\n' not in message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.from_regex(r'\[(ROOT|bottle|A|a\.b)\]|[abAB.]{1,2}( = (x|\$\{a\}|1)?)?', fullmatch=True)))
def test_ini_is_what_a_configdict_would_load(tmp_path: Path, lines: list[str]) -> None:
    path = written(tmp_path, 'app.ini', '\n'.join(['[ROOT]', *lines]))
    try:
        expected = ConfigDict().load_config(path)
    except (Error, TypeError):  # the latter for a reference to a name without a value
        with pytest.raises(ServerOptionError):
            read_file(path)
    else:
        assert read_file(path) == (FileOptions(path, {}), expected)


def test_the_examples_in_the_documentation_mean_the_same(tmp_path: Path) -> None:
    examples = [each for each in snippets(PAGE) if each.language in ('toml', 'ini')]
    paths = [written(tmp_path, each.argument, each.text) for each in examples]
    assert [Path(path).suffix for path in paths] == ['.toml', '.ini']
    (toml, nested), (ini, dotted) = map(read_file, paths)
    assert resolve({}, [toml], {}) == resolve({}, [ini], {})
    assert resolve({}, [toml], {}).given() == {
        'server': 'waitress',
        'bind': ('127.0.0.1:8080', '[::1]:8080'),
        'threads': 8,
        'max_body': 10 << 20,
        'trusted_proxies': ('10.0.0.0/8', 'unix'),
        'backend': {'channel_timeout': 60},
    }
    assert ConfigDict().load_dict(nested) == ConfigDict().load_dict(dotted) == {'mail.sender': 'robot@example.com'}
