"""The client hides nothing: what it says of a response is what came."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bottle_conformance.client import Connection, Malformed

OK = b'HTTP/1.1 200 OK\r\n'

Answering = Callable[..., Connection]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Return a function that returns a connection to somebody who sends some bytes and closes, or stays silent."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(('127.0.0.1', 0)))

        def connect(sent: bytes, *, close: bool = True) -> Connection:
            url = f'http://127.0.0.1:{listener.getsockname()[1]}/'
            connection = stack.enter_context(Connection(url, timeout=2))
            peer = stack.enter_context(listener.accept()[0])
            peer.sendall(sent)
            if close:
                peer.close()
            return connection

        yield connect


@pytest.mark.parametrize(
    ('sent', 'body', 'framing', 'complete'),
    [
        (b'Content-Length: 3\r\n\r\nabc', b'abc', 'length', True),
        (b'Content-Length: 4\r\n\r\nabc', b'abc', 'length', False),
        (b'Content-Length: 2\r\n\r\nabc', b'ab', 'length', True),
        (b'Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n', b'abc', 'chunked', True),
        (b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n', b'abc', 'chunked', True),
        (b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n', b'abc', 'chunked', False),
        (b'Transfer-Encoding: chunked\r\n\r\n3\r\nab', b'ab', 'chunked', False),
        (b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', b'abc', 'chunked', False),
        (b'\r\nabc', b'abc', 'close', True),
    ],
)
def test_the_body_and_whether_it_is_whole(
    answering: Answering, sent: bytes, body: bytes, framing: str, complete: bool
) -> None:
    response = answering(OK + sent).response()
    assert (response.body, response.framing, response.complete) == (body, framing, complete)


def test_what_comes_after_a_response_is_the_next_one(answering: Answering) -> None:
    sent = OK + b'Content-Length: 1\r\n\r\na' + b'HTTP/1.1 404 Not Here\r\nContent-Length: 1\r\n\r\nb'
    found = answering(sent).responses()
    assert [(each.status, each.reason, each.body) for each in found] == [(200, 'OK', b'a'), (404, 'Not Here', b'b')]


@pytest.mark.parametrize(('status', 'method'), [('204 No Content', 'GET'), ('304 Same', 'GET'), ('200 OK', 'HEAD')])
def test_where_no_body_belongs_what_follows_is_left_over(answering: Answering, status: str, method: str) -> None:
    connection = answering(f'HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nabc'.encode())
    assert connection.response(method).framing == 'none'
    assert connection.read_all() == b'abc'
    assert connection.is_closed()


def test_interim_responses_are_told(answering: Answering) -> None:
    response = answering(b'HTTP/1.1 100 Continue\r\n\r\n' + OK + b'Content-Length: 0\r\n\r\n').response()
    assert (response.interim, response.status) == ([100], 200)


def test_headers_are_kept_as_they_came(answering: Answering) -> None:
    response = answering(OK + b'Set-Cookie: a=1\r\nSET-COOKIE:b=\xe9\r\nContent-Length: 0\r\n\r\n').response()
    assert response.headers[:2] == [('Set-Cookie', 'a=1'), ('SET-COOKIE', 'b=\xe9')]
    assert response.all('set-cookie') == ['a=1', 'b=\xe9']
    assert response.get('Content-LENGTH') == '0'
    assert response.get('X-Not-There') is None


@pytest.mark.parametrize(
    'sent',
    [
        b'',
        b'HTTP/1.1 200 OK\r\n',
        b'HTTP/1.1 200\r\nNo colon\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nName : x\r\n\r\n',
        b'HTTP/1.1 20 OK\r\n\r\n',
        b'HTTP/2 200 OK\r\n\r\n',
        b'<html>\r\n\r\n',
        OK + b'Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n',
    ],
)
def test_what_is_no_response_is_malformed(answering: Answering, sent: bytes) -> None:
    with pytest.raises(Malformed):
        answering(sent).response()


def test_a_server_that_stays_silent_is_noticed(answering: Answering) -> None:
    connection = answering(OK, close=False)
    connection.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        connection.response()


def test_a_connection_with_something_to_read_is_not_closed(answering: Answering) -> None:
    assert not answering(b'x').is_closed()
    assert answering(b'').is_closed()


def test_pieces_and_a_reset_arrive() -> None:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        connection = Connection(f'http://127.0.0.1:{listener.getsockname()[1]}/')
        with listener.accept()[0] as peer:
            reader = threading.Thread(target=connection.send_pieces, args=([b'a', b'b', b'c'], 0.01))
            reader.start()
            assert [peer.recv(10) for _ in 'abc'] == [b'a', b'b', b'c']
            reader.join(5)
            connection.reset()
            with pytest.raises(ConnectionResetError):
                peer.recv(10)
