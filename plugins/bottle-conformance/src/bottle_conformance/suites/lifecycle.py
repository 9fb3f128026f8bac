"""From the start to the end: what a server says when it is ready, and what it does when it is told to stop."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack, closing, suppress
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.client import Connection, Malformed, Response
from bottle_conformance.fronts import serving
from bottle_conformance.operating import attempt, await_everybody_gone, crowd, handed_over
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

    Launch = Callable[..., AbstractContextManager[Subject]]

DRAIN = 'docs/running.md, "Stopping"'
START = 'docs/running.md, "Running an application"'
MANY = 20  # requests at once
ONE_AT_A_TIME = ('sync', 'event-loop')  # whoever else connects waits for the request that runs
AT_ONCE = 2.0  # seconds for what a user should see at once, beyond those that a start takes on this machine
END = 5.0  # seconds that a drain may take beyond what runs
IDLE_END = 3.0  # seconds where nothing runs: clients get one to send their next request
GRACE = 0.3  # seconds
IMPATIENCE = 0.15  # seconds between two signals: what comes within a tenth of a second counts as one


def is_cut(connection: Connection) -> bool:
    """Return whether a response does not come, or not whole."""
    try:
        return not connection.response().complete
    except (OSError, Malformed):
        return True


def whole(response: Response) -> tuple[int, bytes, bool]:
    """Return what tells whether a held response has come as it should."""
    return response.status, response.body, response.complete


class LifecycleSuite:
    """Starting, draining, ending."""

    @rule(4, START)
    def test_one_line_says_where_it_listens(self, launch: Launch) -> None:
        """It listens on a real port when it was told port 0, says so once, and answers there."""
        with launch() as server:
            assert server.ask('/').status == 200
            assert len(server.urls) == 1
            assert server.url.startswith('http://127.0.0.1:')
            assert int(server.url.split(':')[2].rstrip('/')) > 0

    @rule(4, DRAIN, needs='graceful_drain')
    @pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
    def test_a_drain_finishes_what_runs(self, launch: Launch, number: signal.Signals) -> None:
        """After the signal, as many requests as it runs at once are answered whole, and one that waited for them."""
        with launch() as server, crowd(server, MANY) as running_requests:
            server.send_signal(number)
            answers = running_requests.release()
            assert [whole(each) for each in answers] == [(200, b'held', True)] * len(running_requests)
            assert server.wait(END) == 0

    @rule(4, DRAIN, needs='graceful_drain http')
    def test_a_drain_loses_nothing_that_was_sent(self, launch: Launch) -> None:
        """Requests that were sent before the signal are answered, also those that it has not accepted yet."""
        with launch() as server, ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in range(MANY)]
            for each in connections:
                each.send(request('/answer?body=sent&length=4'))
            server.send_signal(signal.SIGTERM)
            assert [whole(each.response()) for each in connections] == [(200, b'sent', True)] * MANY
            assert server.wait(END) == 0

    @rule(4, DRAIN, needs='graceful_drain http')
    def test_new_connections_are_refused_or_answered(self, launch: Launch, adapter: type[ServerAdapter]) -> None:
        """Who connects during a drain is answered whole or refused; one may come in the instant between the two."""
        with launch() as server, crowd(server, 1) as running_request:
            server.send_signal(signal.SIGTERM)
            waits = adapter.capabilities.concurrency in ONE_AT_A_TIME
            between = [] if waits else self._come_until_refused(server)
            assert [whole(each) for each in running_request.release()] == [(200, b'held', True)]
            between += self._come_until_refused(server)
            assert len(between) <= 1, between
            assert server.wait(END) == 0

    def _come_until_refused(self, server: Subject) -> list[str]:
        """Send requests until nobody listens; return what became of those that were neither answered nor refused."""
        between, deadline = [], time.monotonic() + END
        while time.monotonic() < deadline:
            try:
                connection = server.connect(timeout=END)
            except OSError:
                break
            with closing(connection):
                try:
                    assert connection.send(request('/answer?body=a&length=1')).response().body == b'a'
                except (ConnectionError, Malformed) as error:  # but nobody is left waiting
                    between.append(repr(error))
        return between

    @rule(4, DRAIN, needs='graceful_drain')
    def test_idle_connections_do_not_delay_the_end(self, launch: Launch) -> None:
        """Connections on which nothing was sent, and ones that are kept alive, are ended."""
        with launch() as server, server.connect(), server.connect() as kept:
            kept.send(request(close=False)).response()
            server.send_signal(signal.SIGTERM)
            assert server.wait(IDLE_END) == 0

    @rule(4, DRAIN, needs='listens')
    def test_a_second_signal_ends_it(self, launch: Launch) -> None:
        """Who sends the signal again does not want to wait for what runs."""
        with launch() as server, crowd(server, 1):
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            while time.monotonic() < began + 2 * AT_ONCE:
                with suppress(TimeoutExpired):
                    server.wait(IMPATIENCE)
                    break
                server.send_signal(signal.SIGTERM)
            assert time.monotonic() - began < 1 + IMPATIENCE
            assert server.process.returncode == 128 + signal.SIGTERM

    @rule(4, 'docs/options.md, graceful_timeout', needs='graceful_drain http')
    def test_what_outlives_the_grace_period_is_cut(self, launch: Launch) -> None:
        """The client can tell, and so can who reads the exit code and what is printed."""
        with launch('--graceful-timeout', str(GRACE)) as server, server.connect() as connection:
            identity = new_identity()
            connection.send(request('/held', identity=identity))
            server.witness.wait_until_held(identity)
            server.send_signal(signal.SIGTERM)
            assert server.wait(GRACE + 1) == 1
            assert is_cut(connection)
            assert await_everybody_gone(server, AT_ONCE)
            assert 'they were cut' in server.printed()

    @rule(4, DRAIN, needs='graceful_drain')
    def test_a_drain_finishes_a_stream(self, launch: Launch) -> None:
        """What has begun to be sent is sent to its end."""
        with launch() as server, crowd(server, 1, '/stream') as streams:
            server.send_signal(signal.SIGTERM)
            assert [whole(each) for each in streams.release()] == [(200, b'aaaaabbbbb', True)]
            assert server.wait(END) == 0

    @rule(4, START, needs='listens')
    def test_an_address_in_use_is_said_at_once(self, subject_name: str) -> None:
        """One line names the address, and the exit code is not 0."""
        with closing(socket.create_server(('127.0.0.1', 0))) as busy:
            address = f'127.0.0.1:{busy.getsockname()[1]}'
            refused = attempt(subject_name, '-b', address)
        [line] = refused.lines
        assert refused.code != 0
        assert address in line
        assert refused.seconds < AT_ONCE + attempt(subject_name, '--check').seconds

    @rule(4, START)
    def test_an_application_that_cannot_be_imported_is_said_at_once(self, subject_name: str) -> None:
        """One line names the application, and the exit code is not 0."""
        missing = 'bottle_conformance.missing:application'
        refused = attempt(subject_name, application=missing)
        [line] = refused.lines
        assert refused.code != 0
        assert missing in line
        assert refused.seconds < AT_ONCE + attempt(subject_name, '--check').seconds

    @rule(4, 'docs/options.md, quiet', needs='prebound_sockets http')
    def test_quiet_prints_no_banner_and_no_request(
        self, adapter: type[ServerAdapter], subject_name: str, witness: Witness
    ) -> None:
        """With -q, neither the banner nor a request is printed; a backend may still warn."""
        command = handed_over(subject_name, '-b', 'fd://3', '-q')
        with serving(adapter.capabilities.protocol, subject_name, witness, command) as server:
            assert server.ask('/not-to-be-printed').status == 200
            server.send_signal(signal.SIGTERM)
            server.wait(END)
            assert await_everybody_gone(server, AT_ONCE)
            said = server.printed().removeprefix(f'Listening on {server.url}\n')  # by whoever hands over
            assert [each for each in ('Bottle', 'Listening', 'not-to-be-printed') if each in said] == []

    @rule(4, 'docs/options.md, access_log')
    def test_requests_are_not_printed_without_a_log(self, launch: Launch) -> None:
        """With --access-log none, no request leaves a trace in what is printed."""
        with launch('--access-log', 'none') as server:
            assert server.ask('/not-to-be-logged').status == 200
            server.send_signal(signal.SIGTERM)
            server.wait(END)
            assert await_everybody_gone(server, AT_ONCE)
            assert 'not-to-be-logged' not in server.printed()
