"""Requests and responses of one connection, as the core reads and writes them for backends with threads."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import pytest

from bottle.serving.exchange import Exchange
from bottle.serving.messages import incoming

GET = b'GET /%b HTTP/1.1\r\nHost: a\r\n\r\n'
POST = b'POST /echo HTTP/1.1\r\nHost: a\r\n'
LAST = b'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'


def application(environ: Any, start_response: Any) -> Any:
    """Answer in the way that the path says."""
    return getattr(Ways, environ['PATH_INFO'].strip('/'))(environ, start_response)


class Ways:
    """How an application may answer."""

    @staticmethod
    def last(environ: Any, start_response: Any) -> list[bytes]:
        start_response('200 OK', [])
        return [b'last']

    @staticmethod
    def echo(environ: Any, start_response: Any) -> list[bytes]:
        start_response('200 OK', [])
        return [environ['wsgi.input'].read()]

    @staticmethod
    def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response('200 OK', [])
        yield from (b'one', b'', b'two')

    @staticmethod
    def unread(environ: Any, start_response: Any) -> list[bytes]:
        start_response('200 OK', [])
        return [b'unread']

    @staticmethod
    def short(environ: Any, start_response: Any) -> list[bytes]:
        start_response('200 OK', [('Content-Length', '9')])
        return [b'short']

    @staticmethod
    def fails(environ: Any, start_response: Any) -> list[bytes]:
        raise ZeroDivisionError

    @staticmethod
    def cut(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response('200 OK', [])
        yield b'a'
        raise ZeroDivisionError


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], list[bytes]]:
    """Return a function that sends bytes and returns the responses up to the end of the connection, without dates."""

    def say(sent: bytes) -> list[bytes]:
        client, server = socket.socketpair()
        client.settimeout(10)
        server.settimeout(10)
        exchange = Exchange(application, [], 'test')
        thread = Thread(target=converse, args=(exchange, server))
        with closing(client):
            thread.start()
            client.sendall(sent)
            received = b''
            while data := client.recv(65536):
                received += data
        thread.join(10)
        return received.split(b'HTTP/1.1 ')[1:]

    return say


def converse(exchange: Exchange, connection: socket.socket) -> None:
    with closing(connection), incoming(connection) as stream:
        while exchange.serve(connection, stream, None):
            pass


def body(response: bytes) -> bytes:
    return response.partition(b'\r\n\r\n')[2]


@pytest.mark.parametrize(
    ('request_bytes', 'expected'),
    [
        (GET % b'unread', b'unread'),
        (POST + b'Content-Length: 5\r\n\r\nhello', b'hello'),
        (POST + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', b'hello'),
        (GET % b'stream', b'3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'),
        (POST.replace(b'echo', b'unread') + b'Content-Length: 5\r\n\r\nhello', b'unread'),
        (b'HEAD /last HTTP/1.1\r\nHost: a\r\n\r\n', b''),
    ],
)
def test_the_next_request_on_the_connection_is_answered(
    said: Callable[[bytes], list[bytes]], request_bytes: bytes, expected: bytes
) -> None:
    first, second = said(request_bytes + LAST)
    assert (body(first), body(second)) == (expected, b'last')
    assert b'Connection: close' not in first
    assert b'Connection: close' in second


@pytest.mark.parametrize('path', [b'short', b'fails', b'cut'])
def test_nothing_follows_a_response_that_is_cut(said: Callable[[bytes], list[bytes]], path: bytes) -> None:
    [response] = said(GET % path + LAST)
    assert not response.endswith(b'0\r\n\r\n')
    assert response[:3] == (b'500' if path == b'fails' else b'200')


@pytest.mark.parametrize(
    ('request_bytes', 'status'),
    [
        (b'nonsense\r\n\r\n', b'400'),
        (b'GET / HTTP/2.0\r\n\r\n', b'505'),
        (b'GET / HTTP/1.1\r\n\r\n', b'400'),
        (POST + b'X: ' + b'y' * 70_000 + b'\r\n\r\n', b'431'),
        (POST + b'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', b'400'),
        (POST + b'Transfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n', b'400'),
    ],
)
def test_what_is_malformed_is_refused_and_ends_the_connection(
    said: Callable[[bytes], list[bytes]], request_bytes: bytes, status: bytes
) -> None:
    [response] = said(request_bytes + LAST)
    assert response[:3] == status
    assert b'Connection: close' in response


def test_who_speaks_1_0_has_to_ask_for_another_request(said: Callable[[bytes], list[bytes]]) -> None:
    plain = b'GET /last HTTP/1.0\r\n\r\n'
    [response] = said(plain + plain)
    assert body(response) == b'last'
    first, second = said(plain.replace(b'\r\n\r\n', b'\r\nConnection: keep-alive\r\n\r\n') + plain)
    assert b'Connection: keep-alive' in first
    assert body(second) == b'last'


def test_a_fault_of_the_application_is_logged(
    said: Callable[[bytes], list[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    said(GET % b'fails')
    assert [(each.name, each.levelno) for each in caplog.records] == [('bottle.server', logging.ERROR)]
    caplog.clear()
    said(b'nonsense\r\n\r\n')
    assert caplog.records == []


def test_what_was_answered_is_reported() -> None:
    client, server = socket.socketpair()
    reports: list[Any] = []
    with closing(client), closing(server), incoming(server) as stream:
        client.sendall(GET % b'stream')
        assert Exchange(application, [], 'test').serve(
            server, stream, None, report=lambda request, response: reports.append((request, response))
        )
    [(request, response)] = reports
    assert (request.target, response.status, response.sent) == ('/stream', '200 OK', 6)
