"""Connections: how many requests they carry, and who ends them when (RFC 9112, section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bottle_conformance.corpus import exchange, received
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

PERSISTENCE = 'RFC 9112, 9.3'
PIPELINING = 'RFC 9112, 9.3.2'
TEARDOWN = 'RFC 9112, 9.6'
HALF_CLOSED = 'RFC 9293, 3.6'


def kept(number: int) -> bytes:
    """Return a request with a body that leaves its connection open.

    Parameters:
        number: tells it from others.
    """
    body = f'body {number}'.encode()
    return request('/echo', f'Content-Length: {len(body)}', method='POST', body=body, close=False)


class ConnectionsSuite:
    """One connection, any number of requests."""

    @rule(1, PERSISTENCE, needs='keep_alive')
    def test_connection_is_kept(self, server: Subject) -> None:
        """An HTTP/1.1 connection carries another request unless somebody says otherwise."""
        with server.connect() as connection:
            answers = [connection.send(kept(number)).response().body for number in range(2)]
        assert answers == [b'body 0', b'body 1']

    @rule(1, PERSISTENCE, needs='keep_alive')
    def test_hundred_requests_on_one_connection(self, server: Subject) -> None:
        """Nothing is left over from one request to the next."""
        with server.connect() as connection:
            answers = [connection.send(kept(number)).response().body for number in range(100)]
        assert answers == [f'body {number}'.encode() for number in range(100)]

    @rule(1, PIPELINING, needs='keep_alive')
    def test_pipelined_requests_are_answered_in_order(self, server: Subject) -> None:
        """A client need not wait for a response before it sends the next request."""
        with server.connect() as connection:
            connection.send(b''.join(kept(number) for number in range(4)) + request('/answer?body=last'))
            answers = [answer.body for answer in connection.responses()]
        assert answers == [b'body 0', b'body 1', b'body 2', b'body 3', b'last']

    @rule(1, PERSISTENCE, 'RFC 9112, 7.1', needs='chunked_requests')
    @pytest.mark.parametrize('handler', ['echo', 'ignore'])
    def test_request_behind_chunks(self, server: Subject, handler: str) -> None:
        """What follows a chunked body is the next request, whether the application reads the body or not."""
        coded = b'5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'
        first = request(f'/{handler}', 'Transfer-Encoding: chunked', method='POST', body=coded, close=False)
        with server.connect() as connection:
            answers = [answer.body for answer in connection.send(first + request('/answer?body=next')).responses()]
        assert answers[0] in (b'hello', b'ignored')
        assert answers[1:] in ([b'next'], [])

    @rule(1, PERSISTENCE, TEARDOWN, needs='http')
    @pytest.mark.parametrize('length', [5, 65536, 1 << 20])
    def test_request_behind_an_unread_body(self, server: Subject, length: int) -> None:
        """An unread body is never taken for a request: it is skipped, or the connection closed."""
        first = request('/ignore', f'Content-Length: {length}', method='POST', close=False)
        with server.connect() as connection:
            connection.send_pieces([first + b'x' * length + request('/answer?body=next')])
            answers = [(answer.status, answer.body) for answer in connection.responses()]
        assert answers[0] == (200, b'ignored')
        assert answers[1:] in ([(200, b'next')], [])

    @rule(1, TEARDOWN, needs='http')
    @pytest.mark.parametrize('option', ['close', 'Close', 'x-other, close'])
    def test_close_is_honoured(self, server: Subject, option: str) -> None:
        """The connection is closed behind the response to a request with `Connection: close`."""
        with server.connect() as connection:
            answer = connection.send(request('/answer?body=a', f'Connection: {option}', close=False)).response()
            assert (answer.body, connection.is_closed()) == (b'a', True)

    @rule(1, PERSISTENCE, TEARDOWN, needs='http')
    def test_closing_is_announced(self, server: Subject) -> None:
        """A server that closes a connection by itself says so in the response."""
        with server.connect() as connection:
            answer = connection.send(kept(1)).response()
            announced = answer.version == 'HTTP/1.0' or 'close' in (answer.get('Connection') or '').lower()
            assert answer.body == b'body 1'
            assert announced or connection.send(kept(2)).response().body == b'body 2'

    @rule(1, PERSISTENCE, needs='http')
    def test_http_1_0_connection_is_closed(self, server: Subject) -> None:
        """An HTTP/1.0 client waits for the end of the connection unless it has asked for keep-alive."""
        with server.connect() as connection:
            answer = connection.send(request('/answer?body=a', version='HTTP/1.0', close=False)).response()
            assert (answer.body, connection.is_closed()) == (b'a', True)

    @rule(1, 'RFC 9112, C.2.2', needs='http')
    def test_http_1_0_keep_alive(self, server: Subject) -> None:
        """An HTTP/1.0 client that asks for keep-alive gets it with an announcement, or the end of the connection."""
        first = request('/answer?body=a&length=1', 'Connection: keep-alive', version='HTTP/1.0', close=False)
        with server.connect() as connection:
            answer = connection.send(first).response()
            assert answer.body == b'a'
            if (answer.get('Connection') or '').lower() == 'keep-alive':
                assert connection.send(first).response().body == b'a'
            else:
                assert connection.is_closed()

    @rule(2, 'RFC 9112, 6.3', TEARDOWN, needs='http')
    @pytest.mark.parametrize('framing', ['Content-Length: abc', 'Transfer-Encoding: nonsense'])
    def test_connection_is_closed_behind_faulty_framing(self, server: Subject, witness: Witness, framing: str) -> None:
        """Nobody knows where the next request begins: there is none."""
        identity = new_identity()
        first = request('/ignore', framing, method='POST', close=False)
        found = exchange(server, first + request(identity=identity))
        assert (found.refused, found.silent, received(witness, identity)) == (True, False, [])

    @rule(2, HALF_CLOSED, needs='http')
    def test_half_closed_connection_gets_its_response(self, server: Subject) -> None:
        """A client that has nothing more to send may say so and still wants its response."""
        with server.connect() as connection:
            assert connection.send(request('/answer?body=a')).end().response().body == b'a'

    @rule(2, HALF_CLOSED, needs='http')
    def test_half_closed_connection_waits_for_its_response(self, server: Subject, witness: Witness) -> None:
        """The same when the application needs some time."""
        identity = new_identity()
        with server.connect() as connection:
            connection.send(request('/held', identity=identity))
            witness.wait_until_held(identity)
            connection.end()
            witness.release(identity)
            assert connection.response().body == b'held'
