"""docker, compose and kubernetes: hostile values arrive as they were given, and the files agree with themselves."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bottle_deploy import checking
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.support.requirements import require_module, unavailable

ENVIRONMENT = {
    'QUOTES': """'"' "'" ''' \\" \\'""",
    'DOLLARS': '$ $$ $(B) ${B} $$(B) \\$B $',
    'BACKSLASHES': 'a\\ \\\\ \\n \\u0041 \\',
    'YAML': '- a: {b} [c] # d',
    'LOOKS': 'no',
    'NUMBER': '0x10',
    'TEMPLATE': '{{b}} % end <%',
    'COMMENT': '# a',
    'EMPTY': '',
    'BLANKS': '  a  ',
    'LETTERS': 'ä 日本 \U0001f37e',
    'BACKTICKS': '`b` && rm; exit',
}
HOSTILE_PATHS = (
    'a b',
    "a'b",
    'a"b',
    'a$b',
    'a\\b',
    'a#b',
    'a{b}',
    'a: b',
    '- a',
    '&a',
    '*a',
    '!a',
    '%a',
    'ä',
    '-',
    'a`b`',
)


def made(target: str, **options: Any) -> dict[str, str]:
    """Return the files of a target for hostile variables."""
    env = [f'{name}={value}' for name, value in ENVIRONMENT.items()]
    return dict(TARGETS[target].files(make_plan({'app': 'shop:app', 'server': 'wsgiref', 'env': env, **options})))


def composed(**options: Any) -> dict[str, Any]:
    """Return what Compose reads."""
    found: dict[str, Any] = yaml.safe_load(made('compose', **options)['compose.yaml'])
    return found


def objects(**options: Any) -> dict[str, Any]:
    """Return what Kubernetes reads, by kind."""
    return {each['kind']: each for each in yaml.safe_load_all(made('kubernetes', **options)['kubernetes.yaml'])}


def pod(**options: Any) -> dict[str, Any]:
    """Return what a pod is made from."""
    found: dict[str, Any] = objects(**options)['Deployment']['spec']['template']['spec']
    return found


def undoubled(text: str) -> str:
    """Return what Compose and Kubernetes make of dollars; a single one would begin a variable."""
    assert '$' not in text.replace('$$', '')
    return text.replace('$$', '$')


def require_checker(program: str) -> None:
    """End the test with the reason if a checker is not installed."""
    try:
        checking.find(program)
    except DeployError as error:
        unavailable(str(error))


def check(target: str, folder: Path, **options: Any) -> str:
    """Have files checked."""
    for name, text in made(target, **options).items():
        (folder / name).write_text(text, encoding='utf-8')
    return TARGETS[target].check(folder)


# --- docker


def steps(**options: Any) -> list[Any]:
    """Return the steps of a Dockerfile as BuildKit's parser reads them."""
    return list(require_module('dockerfile').parse_string(made('docker', **options)['Dockerfile']))


def test_a_dockerfile_has_its_steps_and_no_others() -> None:
    names = [each.cmd for each in steps()]
    wanted = ['FROM', 'ENV', 'RUN', 'WORKDIR', 'RUN', 'COPY', *(['ENV'] * len(ENVIRONMENT)), 'USER', 'EXPOSE']
    assert names == [*wanted, 'STOPSIGNAL', 'HEALTHCHECK', 'CMD']


def test_variables_of_an_image_are_quoted() -> None:
    """What BuildKit makes of the quotes is shown in tests/deployment/test_docker.py."""
    found = {each.value[0]: each.value[1] for each in steps() if each.cmd == 'ENV' and len(each.value) == 2}
    assert found.keys() == ENVIRONMENT.keys()
    for name, text in found.items():
        inside = text[1:-1].replace('\\\\', '')
        assert (text[0], text[-1]) == ('"', '"')
        assert '"' not in inside.replace('\\"', '')
        assert '$' not in inside.replace('\\$', '')
        assert text[1:-1].replace('\\"', '"').replace('\\$', '$').replace('\\\\', '\\') == ENVIRONMENT[name]


def test_an_image_needs_no_shell_to_run() -> None:
    last = steps(port='9000', server='gunicorn', workers='3')[-1]
    assert last.json
    assert last.value[:4] == ('python', '-m', 'bottle', 'shop:app')
    assert last.value[4:] == (
        '--server',
        'gunicorn',
        '--bind',
        '0.0.0.0:9000',
        '--health',
        '/healthz',
        '--workers',
        '3',
    )


@pytest.mark.parametrize(('server', 'wanted'), [('wsgiref', ''), ('waitress', 'bottle-server-waitress==')])
def test_an_image_has_the_server_that_was_tried(server: str, wanted: str) -> None:
    [line] = [each.value[0] for each in steps(server=server) if 'pip install' in each.value[0]]
    assert ' bottle==' in line
    assert wanted in line
    assert ('bottle-server' in line) == bool(wanted)


def test_an_image_has_a_server_that_is_not_installed_here() -> None:
    [line] = [each.value[0] for each in steps(server='no-such-server') if 'pip install' in each.value[0]]
    assert line.endswith(' bottle-server-no-such-server')


@pytest.mark.parametrize(
    'name', [*HOSTILE_PATHS, '.hidden', 'a/../../b', '../b', '--from=x', '<<EOF', 'a*', 'a?', '[a]']
)
def test_requirements_that_a_dockerfile_would_take_amiss_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r'rename it|has to name a file in it'):
        made('docker', directory=str(tmp_path), requirements=str(tmp_path / name))


def test_requirements_keep_their_place(tmp_path: Path) -> None:
    found = steps(directory=str(tmp_path), requirements=str(tmp_path / 'needs' / 'a-b_1.txt'))
    assert ('needs/a-b_1.txt', 'needs/a-b_1.txt') in [each.value for each in found if each.cmd == 'COPY']
    assert any(each.value[0].endswith(' -r needs/a-b_1.txt') for each in found if each.cmd == 'RUN')


@pytest.mark.parametrize('name', HOSTILE_PATHS)
def test_folders_that_a_dockerfile_would_take_amiss_are_refused(name: str) -> None:
    with pytest.raises(DeployError, match='rename it'):
        made('docker', writable=[f'/var/lib/{name}'])


def test_what_is_written_is_the_user_s_and_stays_out_of_the_image(tmp_path: Path) -> None:
    files = made('docker', directory=str(tmp_path), writable=[str(tmp_path / 'data'), '/var/lib/shop'])
    assert 'RUN install --directory --owner=10001 --group=10001 /app/data /var/lib/shop\n' in files['Dockerfile']
    assert 'data' in files['.dockerignore'].splitlines()


def test_hadolint_reads_the_dockerfile(tmp_path: Path) -> None:
    """All but what it does not read itself, and BuildKit does: a backslash before a quote."""
    require_checker('hadolint')
    env = [f'{name}={text}' for name, text in ENVIRONMENT.items() if name not in {'QUOTES', 'BACKSLASHES'}]
    assert check('docker', tmp_path, env=env, requirements='requirements.txt', writable=['data']) == ''


def test_hadolint_finds_a_fault(tmp_path: Path) -> None:
    require_checker('hadolint')
    (tmp_path / 'Dockerfile').write_text('FROM python:3.13-slim\nCMD python -m "bottle\n')
    with pytest.raises(DeployError, match='hadolint refuses'):
        TARGETS['docker'].check(tmp_path)


# --- compose


def test_variables_reach_composed_containers() -> None:
    found = {name: undoubled(text) for name, text in composed()['x-instance']['environment'].items()}
    assert found == ENVIRONMENT
    assert 'COMMENT' not in made('compose')['Dockerfile']


@pytest.mark.parametrize('name', HOSTILE_PATHS)
def test_folders_of_the_front_are_mounted(name: str, tmp_path: Path) -> None:
    given = {
        'directory': str(tmp_path),
        'static': [f'/a={tmp_path}/{name}', f'/b=/srv/{name}'],
        'certfile': f'/c/{name}',
    }
    mounts = composed(**given)['services']['front']['volumes']
    found = {each['target']: undoubled(each['source']) for each in mounts}
    assert found['/srv/static/0'] == f'./{name}'
    assert found['/srv/static/1'] == f'/srv/{name}'
    assert found['/etc/nginx/tls/certificate.pem'] == found['/etc/nginx/tls/key.pem'] == f'/c/{name}'
    assert all(each['read_only'] for each in mounts)
    assert f'/srv/{name}' not in made('compose', **given)['shop.conf']


def test_instances_have_the_addresses_that_nginx_knows() -> None:
    files = made('compose', instances='3', port='9000')
    services = yaml.safe_load(files['compose.yaml'])['services']
    front = services.pop('front')
    assert [*front['depends_on']] == [*services] == ['shop-1', 'shop-2', 'shop-3']
    for each in services.values():
        assert f'server {each["networks"]["default"]["ipv4_address"]}:9000 ' in files['shop.conf']
        trusted = each['command'][each['command'].index('--trusted-proxies') + 1]
        assert trusted == front['networks']['default']['ipv4_address']


def test_compose_waits_for_running_requests() -> None:
    assert composed(graceful_timeout='12.5')['x-instance']['stop_grace_period'] == '18s'


@pytest.mark.parametrize(
    ('listen', 'published'),
    [('', '80:80'), (':8000', '8000:8000'), ('127.0.0.1:81', '127.0.0.1:81:81'), ('[::1]:81', '[::1]:81:81')],
)
def test_the_front_is_published(listen: str, published: str) -> None:
    given = {'listen': listen} if listen else {}
    assert composed(**given)['services']['front']['ports'] == [published]


@pytest.mark.parametrize('given', [{'listen': 'localhost:80'}, {'instances': '101'}])
def test_what_compose_cannot_do_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(DeployError, match=r'give --listen|use kubernetes'):
        made('compose', **given)


def test_compose_reads_its_file(tmp_path: Path) -> None:
    require_checker('docker-compose')
    static = [f'/a={tmp_path}/{HOSTILE_PATHS[3]}']
    given = {
        'directory': str(tmp_path),
        'instances': '2',
        'static': static,
        'certfile': '/c',
        'writable': ['/var/lib/shop'],
    }
    assert check('compose', tmp_path, **given) == ''


def test_compose_finds_a_fault(tmp_path: Path) -> None:
    require_checker('docker-compose')
    (tmp_path / 'compose.yaml').write_text('services: {front: {image: nginx, depends: []}}\n')
    with pytest.raises(DeployError, match='refuses the files'):
        TARGETS['compose'].check(tmp_path)


# --- kubernetes


def test_variables_reach_pods() -> None:
    [container] = pod()['containers']
    assert {each['name']: undoubled(each['value']) for each in container['env']} == ENVIRONMENT


@pytest.mark.parametrize('name', HOSTILE_PATHS)
def test_the_path_of_a_certificate_stays_in_its_comment(name: str) -> None:
    given = {'certfile': f'/c/{name}', 'host': ['a.example', '*.b.example']}
    [tls] = objects(**given)['Ingress']['spec']['tls']
    assert tls == {'secretName': 'shop-tls', 'hosts': ['a.example', '*.b.example']}


def test_periods_of_grace_agree() -> None:
    found = pod(graceful_timeout='12.5')
    leaving = found['containers'][0]['lifecycle']['preStop']['sleep']['seconds']
    assert found['terminationGracePeriodSeconds'] == leaving + 13 + 5
    assert '--graceful-timeout' in found['containers'][0]['args']


def test_probes_ask_for_health() -> None:
    [container] = pod(health='/a/b', port='9000')['containers']
    assert [container[f'{each}Probe']['httpGet'] for each in ('startup', 'readiness', 'liveness')] == 3 * [
        {'path': '/a/b', 'port': 'http'}
    ]
    assert container['ports'] == [{'name': 'http', 'containerPort': 9000}]


def test_pods_have_no_rights() -> None:
    found = pod()
    [container] = found['containers']
    assert found['securityContext']['runAsNonRoot'] is True
    assert found['securityContext']['seccompProfile'] == {'type': 'RuntimeDefault'}
    assert container['securityContext'] == {
        'allowPrivilegeEscalation': False,
        'readOnlyRootFilesystem': True,
        'capabilities': {'drop': ['ALL']},
    }


def test_nobody_is_trusted_in_a_cluster() -> None:
    [container] = pod()['containers']
    assert '--trusted-proxies' not in container['args']
    assert '--trusted-proxies' in made('kubernetes')['kubernetes.yaml']


@pytest.mark.parametrize(
    ('given', 'least', 'most'),
    [({}, 1, 4), ({'instances': '3'}, 3, 12), ({'instances': '3', 'max_instances': '7'}, 3, 7)],
)
def test_instances_grow_under_load(given: dict[str, str], least: int, most: int) -> None:
    found = objects(**given)
    scaler = found['HorizontalPodAutoscaler']['spec']
    assert (scaler['minReplicas'], scaler['maxReplicas']) == (least, most)
    assert 'replicas' not in found['Deployment']['spec']
    assert ('PodDisruptionBudget' in found) == (least > 1)


def test_a_fixed_number_of_instances_needs_no_autoscaler() -> None:
    found = objects(instances='3', max_instances='3')
    assert found['Deployment']['spec']['replicas'] == 3
    assert 'HorizontalPodAutoscaler' not in found


def test_selectors_find_the_pods() -> None:
    found = objects(instances='2')
    labels = found['Deployment']['spec']['template']['metadata']['labels']
    assert found['Deployment']['spec']['selector']['matchLabels'] == labels
    assert found['PodDisruptionBudget']['spec']['selector']['matchLabels'] == labels
    assert found['Service']['spec']['selector'] == labels


def test_an_ingress_takes_what_the_application_takes() -> None:
    ingress = objects(max_body='20M', timeout='90.5', host=['a.example', 'b.example'])['Ingress']
    found = {tuple(name.split('/')): value for name, value in ingress['metadata']['annotations'].items()}
    assert found == {
        ('nginx.org', 'client-max-body-size'): str(20 << 20),
        ('nginx.org', 'proxy-read-timeout'): '91s',
        ('nginx.org', 'proxy-send-timeout'): '91s',
        ('nginx.org', 'proxy-buffering'): 'false',
        ('nginx.ingress.kubernetes.io', 'proxy-body-size'): str(20 << 20),
        ('nginx.ingress.kubernetes.io', 'proxy-read-timeout'): '91',
        ('nginx.ingress.kubernetes.io', 'proxy-send-timeout'): '91',
    }
    assert [each['host'] for each in ingress['spec']['rules']] == ['a.example', 'b.example']


@pytest.mark.parametrize(
    'given', [{'name': 'a_b'}, {'name': 60 * 'a'}, {'host': ['192.0.2.1']}, {'instances': '3', 'max_instances': '2'}]
)
def test_what_kubernetes_cannot_have_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match=r'give --name|leave it out|is less than'):
        made('kubernetes', **given)


@pytest.mark.parametrize(
    'given', [{}, {'instances': '2', 'host': ['a.example'], 'certfile': '/c', 'workers': '4', 'image': 'a.example/b:1'}]
)
def test_kubernetes_schemas_find_no_fault(given: dict[str, Any], tmp_path: Path) -> None:
    said = check('kubernetes', tmp_path, **given)
    assert all(kind in said for kind in objects(**given))


@pytest.mark.parametrize('text', ['minReplicas: 1', 'path: /\n', 'containerPort: 8080'])
def test_kubernetes_schemas_find_a_fault(text: str, tmp_path: Path) -> None:
    name, _, value = text.partition(': ')
    wrong = made('kubernetes')['kubernetes.yaml'].replace(text, f'{name}s: {value}')
    (tmp_path / 'kubernetes.yaml').write_text(wrong, encoding='utf-8')
    with pytest.raises(DeployError, match='is not what Kubernetes'):
        TARGETS['kubernetes'].check(tmp_path)


def test_the_schemas_are_named_where_they_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, 'kubernetes_validate', None)
    with pytest.raises(DeployError, match=r"pip install 'bottle-deploy\[kubernetes\]'"):
        check('kubernetes', tmp_path)


def test_commands_are_lists_of_texts() -> None:
    command = composed(port='9000')['x-instance']['command']
    [container] = pod(port='9000')['containers']
    assert [each for each in container['command'] + container['args'] if not isinstance(each, str)] == []
    assert json.dumps(command[:3]) == json.dumps(container['command'])
