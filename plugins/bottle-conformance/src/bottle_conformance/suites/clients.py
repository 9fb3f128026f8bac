"""Clients as they are: they leave, they reset, they are slow, they say nothing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.client import Connection
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request
from bottle_conformance.witness import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject

    Adapter = type[ServerAdapter]
    Leave = Callable[[Connection], object]

LEFT = 'RFC 9112, 9.5'
CLOSED = 'PEP 3333, "Specification Details"'
DECLARED = 1_000_000  # bytes of a body that is never sent whole
PIECES, LENGTH = 3_000, 65536  # more than any buffer holds
LEAVERS = 20
IDLE, MANY_IDLE = 50, 500
PROCESSES = 4  # of those, where each request costs a process
PROMPT = 3.0  # seconds within which others are answered
WAYS = pytest.mark.parametrize('leave', [Connection.close, Connection.reset], ids=['closes', 'resets'])


def costs_a_process(adapter: Adapter) -> bool:
    """Return whether each request does."""
    return adapter.capabilities.concurrency == 'per-request'


def is_prompt(server: Subject, adapter: Adapter) -> bool:
    """Return whether another client is answered soon; a busy machine needs a while to start a process for that."""
    with server.connect(timeout=PATIENCE if costs_a_process(adapter) else PROMPT) as connection:
        return connection.send(request('/answer?body=other')).response().body == b'other'


class ClientsSuite:
    """What clients do to a server that anybody can reach."""

    @rule(3, LEFT)
    @WAYS
    def test_a_client_that_leaves_while_it_sends_a_body(self, server: Subject, adapter: Adapter, leave: Leave) -> None:
        """The application is not left waiting for the rest, and others are answered."""
        identity = new_identity()
        connection = server.connect()
        head = request('/echo', f'Content-Length: {DECLARED}', method='POST', body=bytes(1000), identity=identity)
        leave(connection.send(head))
        assert is_prompt(server, adapter)
        if server.witness.events(identity, 'called'):  # a server may collect a body before
            server.witness.wait(identity, '', count=2)  # what was read, or that it cannot be read

    @rule(3, LEFT, CLOSED)
    @WAYS
    @pytest.mark.parametrize('declared', [0, 1], ids=['undeclared', 'declared'])
    def test_a_client_that_leaves_while_it_gets_a_response(
        self, server: Subject, adapter: Adapter, leave: Leave, declared: int
    ) -> None:
        """The response is not made to its end, its iterable is closed once, and others are answered."""
        identity = new_identity()
        with server.connect() as connection:
            connection.send(request(f'/long?count={PIECES}&length={LENGTH}&declared={declared}', identity=identity))
            assert len(connection.read(LENGTH)) == LENGTH
            leave(connection)
        [closed] = server.witness.wait(identity, 'closed')
        assert closed['yielded'] < PIECES
        assert is_prompt(server, adapter)
        assert len(server.witness.events(identity, 'closed')) == 1

    @rule(3, LEFT, CLOSED, needs='streaming')
    @WAYS
    def test_a_client_that_leaves_between_two_pieces(self, server: Subject, adapter: Adapter, leave: Leave) -> None:
        """A stream whose client has left while it waited is closed once."""
        identity = new_identity()
        connection = server.connect()
        connection.send(request('/stream', identity=identity)).read_until(b'aaaaa')
        leave(connection)
        server.witness.release(identity)
        server.told(identity, 'closed')
        assert is_prompt(server, adapter)
        assert len(server.witness.events(identity, 'closed')) == 1

    @rule(3, LEFT)
    @pytest.mark.parametrize(
        'data',
        [b'', request('/')[:20], request('/'), request('/', close=False)],
        ids=['nothing', 'half a head', 'a request', 'a request to keep alive'],
    )
    @WAYS
    def test_clients_that_leave_at_once(self, server: Subject, adapter: Adapter, leave: Leave, data: bytes) -> None:
        """Clients that send something, or nothing, and leave, take nothing away from others."""
        for _ in range(PROCESSES if costs_a_process(adapter) else LEAVERS):
            leave(server.connect().send(data))
        assert is_prompt(server, adapter)

    @rule(3, 'RFC 9112, 9.5', needs='concurrency')
    def test_a_slow_client_stops_nobody(self, server: Subject, adapter: Adapter) -> None:
        """While the head of a request comes byte by byte, others are answered; then it is answered, too."""
        data = request('/answer?body=slow')
        with server.connect() as slow:
            for start in range(0, len(data), len(data) // 5 + 1):
                slow.send_pieces(data[place : place + 1] for place in range(start, start + len(data) // 5 + 1))
                assert is_prompt(server, adapter)
            assert slow.response().body == b'slow'

    @rule(3, 'RFC 9112, 9.5', needs='concurrency')
    @pytest.mark.parametrize('data', [b'', request('/')[:20], request('/', close=False)], ids=['new', 'slow', 'kept'])
    def test_idle_connections_stop_nobody(self, server: Subject, adapter: Adapter, data: bytes) -> None:
        """Fifty connections that are open and silent, at their start, in a head or after a response, stop nobody."""
        self._idle(server, adapter, data, PROCESSES if costs_a_process(adapter) else IDLE)

    @rule(3, 'RFC 9112, 9.5', needs='concurrency', thorough=True)
    def test_many_idle_connections_stop_nobody(self, server: Subject, adapter: Adapter) -> None:
        """Five hundred of them do not, either."""
        self._idle(server, adapter, request('/')[:20], MANY_IDLE)

    def _idle(self, server: Subject, adapter: Adapter, data: bytes, count: int) -> None:
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(server.connect()).send(data)
            assert is_prompt(server, adapter)
