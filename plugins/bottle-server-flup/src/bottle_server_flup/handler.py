"""What flup does with one connection: ends it in a drain, and speaks AJP as web servers do."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottle.serving.connections import WaitingConnections

LARGEST = 8186  # bytes of a body that a packet of AJP may hold, besides their number
PAGE = b'<!DOCTYPE html><title>Internal Server Error</title><h1>Internal Server Error</h1>'


def connection_class(base: Any, connections: WaitingConnections) -> Any:
    """Return a connection with the web server that a drain can end while no request is on it.

    Parameters:
        base: flup's connection.
        connections: those on which no request is.
    """
    [name] = {'process_input', 'processInput'} & set(dir(base))

    def process(self: Any) -> None:
        if not (getattr(self, '_requests', None) or getattr(self, '_request', None)):
            with connections.waiting(self._sock):
                self._sock.recv(1, socket.MSG_PEEK)
        getattr(base, name)(self)

    return type(base.__name__, (base,), {name: process})


def mend_ajp(server: Any, base: Any) -> Any:
    """Return a connection for AJP, and let the server ask for bodies packet by packet and call errors errors.

    Who asks for more than a packet gets several ones from lighttpd. Those that are left when the application does not
    read on would be taken for the next request, with an address and a user that a client has made up.

    Parameters:
        server: a server of `flup.server.ajp`.
        base: flup's connection.
    """
    from flup.server import ajp_base

    class Input(ajp_base.InputStream):  # type: ignore[misc]  # the type of the base class is not known
        def bytesAvailForAdd(self) -> Any:  # noqa: N802  # the name is flup's
            return min(super().bytesAvailForAdd(), LARGEST)

    class Request(ajp_base.Request):  # type: ignore[misc]  # the type of the base class is not known
        def __init__(self, conn: Any) -> None:
            super().__init__(conn)
            self.input = Input(conn)

    class Connection(base):  # type: ignore[misc]  # the type of the base class is not known
        numberless = False

        def _processBody(self, pkt: Any) -> None:  # noqa: N802  # the name is flup's
            is_number = int.from_bytes(pkt.data[:2]) == pkt.length - 2  # that of the bytes that follow
            self.numberless |= (
                pkt.length > 0 and not is_number
            )  # as lighttpd sends them: all of them, whatever they hold
            if self.numberless and pkt.length:
                pkt.data = pkt.length.to_bytes(2) + pkt.data
            super()._processBody(pkt)

    server.requestClass = Request
    if not server.debug:
        server.error = _error
    return Connection


def _error(request: Any) -> None:
    """Answer 500, where flup says 200."""
    headers = [(b'Content-Type', b'text/html'), (b'Content-Length', str(len(PAGE)).encode())]
    request.startResponse(500, b'Internal Server Error', headers)
    request.write(PAGE)
