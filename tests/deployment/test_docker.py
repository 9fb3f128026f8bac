"""The Dockerfile: its steps are run one after the other in a clean root, and what they make serves."""

import json
import os
import sys
from pathlib import Path

import pytest

from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from bottle_deploy.targets.docker import USER_ID
from tests.deployment.images import Image, build, require_namespaces
from tests.deployment.sites import ROOT
from tests.support.processes import run

SERVER = 'gunicorn'
HOSTILE = 'a "b" $(c) ${PATH} \\ \'d\' #e é \\'
APPLICATION = """\
import json, os
from bottle import Bottle, request, response, template
import slugify
app = Bottle()

@app.get('/')
def page():
    return template('page', name=slugify.slugify('It Works'))

@app.get('/told')
def told():
    return {'told': os.environ['TOLD'], 'files': sorted(os.listdir('.')), 'user': os.getuid(), 'pid': os.getpid()}

@app.post('/upload')
def upload():
    return {'length': len(request.files.get('file').file.read())}
"""
SOURCES = {
    'shop.py': APPLICATION,
    'views/page.tpl': '<h1>{{name}}</h1>\n',
    'requirements.txt': 'python-slugify==8.0.4\n',
    '.env': 'SECRET=1\n',
    'views/.env': 'SECRET=1\n',
    'server.key': 'secret\n',
    '__pycache__/shop.cpython-311.pyc': '',
}


@pytest.fixture(scope='module')
def own_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheels of ours that the image needs: those that nox built, or new ones."""
    if given := os.environ.get('BOTTLE_WHEELS'):
        return Path(given)
    target = tmp_path_factory.mktemp('wheels')
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation']
    run([*command, '--wheel-dir', str(target), './core', f'./plugins/bottle-server-{SERVER}'], ROOT)
    return target


@pytest.fixture(scope='module')
def image(tmp_path_factory: pytest.TempPathFactory, own_wheels: Path) -> Image:
    """Return the image that the generated Dockerfile makes of an application."""
    require_namespaces()
    context = tmp_path_factory.mktemp('context')
    given = {'app': 'shop:app', 'server': SERVER, 'workers': '2', 'env': [f'TOLD={HOSTILE}']}
    given |= {'directory': str(context), 'requirements': str(context / 'requirements.txt')}
    for name, text in {**SOURCES, **TARGETS['docker'].files(make_plan(given))}.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(text, encoding='utf-8')
    return build(context, tmp_path_factory.mktemp('root'), own_wheels)


def test_it_serves_and_ends_when_it_is_told_to(image: Image) -> None:
    with image.started(image.command, read_only=True, temporary=['/tmp']) as container:
        container.await_health()
        assert container.fetch('/') == '<h1>it-works</h1>\n'
        told = json.loads(container.fetch('/told'))
        assert told['told'] == HOSTILE
        assert told['files'] == ['requirements.txt', 'shop.py', 'views']
        assert told['user'] == USER_ID
        assert told['pid'] != 1  # one of two workers
        large = container.image.root.parent / 'large'
        large.write_bytes(bytes(5 << 20))
        assert json.loads(container.fetch('/upload', '--form', f'file=@{large}')) == {'length': 5 << 20}
        assert container.status()['Uid'].split() == 4 * [str(USER_ID)]
        assert container.stop() == 0, container.log.read_text()


def test_the_health_check_finds_what_does_not_answer(image: Image) -> None:
    with image.started(['sleep', '60']) as container:
        assert container.execute(*image.health).returncode == 1


def test_the_application_cannot_change_itself(image: Image) -> None:
    with image.started(['sleep', '60']) as container:
        for path in ('shop.py', 'views', '/opt/python'):
            assert container.execute('test', '-r', path).returncode == 0
            assert container.execute('test', '-w', path).returncode == 1
