"""`python -m bottle --servers`: what is installed, what is broken and why, and what to type; no backend is imported."""

import json
import re
from typing import Any

import pytest

from tests.support.distributions import SERVERS, Distribution, Site, adapter_module, server_plugin

BUILTIN = {'auto', 'wsgiref'}
HOOK = 'from bottle.serving import ServerAdapter, hookimpl\n@hookimpl\ndef bottle_server_adapter():\n    '
BROKEN = {  # by name: the module's source, and what must be said
    'raises': ('1 / 0', 'ZeroDivisionError: division by zero'),
    'exits': ('import sys\nsys.exit("no licence")', 'SystemExit: no licence'),
    'syntax': ('def', 'SyntaxError: invalid syntax'),
    'hookless': ('', 'it does not implement the hook bottle_server_adapter'),
    'misspelt': (HOOK.replace('adapter()', 'adaptor()') + 'pass', "unknown hook 'bottle_server_adaptor'"),
    'none': (HOOK + 'return None', 'it does not implement the hook bottle_server_adapter'),
    'wrong': (HOOK + 'return 42', '42 is no subclass of bottle.ServerAdapter'),
    'failing': (HOOK + 'raise RuntimeError("no adapter today")', 'RuntimeError: no adapter today'),
    'uncapable': (
        HOOK + 'return type("Server", (ServerAdapter,), {"capabilities": 1})',
        'Server.capabilities is no bottle.serving.Capabilities',
    ),
    'backless': (
        HOOK + 'return type("Server", (ServerAdapter,), {"backend": "engine"})',
        'Server.backend is no bottle.serving.Backend',
    ),
}
ENGINE = 'from pathlib import Path\nPath(__file__).with_name("imported").touch()\n'


def listed(site: Site, **env: str) -> dict[str, dict[str, Any]]:
    """Return what `--servers --json` says, by the server's name."""
    done = site.run('-m', 'bottle', '--servers', '--json', env=env)
    assert done.returncode == 0, done.stderr
    assert 'Traceback' not in done.stderr
    return {each['name']: each for each in json.loads(done.stdout)}


def table(site: Site, **env: str) -> tuple[dict[str, str], str]:
    """Return the lines of `--servers` by the server's name, and what stands below the table."""
    done = site.run('-m', 'bottle', '--servers', env=env)
    assert done.returncode == 0, done.stderr
    lines, _, remedies = done.stdout.partition('\n\n')
    return {line.split()[0]: line for line in lines.splitlines()[1:]}, remedies


def test_the_core_alone_lists_what_is_built_in(site: Site) -> None:
    servers = listed(site)
    assert servers.keys() == BUILTIN
    assert {each['state'] for each in servers.values()} == {'ready'}
    assert {each['distribution'] for each in servers.values()} == {'bottle'}
    assert servers['wsgiref']['concurrency'] == 'threads'
    assert servers['auto']['detail'] == 'chooses wsgiref'


def test_a_ready_server_and_its_backend(site: Site) -> None:
    site.add(server_plugin('acme', backend='engine'), Distribution('engine', {'engine.py': ENGINE}, version='2.7'))
    lines, remedies = table(site)
    assert re.fullmatch(r'acme +bottle-server-acme 1\.0 +engine 2\.7 +sync +ready', lines['acme'])
    assert not remedies
    expected = {'distribution': 'bottle-server-acme', 'version': '1.0', 'backend': 'engine', 'backend_version': '2.7'}
    assert listed(site)['acme'].items() >= {**expected, 'concurrency': 'sync', 'state': 'ready', 'remedy': ''}.items()


def test_no_backend_is_imported(site: Site) -> None:
    site.add(server_plugin('acme', backend='engine'), Distribution('engine', {'engine.py': ENGINE}))
    done = site.run('-X', 'importtime', '-v', '-m', 'bottle', '--servers')
    assert ' ready' in done.stdout
    assert 'bottle_server_acme' in done.stderr
    assert 'engine.py' not in done.stderr
    assert not (site.folder / 'imported').exists()
    site.run('-c', 'import engine')
    assert (site.folder / 'imported').exists()


@pytest.mark.parametrize(
    ('requirement', 'wanted'),
    [
        ('engine>=2', 'engine>=2'),
        ('Engine (>=2,<3) ; python_version > "3"', 'Engine(>=2,<3)'),
        ('engine[fast]>=2; extra == "x"', 'engine[fast]>=2'),
        ('engines>=9', 'engine'),
    ],
)
def test_an_absent_backend_comes_with_the_command_that_installs_it(site: Site, requirement: str, wanted: str) -> None:
    site.add(server_plugin('acme', backend='engine', requires=[requirement]))
    command = f'python -m pip install "{wanted}"'
    server = listed(site)['acme']
    assert (server['state'], server['backend_version'], server['remedy']) == ('backend missing', '', command)
    lines, remedies = table(site)
    assert lines['acme'].endswith('backend missing: engine is not installed')
    assert f'acme: {command}' in remedies


def test_a_plugin_may_say_how_its_backend_is_installed(site: Site) -> None:
    source = adapter_module('acme', 'engine').replace(
        "'engine', 'engine')", "'engine', 'engine', 'brew install engine')"
    )
    site.add(server_plugin('acme', source))
    assert listed(site)['acme']['remedy'] == 'brew install engine'


def test_broken_plugins_are_named_and_hide_nothing(site: Site) -> None:
    site.add(*(server_plugin(name, source) for name, (source, _) in BROKEN.items()), server_plugin('fine'))
    servers = listed(site)
    assert servers.keys() == BUILTIN | BROKEN.keys() | {'fine'}
    assert servers['fine']['state'] == servers['wsgiref']['state'] == 'ready'
    for name, (_, cause) in BROKEN.items():
        assert servers[name]['state'] == 'broken', servers[name]
        assert cause in servers[name]['detail']
        assert f'distribution bottle-server-{name} 1.0 is broken' in servers[name]['detail']
        assert f'pip uninstall bottle-server-{name}' in servers[name]['remedy']
        assert '\n' not in servers[name]['detail']


@pytest.mark.parametrize(
    ('target', 'cause'),
    [
        ('nowhere_at_all', 'ModuleNotFoundError: No module named'),
        ('bottle_server_acme:nothing', 'AttributeError: '),
        ('not a module', 'is broken: '),
    ],
)
def test_an_entry_point_that_leads_nowhere(site: Site, target: str, cause: str) -> None:
    module = {'bottle_server_acme.py': ''}
    site.add(Distribution('acme-server', module, {SERVERS: {'acme': target}}))
    server = listed(site)['acme']
    assert server['state'] == 'broken'
    assert cause in server['detail']
    assert 'acme-server 1.0' in server['detail']


def test_metadata_that_cannot_be_read_hides_nothing(site: Site) -> None:
    site.add(server_plugin('acme'), server_plugin('odd'), server_plugin('binary'))
    (site.folder / 'bottle_server_odd-1.0.dist-info' / 'entry_points.txt').write_text(
        'rubbish\n[bottle.servers]\nrubbish\n# x = y\nodd = bottle_server_odd\n[other]\nno = matter\n'
    )
    (site.folder / 'bottle_server_binary-1.0.dist-info' / 'entry_points.txt').write_bytes(
        b'[bottle.servers]\n\xff=\xfe'
    )
    (site.folder / 'left_over-3.0.dist-info').mkdir()
    servers = listed(site)
    assert servers.keys() == BUILTIN | {'acme', 'odd'}
    assert servers['odd']['state'] == 'ready'


def test_a_left_over_folder_of_a_backend_is_no_backend(site: Site) -> None:
    site.add(server_plugin('acme', backend='engine'))
    (site.folder / 'engine-2.0.dist-info').mkdir()
    assert listed(site)['acme']['state'] == 'backend missing'


def test_blocked_names(site: Site) -> None:
    site.add(server_plugin('acme'), server_plugin('raises', '1 / 0'))
    servers = listed(site, BOTTLE_DISABLED_SERVERS='acme, raises')
    assert [servers[name]['state'] for name in ('acme', 'raises', 'wsgiref')] == ['blocked', 'blocked', 'ready']
    assert 'BOTTLE_DISABLED_SERVERS' in servers['acme']['remedy']
    assert servers['acme']['distribution'] == 'bottle-server-acme'


def test_a_name_claimed_twice(site: Site) -> None:
    site.add(server_plugin('acme'), server_plugin('acme', distribution='acme-server'))
    server = listed(site)['acme']
    assert server['state'] == 'conflict'
    assert {'bottle-server-acme', 'acme-server'} == set(server['distribution'].split(', '))
    assert 'claimed by acme-server 1.0 and bottle-server-acme 1.0' in server['detail']
    assert 'choose with acme-server:acme or bottle-server-acme:acme' in server['remedy']


def test_a_built_in_name_claimed_by_a_stranger(site: Site) -> None:
    site.add(server_plugin('wsgiref', distribution='acme-server'))
    assert listed(site)['wsgiref']['state'] == 'conflict'
    assert (
        site.run('-c', "import bottle; print(bottle.server_names['bottle:wsgiref'].__name__)").stdout
        == 'WSGIRefServer\n'
    )


def test_the_distribution_chooses_between_two(site: Site) -> None:
    site.add(server_plugin('acme'), server_plugin('acme', distribution='acme-server'))
    program = 'import bottle; print(*(bottle.server_names[n].__module__ for n in ("{0}:acme", "Acme.Server:acme")))'
    done = site.run('-c', program.format('bottle-server-acme'))
    assert done.stdout.split() == ['bottle_server_acme', 'acme_server'], done.stderr


def test_one_object_under_two_distributions(site: Site) -> None:
    site.add(server_plugin('acme'), Distribution('thief', {}, {SERVERS: {'stolen': 'bottle_server_acme'}}))
    servers = listed(site)
    states = {servers[name]['state'] for name in ('acme', 'stolen')}
    assert states == {'ready', 'broken'}
    assert 'bottle-server-acme and thief offer the same plugin object' in json.dumps(servers)


def test_one_module_behind_two_names_of_its_distribution(site: Site) -> None:
    site.add(Distribution('acme', {'acme.py': adapter_module('acme')}, {SERVERS: {'acme': 'acme', 'alias': 'acme'}}))
    assert {listed(site)[name]['state'] for name in ('acme', 'alias')} == {'ready'}


def test_the_first_distribution_on_the_path_hides_another_of_its_name(site: Site) -> None:
    other = site.folder / 'later'
    server_plugin('acme').lay_out(site.folder)
    later = Distribution('Bottle.Server_acme', {}, {SERVERS: {'acme': 'x', 'older': 'y'}}, version='0.1')
    later.lay_out(other)
    path = site.environment()['PYTHONPATH'] + f':{other}'
    servers = listed(site, PYTHONPATH=path)
    assert servers.keys() == BUILTIN | {'acme'}
    assert servers['acme']['version'] == '1.0'


def test_what_a_plugin_prints_is_no_part_of_the_list(site: Site) -> None:
    site.add(server_plugin('acme', 'print("hello")\n' + adapter_module('acme')))
    assert listed(site)['acme']['state'] == 'ready'


def test_table_and_json_say_the_same(site: Site) -> None:
    site.add(server_plugin('acme', backend='engine'), server_plugin('raises', '1 / 0'), server_plugin('fine'))
    lines, remedies = table(site)
    servers = listed(site)
    assert lines.keys() == servers.keys()
    for name, server in servers.items():
        assert server['state'] in lines[name]
        assert f'{server["distribution"]} {server["version"]}' in lines[name]
        assert server['detail'] in lines[name]
        assert not server['remedy'] or f'{name}: {server["remedy"]}' in remedies


def test_the_option_may_stand_among_others(site: Site) -> None:
    assert (
        site.run('-m', 'bottle', '--json', '--debug', '--servers').stdout
        == site.run('-m', 'bottle', '--servers', '--json').stdout
    )
