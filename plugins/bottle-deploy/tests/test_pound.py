"""Pound: values in the language of its configuration, whose client it names, and which names it serves."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path
from tests.deployment.sites import Site, answered, front, instance
from tests.support.client import TIMEOUT, fetch, raw, read_all

SPOOFED = (
    ['X-Forwarded-For: 192.0.2.1', 'x-forwarded-for: 192.0.2.2'],
    ['X-Forwarded-For: 192.0.2.1,', 'X-Forwarded-For:', 'X-Forwarded-For : 192.0.2.3'],
    ['X-FORWARDED-PROTO: https', 'X-Forwarded-Proto: https', 'FORWARDED: for=192.0.2.1', 'x-real-ip: 192.0.2.1'],
    ['X-Forwarded-Host: evil.example', 'X-Forwarded-Port: 1', 'X-Forwarded-Prefix: /evil'],
)


@pytest.fixture(scope='module')
def named() -> Iterator[Site]:
    """Return a site that has names."""
    with (
        instance('waitress') as behind,
        front('pound', [behind], host=['127.0.0.1', 'shop.example', '*.shop.example']) as running,
    ):
        yield running


@pytest.mark.parametrize('name', [*HOSTILE, *DOLLARS])
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('pound', around, name)


@pytest.mark.parametrize('lines', SPOOFED)
def test_whatever_a_client_says_of_itself_goes(named: Site, lines: list[str]) -> None:
    head = ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Connection: close', *lines]
    with closing(raw(named.url)) as connection:
        connection.sendall(''.join(f'{each}\r\n' for each in [*head, '']).encode())
        seen = answered(read_all(connection).partition(b'\r\n\r\n')[2])
    assert (seen['client'], seen['scheme'], seen['host']) == ('127.0.0.1', 'http', '127.0.0.1')


@pytest.mark.parametrize('host', ['shop.example', 'SHOP.example:8080', 'a.b.shop.example'])
def test_its_names_are_served(named: Site, host: str) -> None:
    assert fetch(named.url, '/path/1', Host=host).body == b'1'


@pytest.mark.parametrize(
    'host', ['other.example', 'shopXexample', 'shop.example.evil', '.shop.example.', 'ashop.example']
)
def test_other_names_are_not(named: Site, host: str) -> None:
    assert fetch(named.url, '/path/1', Host=host).status == 404


def test_what_was_not_sent_yet_goes_to_another_instance() -> None:
    with ExitStack() as stack:
        behind = [stack.enter_context(instance('waitress')) for _ in range(2)]
        running = stack.enter_context(front('pound', behind))
        os.kill(behind[0].process.process.pid, signal.SIGKILL)
        behind[0].process.process.wait(TIMEOUT)
        assert {fetch(running.url, '/upload', 'POST', b'x').status for _ in range(4)} == {200}
