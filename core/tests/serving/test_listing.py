"""The list of servers as a table and as JSON."""

import json

import pytest

from bottle.serving import Backend, Capabilities, ServerAdapter
from bottle.serving.listing import ServerInfo, as_json, as_table, describe
from bottle.serving.registry import Registry

READY = ServerInfo('acme', 'acme-server', '1.0', 'engine', '2.7', 'threads')
BROKEN = ServerInfo('odd', 'odd-server', '0.1', state='broken', detail='no hook', remedy='uninstall it')


class Absent(ServerAdapter):
    """Needs what is not installed."""

    backend = Backend('no-such-engine', 'no_such_engine')
    capabilities = Capabilities(concurrency='processes')


def test_a_table_without_remedies() -> None:
    assert as_table([READY]).splitlines() == [
        'SERVER  DISTRIBUTION     BACKEND     CONCURRENCY  STATE',
        'acme    acme-server 1.0  engine 2.7  threads      ready',
    ]


def test_a_table_with_remedies() -> None:
    lines = as_table([READY, BROKEN]).splitlines()
    assert lines[2] == 'odd     odd-server 0.1   -           -            broken: no hook'
    assert lines[3:] == ['', 'To mend:', 'odd: uninstall it']


def test_json_holds_every_field() -> None:
    first, second = json.loads(as_json([READY, BROKEN]))
    assert first.keys() == second.keys() == set(ServerInfo._fields)
    assert first['backend_version'] == '2.7'
    assert second['state'] == 'broken'


@pytest.mark.parametrize(
    ('adapter', 'state', 'detail'),
    [
        (Absent, 'backend missing', 'no-such-engine is not installed'),
        (ServerAdapter, 'ready', ''),
        (int, 'broken', 'is no subclass'),
        ('no.such:Thing', 'broken', 'ModuleNotFoundError'),
    ],
)
def test_what_this_process_has_registered(adapter: object, state: str, detail: str) -> None:
    registry = Registry()
    registry.assign('mine', adapter)
    [mine] = [each for each in describe(registry) if each.name == 'mine']
    assert mine.state == state
    assert detail in mine.detail
