"""Requests as an application is to see them: what meinheld gets wrong is mended, or refused where it cannot be."""

from __future__ import annotations

import os
import select
import socket
import struct
from itertools import chain
from typing import TYPE_CHECKING

from bottle.serving.accepted import UNIX_NAMES, file_in_blocks, has_good_head, with_write
from bottle.serving.responses import strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bottle.serving.environ import ServerNames
    from bottle.serving.types import Environ, StartResponse, WSGIApplication

PIECE = 1 << 14  # bytes that there is room for when the system says that there is
SILENCE = 30  # seconds that a client may take nothing
REFUSAL = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'


class MendedApplication:
    """An application for meinheld, which answers only those requests that can be read in one way.

    Parameters:
        handler: the WSGI application.
        names: the server's names.
    """

    def __init__(self, handler: WSGIApplication, names: ServerNames) -> None:
        self._handler = with_write(strict(handler))
        self._names = names
        self._refused = 0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application, unless the request is refused."""
        client = environ['meinheld.client']
        try:
            with socket.socket(fileno=os.dup(client.get_fd())) as connection:
                good = self._is_good(environ, connection)
        except OSError:  # the client has left
            good = False
        if not good:
            client.set_closed(1)  # nothing is sent
            return []
        response = self._handler(environ, start_response)
        if isinstance(response, list) and sum(map(len, response)) <= PIECE:
            return response
        # What has a method `close` would be closed late, and its error not be answered: a chain has none.
        return chain(_in_time(response, client.get_fd()))

    def _is_good(self, environ: Environ, connection: socket.socket) -> bool:
        """Tell who has connected, and where; refuse what is faulty, and what was read together with it."""
        number = os.fstat(connection.fileno()).st_ino
        connection.setblocking(True)  # greenlet has changed: meinheld fails where it would wait for the client
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('@ll', SILENCE, 0))
        if number != self._refused and not has_good_head(environ):
            self._refused = number
            connection.sendall(REFUSAL)
            connection.shutdown(socket.SHUT_RDWR)
        peer = connection.getpeername() or ('', '')  # meinheld remembers the last client alone
        environ |= {'REMOTE_ADDR': peer[0], 'REMOTE_PORT': str(peer[1]), **(self._names.of(connection) or UNIX_NAMES)}
        environ['wsgi.file_wrapper'] = file_in_blocks  # its own never ends where a file is shorter than it expects
        _, absolute, rest = environ['PATH_INFO'].partition('://')
        if absolute and not environ['PATH_INFO'].startswith('/'):
            environ['PATH_INFO'] = '/' + rest.partition('/')[2]
        return number != self._refused


def _in_time(response: Iterable[bytes], descriptor: int) -> Iterator[bytes]:
    """Yield what the client can take at once: to wait for it in C would keep signals waiting, too."""
    writable = select.poll()
    writable.register(descriptor, select.POLLOUT)
    try:
        for piece in response:
            for start in range(0, len(piece), PIECE):
                if not writable.poll(1000 * SILENCE):
                    raise TimeoutError(f'the client has taken nothing for {SILENCE} s')
                yield piece[start : start + PIECE]
    finally:
        getattr(response, 'close', str)()
