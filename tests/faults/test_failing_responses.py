"""A generator that fails after the headers: the client can tell that the body is cut, and it is closed once."""

import re
from contextlib import closing, suppress
from typing import NamedTuple

import pytest

from tests.faults.watching import Reports
from tests.support.client import fetch, raw
from tests.support.processes import Server

# Where a body without a declared length ends with the connection, and the connection ends as if all was well.
UNNOTICED = {
    ('gevent', '1.0'): 'the client does not know chunks',
    ('paste', '1.0'): 'the client does not know chunks',
    ('waitress', '1.0'): 'the client does not know chunks',
    ('wsgiref', '1.0'): 'the client does not know chunks',
}


class Received(NamedTuple):
    """What came of a response."""

    head: bytes
    body: bytes
    reset: bool

    @property
    def is_cut(self) -> bool:
        """Whether the client can tell that the body is not whole (RFC 9112, section 8)."""
        if declared := re.search(rb'\r\ncontent-length: *(\d+)', self.head):
            return len(self.body) < int(declared[1])
        chunked = re.search(rb'\r\ntransfer-encoding: *chunked', self.head)
        return self.reset or bool(chunked and not self.body.endswith(b'0\r\n\r\n'))


def receive(url: str, path: str, version: str) -> Received:
    """Send a request and read up to the end of the connection."""
    received = b''
    reset = True
    with closing(raw(url)) as connection, suppress(ConnectionResetError):
        connection.sendall(f'GET {path} HTTP/{version}\r\nHost: a\r\n\r\n'.encode())
        while piece := connection.recv(65536):
            received += piece
        reset = False
    head, _, body = received.partition(b'\r\n\r\n')
    return Received(head.lower(), body, reset)


def closed_once(server: Server, reports: Reports) -> bool:
    """Return whether the response was closed exactly once, when the server is at the next request already."""
    first = reports.next()
    assert fetch(server.url, '/path/others').body == b'others'
    return [first, *reports.waiting()] == ['closed']


@pytest.mark.parametrize('version', ['1.0', '1.1'])
def test_a_response_of_unknown_length(shared: Server, reports: Reports, server_name: str, version: str) -> None:
    received = receive(shared.url, '/failing', version)
    assert b'second' in received.body
    assert received.is_cut == ((server_name, version) not in UNNOTICED), received
    assert closed_once(shared, reports)


@pytest.mark.parametrize('version', ['1.0', '1.1'])
def test_a_response_of_declared_length(shared: Server, reports: Reports, version: str) -> None:
    received = receive(shared.url, '/failing/declared', version)
    assert b'content-length: 100' in received.head
    assert received.is_cut
    assert closed_once(shared, reports)
