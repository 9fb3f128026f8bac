"""Each balancer, with the files that are generated for it, in front of two instances on different servers."""

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from bottle_deploy.targets import TARGETS
from tests.deployment.sites import PAUSE, SPOOFED, Instance, Site, answered, front, instance, public_folder
from tests.support.client import TIMEOUT, connect, fetch, interrupted
from tests.support.losses import OK, LossClient
from tests.support.requirements import require_ipv6

BALANCERS = [name for name, target in TARGETS.items() if target.kind == 'balancer']
SERVERS = ('waitress', 'gevent')
REQUESTS = 100  # enough that 40 to 60% is not a matter of chance for who takes turns
UPLOAD = os.urandom(20 << 20)
HELD = 4  # requests, as many as every server answers at once
RATE = 100.0  # requests per second
BEFORE, AFTER = 50, 200  # requests around what happens to an instance
# How many requests may fail when an instance is killed: 0 where the balancer sends a GET to another one. Elsewhere it
# is what that instance is answering at the moment: of eight clients half, though seldom one at this rate.
LOST_BY_A_KILL = {'apache': 4, 'lighttpd': 4, 'pound': 4}


@pytest.fixture(scope='module', params=BALANCERS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Return a balancer in front of two instances, for tests that leave it as it is."""
    with ExitStack() as stack:
        behind = [stack.enter_context(instance(server)) for server in SERVERS]
        yield stack.enter_context(front(request.param, behind, host=['127.0.0.1', '*.example.com'], max_body='30M'))


def test_both_instances_serve(site: Site) -> None:
    pids = Counter(answered(fetch(site.url, '/').body)['pid'] for _ in range(REQUESTS))
    assert set(pids) == {each.process.process.pid for each in site.instances}
    assert all(0.4 * REQUESTS <= count <= 0.6 * REQUESTS for count in pids.values()), pids


@pytest.mark.parametrize('port', ['with a port', 'without one'])
def test_a_client_is_who_it_is(site: Site, port: str) -> None:
    """What a client says of itself, in each header that the instance believes its balancer, is gone."""
    host = site.url.removeprefix('http://') if port == 'with a port' else '127.0.0.1'
    seen = answered(fetch(site.url, '/', Host=host, **SPOOFED).body)
    assert (seen['client'], seen['scheme'], seen['forwarded']) == ('127.0.0.1', 'http', [])
    assert (seen['host'], seen['prefix'].strip('/')) == (host, '')


@pytest.mark.parametrize('name', ['evil.example', 'example.com', 'wwwexample.com', 'www.example.com.evil.example'])
def test_another_name_is_not_that_of_the_site(site: Site, name: str) -> None:
    assert fetch(site.url, '/', Host=name).status in {400, 403, 404, 421}


@pytest.mark.parametrize('name', ['www.example.com', 'www.example.com:8080', 'WWW.Example.COM'])
def test_names_of_the_site_may_be_a_pattern(site: Site, name: str) -> None:
    assert answered(fetch(site.url, '/', Host=name).body)['host'].lower() == name.lower()


def test_the_name_that_was_checked_arrives(site: Site) -> None:
    """A URL as the target counts, and not the `Host` beside it (RFC 9112, section 3.2.2)."""
    answer = fetch(site.url, f'{site.url}/', Host='evil.example')
    if answer.status == 200:
        assert answered(answer.body)['host'].partition(':')[0] == '127.0.0.1'
    else:
        assert answer.status in {400, 403, 404, 421}


def test_a_large_upload_arrives(site: Site) -> None:
    answer = fetch(site.url, '/upload', 'POST', UPLOAD)
    assert answered(answer.body) == {'length': len(UPLOAD), 'sha256': hashlib.sha256(UPLOAD).hexdigest()}


def test_a_stream_is_not_held_back(site: Site) -> None:
    gate = site.folder / 'gate'
    gate.unlink(missing_ok=True)
    with closing(connect(site.url)) as connection:
        connection.request('GET', f'/stream?gate={gate}')
        response = connection.getresponse()
        assert response.read1() == b'first\n'
        gate.touch()
        assert response.read() == b'second\n'


@pytest.mark.parametrize('balancer', BALANCERS)
def test_a_client_is_who_it_is_by_ipv6(balancer: str) -> None:
    require_ipv6()
    with instance('waitress') as behind, front(balancer, [behind], address='::1') as running:
        seen = answered(fetch(running.url, '/', **SPOOFED).body)
        assert (seen['client'], seen['host']) == ('::1', running.url.removeprefix('http://'))


@pytest.mark.parametrize('balancer', BALANCERS)
def test_an_instance_is_killed(balancer: str) -> None:
    """Requests that are sent to who was killed are sent to the other one."""
    with ExitStack() as stack:
        behind, running = balanced(stack, balancer)
        with LossClient(f'{running.url}/', RATE, keep_alive=False) as client:
            client.await_requests(BEFORE)
            os.kill(behind[0].process.process.pid, signal.SIGKILL)
            client.await_requests(AFTER)
        failed = client.failed()
        assert len(failed) <= LOST_BY_A_KILL.get(balancer, 0), client.summary()
        assert {each.pid for each in client.requests if each.outcome == OK} >= pids(behind)


@pytest.mark.parametrize('balancer', BALANCERS)
def test_requests_that_a_killed_instance_has(balancer: str) -> None:
    """They are sent to the other one; where that is not so, they are lost and no others."""
    with ExitStack() as stack:
        behind, running = balanced(stack, balancer)
        notes, gate = running.folder / 'notes', running.folder / 'gate'
        killed = behind[0].process.process
        lost = 0

        def kill() -> None:
            nonlocal lost
            lost = await_notes(notes, HELD).count(killed.pid)
            assert lost
            killed.kill()
            if balancer not in LOST_BY_A_KILL:
                await_notes(notes, HELD + lost)
            gate.touch()

        bodies = interrupted(running.url, f'/held?notes={notes}&gate={gate}', HELD, kill)
        wanted = HELD - lost if balancer in LOST_BY_A_KILL else HELD
        survivor = f'{{"pid": {behind[1].process.process.pid}}}'.encode()
        assert bodies.count(survivor) == wanted


@pytest.mark.parametrize('balancer', BALANCERS)
def test_what_may_have_had_an_effect_is_not_sent_again(balancer: str) -> None:
    with ExitStack() as stack:
        _, running = balanced(stack, balancer)
        notes = running.folder / 'notes'
        with suppress(ConnectionError), closing(connect(running.url)) as connection:
            connection.request('POST', f'/die?notes={notes}')
            assert connection.getresponse().status >= 500
        assert len(notes.read_text().split()) == 1


@pytest.mark.parametrize('balancer', BALANCERS)
def test_an_instance_is_restarted(balancer: str) -> None:
    """SIGTERM, and the same command again on the same port: nobody notices, and it is used again."""
    with ExitStack() as stack:
        behind, running = balanced(stack, balancer)
        with LossClient(f'{running.url}/', RATE, keep_alive=False) as client:
            client.await_requests(BEFORE)
            assert behind[0].process.stop() == 0
            anew = stack.enter_context(instance(behind[0].server, behind[0].port))
            client.await_requests(AFTER)
            while not any(each.pid == anew.process.process.pid for each in client.requests):
                client.await_requests(1)
        assert client.failed() == [], client.summary()


@pytest.mark.parametrize('balancer', BALANCERS)
def test_what_is_too_large_is_refused_before(balancer: str) -> None:
    with ExitStack() as stack:
        behind = [stack.enter_context(instance('waitress'))]
        running = stack.enter_context(front(balancer, behind, max_body='1024'))  # lighttpd counts in these
        assert fetch(running.url, '/upload', 'POST', b'x' * 1024).status == 200
        assert fetch(running.url, '/upload', 'POST', b'x' * 1025).status == 413


@pytest.mark.parametrize('balancer', [name for name in BALANCERS if 'static' in TARGETS[name].uses])
def test_static_files_are_served_by_the_web_server(balancer: str) -> None:
    with ExitStack() as stack:
        behind = [stack.enter_context(instance('waitress'))]
        folder = stack.enter_context(public_folder())
        (folder / 'a b.txt').write_text('from the web server')
        running = stack.enter_context(front(balancer, behind, static=[f'/files={folder}']))
        behind[0].process.stop()
        answer = fetch(running.url, '/files/a%20b.txt')
        assert (answer.status, answer.body) == (200, b'from the web server')
        assert fetch(running.url, '/files/../etc/passwd').status in {400, 403, 404, 502, 503}


def balanced(stack: ExitStack, balancer: str) -> tuple[list[Instance], Site]:
    """Run instances and a balancer of a test's own, which may harm them."""
    behind = [stack.enter_context(instance(server)) for server in SERVERS]
    return behind, stack.enter_context(front(balancer, behind))


def await_notes(notes: Path, count: int) -> list[int]:
    """Wait until so many requests have arrived, and return the processes where they did."""
    deadline = time.monotonic() + TIMEOUT
    while len(found := notes.read_text().split() if notes.exists() else []) < count:
        assert time.monotonic() < deadline, found
        time.sleep(PAUSE)
    return [int(each) for each in found]


def pids(instances: list[Instance]) -> set[int]:
    """Return the processes of instances."""
    return {each.process.process.pid for each in instances}
