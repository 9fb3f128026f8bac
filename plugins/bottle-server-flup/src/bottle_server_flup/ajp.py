"""AJP as flup does not speak it: bodies from lighttpd, errors that are errors, and no more than what was asked for."""

from __future__ import annotations

from typing import Any

LARGEST = 8186  # bytes of a body that a packet of AJP may hold, besides their number
PAGE = b'<!DOCTYPE html><title>Internal Server Error</title><h1>Internal Server Error</h1>'


def mend(server: Any) -> None:
    """Let a server of flup ask for a body packet by packet, and answer 500 when an application has failed.

    Who asks for more at once gets several packets from lighttpd. Those that are left when the application does not read
    on would be taken for the next request, with an address and a user that a client has made up.

    Parameters:
        server: a server of `flup.server.ajp`.
    """
    from flup.server import ajp_base

    class Input(ajp_base.InputStream):  # type: ignore[misc]  # the type of the base class is not known
        def bytesAvailForAdd(self) -> Any:  # noqa: N802  # the name is flup's
            return min(super().bytesAvailForAdd(), LARGEST)

    class Request(ajp_base.Request):  # type: ignore[misc]  # the type of the base class is not known
        def __init__(self, conn: Any) -> None:
            super().__init__(conn)
            self.input = Input(conn)

    server.requestClass = Request
    if not server.debug:
        server.error = _error


def connection_class(base: Any) -> Any:
    """Return a connection that takes the packets of a body with and without the number of bytes in front.

    It belongs there, and lighttpd leaves it out.

    Parameters:
        base: flup's connection.
    """

    class Connection(base):  # type: ignore[misc]  # the type of the base class is not known
        numberless = False

        def _processBody(self, pkt: Any) -> None:  # noqa: N802  # the name is flup's
            is_number = int.from_bytes(pkt.data[:2]) == pkt.length - 2
            self.numberless |= pkt.length > 0 and not is_number  # from then on: a body may look as if it had one
            if self.numberless and pkt.length:
                pkt.data = pkt.length.to_bytes(2) + pkt.data
            super()._processBody(pkt)

    return Connection


def _error(request: Any) -> None:
    """Answer 500, where flup says 200."""
    headers = [(b'Content-Type', b'text/html'), (b'Content-Length', str(len(PAGE)).encode())]
    request.startResponse(500, b'Internal Server Error', headers)
    request.write(PAGE)
