"""A client that sees what a browser would hide: single connections, pieces as they arrive, responses that are cut."""

import http.client
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT = 15.0


@dataclass(frozen=True)
class Answer:
    """A response that was read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection to a server; close it."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or '', parts.port, timeout=TIMEOUT)


def fetch(url: str, path: str, method: str = 'GET', body: object = None, **headers: str) -> Answer:
    """Send one request on a connection of its own. A body that is an iterator is sent chunked."""
    with closing(connect(url)) as connection:
        connection.request(method, path, body=body, headers=headers, encode_chunked=hasattr(body, '__next__'))  # type: ignore[arg-type]  # bytes, None or an iterator
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def interrupted(url: str, path: str, count: int, interrupt: Callable[[], object]) -> list[bytes]:
    """Send requests on a connection each, do something when all are sent, and return the bodies of the answers."""
    connections = [connect(url) for _ in range(count)]
    try:
        for connection in connections:
            connection.request('GET', path)
        interrupt()
        return [connection.getresponse().read() for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def raw(url: str) -> socket.socket:
    """Return a connected socket; close it."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT)


def until(connection: socket.socket, end: bytes) -> bytes:
    """Return what arrives up to some bytes, or up to the end of the connection."""
    received = b''
    while end not in received and (piece := connection.recv(65536)):
        received += piece
    return received


def await_listening(url: str) -> None:
    """Wait for a server that does not tell when it listens."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return raw(url).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f'nothing listens on {url}'
            time.sleep(0.02)


def read_all(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b''.join(pieces)
