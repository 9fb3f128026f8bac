"""App Engine: values that YAML, pip or a regular expression could read as something else."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle import server_names
from bottle.serving.builtin import PREFERENCE
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets.gae import GAE, SERVERS

TEXTS = [
    *(
        "it's",
        '"x"',
        'a: b',
        'a #b',
        '- a',
        '{{x}}',
        '{x}',
        '[x]',
        '*a',
        '&a',
        '!a',
        '%a',
        '@a',
        '`a',
        '|',
        '>',
        '',
        "'",
    ),
    *('null', 'yes', '1e3', '0x1', '~', '=', '<<', '\\n', '$PORT', '${PORT}', "''", ' a ', 'ü\U0001f600'),
]
NAMES = ('NO', 'null', 'y', 'true', 'BOARD_DB')
printable = st.text(st.characters(exclude_categories=('Cc', 'Cs', 'Zl', 'Zp')))


def written(**options: Any) -> dict[str, str]:
    """Return the files for an application."""
    return dict(GAE.files(make_plan({'app': 'shop.web:site', 'server': 'waitress', **options})))


def read(text: str) -> Any:
    """Return what App Engine reads."""
    from google.appengine.api import appinfo

    return appinfo.LoadSingleAppInfo(text)


def test_every_variable_is_a_text() -> None:
    env = [(name, text) for name in NAMES for text in TEXTS]
    for name, text in env:
        assert read(written(env=[f'{name}={text}'])['app.yaml']).env_variables == {name: text}


@given(printable)
def test_any_text_is_itself_or_refused(text: str) -> None:
    try:
        content = written(env=[f'A={text}'])['app.yaml']
    except DeployError:
        assert re.search('[\ufeff\ufffe\uffff]', text)  # which no file may hold
    else:
        assert read(content).env_variables == {'A': text}


@pytest.mark.parametrize('name', [each for each in TEXTS if each not in ('', '~')])
def test_a_folder_is_named_as_it_is(name: str, tmp_path: Path) -> None:
    content = written(directory=str(tmp_path), static=[f'/files={tmp_path / name}'])['app.yaml']
    assert read(content).handlers[0].static_dir == name


def test_a_url_matches_itself_alone() -> None:
    static = read(written(static=['/a.b+c*d-e~f=public'])['app.yaml']).handlers[0]
    assert re.fullmatch(static.url, '/a.b+c*d-e~f')
    assert not re.fullmatch(static.url, '/axbbcccd-e~f')


@pytest.mark.parametrize('folder', ['/etc', '.', '..', '/'])
@pytest.mark.parametrize('option', ['static', 'requirements'])
def test_what_is_outside_is_refused(option: str, folder: str) -> None:
    with pytest.raises(DeployError, match=f'--{option} has to name something below it'):
        written(**{option: [f'/x={folder}'] if option == 'static' else folder})


@pytest.mark.parametrize('name', ['a b.txt', "it's.txt", '"a".txt', '-e', '--index', 'a$b', 'a\\', 'a#b', 'ü', 'a;b'])
def test_requirements_are_named_as_shells_read_it(name: str) -> None:
    """Which is how pip reads it, that tests/deployment/test_gae.py runs."""
    [line] = written(requirements=name)['requirements.txt'].splitlines()[3:]
    assert shlex.split(line) == ['-r', name]


@pytest.mark.parametrize('name', ['a #b', 'a ${PATH}', '${HOME}', 'http:x', 'requirements.txt'])
def test_requirements_that_pip_would_not_find_are_refused(name: str) -> None:
    with pytest.raises(DeployError, match=r'rename it|call yours'):
        written(requirements=name)


def test_what_a_file_says_of_its_options() -> None:
    files = written(max_instances='7', threads='3', workers='2', graceful_timeout='5', max_body='9M', server='cheroot')
    app = read(files['app.yaml'])
    assert app.automatic_scaling.max_instances == 7
    command = 'exec python -m bottle shop.web:site --server gae --health /_ah/warmup --workers 2 --threads 3'
    assert app.entrypoint == f'{command} --graceful-timeout 5 --max-body {9 << 20}'
    assert 'bottle-server-cheroot' in files['requirements.txt']
    assert 'bottle.run(shop.web.site, ' in files['main.py']
    assert 'bottle-server-wsgiref' not in written(server='wsgiref')['requirements.txt']


def test_a_module_called_main_is_not_written_over() -> None:
    assert 'main.py' not in written(app='main:app')


def test_servers_with_threads_are_taken() -> None:
    threaded = [name for name in PREFERENCE if server_names[name].capabilities.concurrency == 'threads']
    assert set(SERVERS) == {*threaded, 'wsgiref'}
    with pytest.raises(DeployError, match='try --server waitress'):
        written(server='gevent')


def test_the_checker_refuses_what_app_engine_does_not_know(tmp_path: Path) -> None:
    for name, text in written().items():
        (tmp_path / name).write_text(text)
    assert 'without fault' in GAE.check(tmp_path)
    with (tmp_path / 'app.yaml').open('a') as file:
        file.write(f'colour: red{os.linesep}')
    with pytest.raises(DeployError, match=r"refuses app\.yaml: Unexpected attribute 'colour'"):
        GAE.check(tmp_path)
