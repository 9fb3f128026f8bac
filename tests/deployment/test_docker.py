"""Containers: the Dockerfile's steps are run in a clean root; what they make is run as each platform's file says."""

import json
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from bottle_deploy.targets.docker import USER_ID
from tests.deployment.images import Container, Image, Mount, Network, bridge, build, nginx_image, require_namespaces
from tests.deployment.sites import ROOT
from tests.support.processes import run
from tests.support.requirements import require_module, require_program

SERVER = 'gunicorn'
HOSTILE = 'a "b" $(HOME) ${PATH} $$ \\ \'d\' #e é \U0001f37e \\'
REQUESTS = 20
APPLICATION = """\
import os, secrets
import slugify
from bottle import Bottle, request, template

app = Bottle()
WHO = secrets.token_hex()

@app.get('/')
def page():
    return template('page', name=slugify.slugify('It Works'))

@app.get('/told')
def told():
    about = {'who': WHO, 'client': request.remote_addr, 'user': os.getuid(), 'pid': os.getpid()}
    return {**about, 'told': os.environ['TOLD'], 'files': sorted(os.listdir('.'))}

@app.post('/upload')
def upload():
    return {'length': len(request.files.get('file').file.read())}

@app.get('/write')
def write():
    with open('data/written', 'w') as file:
        return str(file.write('written'))
"""
SOURCES = {
    'shop.py': APPLICATION,
    'views/page.tpl': '<h1>{{name}}</h1>\n',
    'public/a b.txt': 'from the front\n',
    'requirements.txt': 'python-slugify==8.0.4\n',
    '.env': 'SECRET=1\n',
    'views/.env': 'SECRET=1\n',
    'server.key': 'secret\n',
    'data/test.sqlite3': 'of another machine',
    '__pycache__/shop.cpython-311.pyc': '',
}


def own_wheels(folder: Path) -> Path:
    """Return a folder with the wheels of ours that the image needs: those that nox built, or new ones."""
    if given := os.environ.get('BOTTLE_WHEELS'):
        return Path(given)
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation']
    run([*command, '--wheel-dir', str(folder), './core', f'./plugins/bottle-server-{SERVER}'], ROOT)
    return folder


def written(target: str, folder: Path, **options: Any) -> Path:
    """Write the application and what a target needs to run it, and return the folder."""
    given = {'app': 'shop:app', 'server': SERVER, 'env': [f'TOLD={HOSTILE}'], **options}
    if target != 'kubernetes':
        given |= {'directory': str(folder), 'requirements': str(folder / 'requirements.txt')}
        given |= {'writable': [str(folder / 'data')]}
    for name, text in {**SOURCES, **TARGETS[target].files(make_plan(given))}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')
    return folder


@pytest.fixture(scope='module')
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Return the image that the generated Dockerfile makes of an application; the first one who asks builds it."""
    require_namespaces()
    folder = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        folder = folder.parent  # of all workers
    with (folder / 'image.lock').open('w') as lock:
        flock(lock, LOCK_EX)
        built = folder / 'image.pickle'
        if not built.exists():
            context = written('docker', folder / 'context', workers='2')
            built.write_bytes(pickle.dumps(build(context, folder / 'image', own_wheels(folder / 'wheels'))))
        found: Image = pickle.loads(built.read_bytes())
        return found


def test_an_image_serves_and_ends_when_it_is_told_to(image: Image, tmp_path: Path) -> None:
    with image.started(image.command, read_only=True, temporary=['/tmp']) as container:
        container.await_health()
        assert container.fetch('/') == '<h1>it-works</h1>\n'
        told = json.loads(container.fetch('/told'))
        assert (told['told'], told['user']) == (HOSTILE, USER_ID)
        assert told['files'] == ['data', 'public', 'requirements.txt', 'shop.py', 'views']
        assert told['pid'] != 1  # one of two workers
        assert not (image.root / 'app/data/test.sqlite3').exists()
        (tmp_path / 'large').write_bytes(bytes(5 << 20))
        assert json.loads(container.fetch('/upload', '--form', f'file=@{tmp_path}/large')) == {'length': 5 << 20}
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
        assert container.execute('test', '-w', 'data').returncode == 0


@contextmanager
def composed(
    services: dict[str, Any], image: Image, front: Image, folder: Path
) -> Iterator[tuple[Network, dict[str, Container]]]:
    """Run the services of a compose.yaml: a front of nginx, and instances of the image."""
    with ExitStack() as stack:
        running = {}
        [address] = services['front']['networks']['default'].values()
        network = stack.enter_context(bridge(f'{address.rpartition(".")[0]}.1', 24))
        for name, service in sorted(services.items(), key=lambda item: item[0] == 'front'):
            root = front if name == 'front' else image
            running[name] = stack.enter_context(
                root.started(
                    service.get('command', root.command),
                    extra={each: uninterpolated(text) for each, text in service.get('environment', {}).items()},
                    read_only=service.get('read_only', False),
                    temporary=service.get('tmpfs', ()),
                    mounts=list(mounts(service, folder, image)),
                    confined=service.get('cap_drop') == ['ALL'],
                    network=network.join(service['networks']['default']['ipv4_address']),
                )
            )
            if root is image:
                running[name].await_health()
        yield network, running


def uninterpolated(text: str) -> str:
    """Return what Compose makes of a text without variables."""
    assert '$' not in text.replace('$$', '')
    return text.replace('$$', '$')


def mounts(service: dict[str, Any], folder: Path, image: Image) -> Iterator[Mount]:
    """Yield what a service sees of the machine; a new volume is whose the folder of the image is."""
    for each in service.get('volumes', []):
        source = folder / uninterpolated(each['source'])
        if each['type'] == 'volume' and not source.exists():
            source.mkdir()
            like = (image.root / each['target'][1:]).stat()
            os.chown(source, like.st_uid, like.st_gid)
        yield Mount(source, each['target'], writable=not each.get('read_only', False))


def test_composed_instances_serve_behind_their_front(image: Image, tmp_path: Path) -> None:
    require_program('docker-compose')
    folder = written('compose', tmp_path / 'site', instances='2', static=[f'/files={tmp_path}/site/public'])
    TARGETS['compose'].check(folder)
    services = require_module('yaml').safe_load((folder / 'compose.yaml').read_text(encoding='utf-8'))['services']
    front = nginx_image(tmp_path / 'nginx')
    (front.root / 'srv/static/0').mkdir()
    with composed(services, image, front, folder) as (network, running):
        site = f'http://{services["front"]["networks"]["default"]["ipv4_address"]}'
        one, other = (running[name] for name in ('shop-1', 'shop-2'))
        network.await_answer(site)
        assert (one.status()['NoNewPrivs'], int(one.status()['CapBnd'], 16)) == ('1', 0)
        told = [
            json.loads(network.fetch(f'{site}/told', '--header', 'X-Forwarded-For: 192.0.2.1')) for _ in range(REQUESTS)
        ]
        assert len({each['who'] for each in told}) == 2
        assert {(each['told'], each['client']) for each in told} == {(HOSTILE, network.address)}
        assert network.fetch(f'{site}/files/a%20b.txt') == 'from the front\n'
        assert network.fetch(f'{site}/write') == '7'
        assert one.stop() == 0, one.log.read_text()
        told = [json.loads(network.fetch(f'{site}/told')) for _ in range(REQUESTS)]
        assert len({each['who'] for each in told}) == 1
        assert other.stop() == 0, other.log.read_text()


def test_an_instance_believes_its_front_alone(image: Image, tmp_path: Path) -> None:
    folder = written('compose', tmp_path / 'site')
    services = require_module('yaml').safe_load((folder / 'compose.yaml').read_text(encoding='utf-8'))['services']
    with composed(services, image, nginx_image(tmp_path / 'nginx'), folder) as (network, _):
        address = services['shop-1']['networks']['default']['ipv4_address']
        spoofed = ('--header', 'X-Forwarded-For: 192.0.2.1')
        assert json.loads(network.fetch(f'http://{address}:8080/told', *spoofed))['client'] == network.address


def test_a_pod_serves_as_its_deployment_says(image: Image, tmp_path: Path) -> None:
    folder = written('kubernetes', tmp_path, graceful_timeout='3')
    [deployment, *_] = require_module('yaml').safe_load_all((folder / 'kubernetes.yaml').read_text(encoding='utf-8'))
    pod = deployment['spec']['template']['spec']
    [container] = pod['containers']
    rights, user = container['securityContext'], pod['securityContext']
    command = [expanded(each) for each in container['command'] + container['args']]
    with image.started(
        command,
        extra={each['name']: expanded(each['value']) for each in container['env']},
        user=f'{user["runAsUser"]}:{user["runAsGroup"]}',
        read_only=rights['readOnlyRootFilesystem'],
        temporary=[each['mountPath'] for each in container['volumeMounts']],
        confined=rights['capabilities']['drop'] == ['ALL'] and not rights['allowPrivilegeEscalation'],
    ) as running:
        running.await_health()
        for probe in ('startupProbe', 'readinessProbe', 'livenessProbe'):
            running.fetch(container[probe]['httpGet']['path'])
        assert json.loads(running.fetch('/told'))['told'] == HOSTILE
        assert running.stop() == 0, running.log.read_text()
    assert pod['terminationGracePeriodSeconds'] > container['lifecycle']['preStop']['sleep']['seconds'] + 3


def expanded(text: str) -> str:
    """Return what Kubernetes makes of a text without references to variables."""
    assert '$(' not in text.replace('$$', '')
    return text.replace('$$', '$')
