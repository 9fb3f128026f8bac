"""Caddy: values in the language of its configuration, certificates of its own, and when an instance is left out."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path, below, options
from tests.deployment.sites import Site, fetch_securely, front, instance, public_folder, site
from tests.support.client import TIMEOUT, fetch, raw, read_all
from tests.support.requirements import require_program

REFUSED = [name for name in (*HOSTILE, *DOLLARS) if set(name) & set('`{:')]
LIMIT = 1000  # bytes of a body


@pytest.fixture(scope='module')
def single() -> Iterator[Site]:
    """Return a site with a single instance, so that it shows when that is out of service."""
    with (
        instance('waitress') as behind,
        front('caddy', [behind], host=['127.0.0.1', 'shop.example', '*.shop.example'], max_body=str(LIMIT)) as running,
    ):
        yield running


def configured(folder: Path, **given: Any) -> dict[str, Any]:
    """Return the server that Caddy makes of its file."""
    for name, text in TARGETS['caddy'].files(make_plan({'app': 'app', **given})).items():
        (folder / name).write_text(text)
    command = [str(require_program('caddy')), 'adapt', '--config', str(folder / 'Caddyfile'), '--validate']
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    [server] = json.loads(done.stdout)['apps']['http']['servers'].values()
    return dict(server)


@pytest.mark.parametrize('name', [*(name for name in (*HOSTILE, *DOLLARS) if name not in REFUSED), 'é,@='])
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('caddy', around, name)


@pytest.mark.parametrize('name', REFUSED)
def test_what_it_would_take_amiss_is_refused(around: World, name: str) -> None:
    with pytest.raises(DeployError, match=r'caddy cannot have a [`{:] in .*: rename it'), below('caddy', around, name):
        pass


def test_the_key_may_have_a_file_of_its_own(around: World) -> None:
    with public_folder() as folder, site('caddy', folder, options(around, around.certificate, around.key)) as running:
        assert fetch_securely(running.url, '/', around.certificate).status == 200


def test_it_gets_certificates_for_names_alone(tmp_path: Path) -> None:
    server = configured(tmp_path, host=['shop.example', 'www.shop.example'])
    assert (server['listen'], 'automatic_https' in server) == ([':443'], False)


@pytest.mark.parametrize('given', [{}, {'listen': ':80'}, {'listen': ':80', 'host': ['shop.example']}])
def test_it_gets_none_where_none_is_wanted(tmp_path: Path, given: dict[str, Any]) -> None:
    server = configured(tmp_path, **given)
    assert (server['listen'], server['automatic_https']) == ([':80'], {'disable': True})


def test_it_can_get_none_for_a_pattern() -> None:
    wanted = r'caddy gets no certificate for \*\.shop\.example by itself: give --certfile, or --listen'
    with pytest.raises(DeployError, match=wanted):
        TARGETS['caddy'].files(make_plan({'app': 'app', 'host': ['*.shop.example']}))


@pytest.mark.parametrize(('host', 'status'), [('SHOP.example', 200), ('a.shop.example', 200), ('other.example', 421)])
def test_its_names_alone_are_served(single: Site, host: str, status: int) -> None:
    assert fetch(single.url, '/', Host=host).status == status


@pytest.mark.parametrize(
    'request_',
    [
        f'POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {LIMIT}\r\n\r\nbroken off',
        'POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n',
        f'POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {LIMIT + 1}\r\n\r\n{"x" * (LIMIT + 1)}',
    ],
)
def test_a_client_cannot_put_an_instance_out_of_service(single: Site, request_: str) -> None:
    with closing(raw(single.url)) as connection:
        connection.sendall(request_.encode())
        connection.shutdown(socket.SHUT_WR)
        read_all(connection)
    assert fetch(single.url, '/').status == 200


def test_a_body_that_is_too_large_is_cut_where_its_length_is_not_told(single: Site) -> None:
    answer = fetch(single.url, '/upload', 'POST', iter([b'x' * LIMIT, b'x']))
    assert answer.status >= 400
    assert fetch(single.url, '/').status == 200


def test_what_it_keeps_stays_in_its_folder(single: Site) -> None:
    assert fetch(single.url, '/').status == 200
    assert (single.folder / 'kept' / 'caddy').is_dir()


def test_a_dead_instance_is_left_out() -> None:
    """At once for requests without a body; for others, which Caddy 2.6 cannot send again, from the next check on."""
    with ExitStack() as stack:
        behind = [stack.enter_context(instance('waitress')) for _ in range(2)]
        running = stack.enter_context(front('caddy', behind))
        os.kill(behind[0].process.process.pid, signal.SIGKILL)
        behind[0].process.process.wait(TIMEOUT)
        assert {fetch(running.url, '/').status for _ in range(4)} == {200}
        assert {fetch(running.url, '/upload', 'POST').status for _ in range(4)} == {200}
        deadline = time.monotonic() + TIMEOUT
        while {fetch(running.url, '/upload', 'POST', b'x').status for _ in range(4)} != {200}:
            assert time.monotonic() < deadline, running.printed()
