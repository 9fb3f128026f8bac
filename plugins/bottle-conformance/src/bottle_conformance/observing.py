"""What several suites look at: what was told so far, the bytes of a response, whether it is whole."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.client import Connection
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Event

END = b'\r\n\r\n'  # of a head


def so_far(server: Subject, identity: str, event: str) -> list[Event]:
    """Return what was told of a request up to now, which may be nothing; what is told later is not waited for.

    Parameters:
        server: the server.
        identity: the value of the request's X-Id.
        event: what kind of event.
    """
    mark = new_identity()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as speaker:
        speaker.sendto(json.dumps({'event': 'asked', 'id': mark}).encode(), server.witness.path)
    server.witness.wait(mark, 'asked')  # it hears everything in order
    return server.witness.events(identity, event)


def rest(server: Subject, target: str, method: str = 'GET') -> bytes:
    """Return the bytes behind the head of a response, up to the end of the connection.

    Parameters:
        server: the server.
        target: the request target.
        method: the method.
    """
    with server.connect() as connection:
        connection.send(request(target, method=method))
        assert connection.read_until(END).endswith(END)
        return connection.read_all()


def is_cut(connection: Connection, head: bytes) -> bool:
    """Return whether the client can tell that a response is not whole (RFC 9112, section 8).

    Parameters:
        connection: where the rest of the response arrives.
        head: its head.
    """
    received = connection.read_all()
    try:
        connection.socket.getpeername()
    except OSError:  # it was reset
        return True
    lines = [line.lower().replace(b' ', b'') for line in head.split(b'\r\n')]
    if b'transfer-encoding:chunked' in lines:
        return not received.endswith(b'0\r\n\r\n')
    return any(line.startswith(b'content-length:') and int(line[15:]) != len(received) for line in lines)


def endings(server: Subject, identity: str) -> list[int]:
    """Return how often the iterable of a response was closed: the count at each call, once another response has ended.

    Parameters:
        server: the server.
        identity: the value of the request's X-Id.
    """
    server.told(identity, 'closed')
    following = new_identity()
    server.ask('/long', identity=following)
    server.told(following, 'closed')
    return [event['times'] for event in server.witness.events(identity, 'closed')]
