"""What a drain needs of gevent: idle connections that can be ended, and queues that are answered before the end."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pywsgi import WSGIHandler
from gevent.ssl import SSLSocket

from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from bottle.serving.connections import WaitingConnections


def handler_class(connections: WaitingConnections) -> type:
    """Return a request handler whose idle connections can be ended, and which announces their end.

    Parameters:
        connections: those that wait for a request.
    """

    class Handler(WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
        def read_requestline(self) -> Any:
            plain = getattr(self.socket, '_sock', self.socket)  # gevent's own would cut what has been received
            with connections.waiting(plain, reused=self.requestline is not None):
                return super().read_requestline()

        def finalize_headers(self) -> None:
            super().finalize_headers()
            if connections.draining:
                self.close_connection = True
                self.response_headers.append((b'Connection', b'close'))

    return Handler


def wait_as_greenlet(server: Any, context: ssl.SSLContext) -> None:
    """Let TLS wait for one client only, its handshake included, where a drain can end it.

    A context of the standard library, in a process that is not patched, would stop everybody.

    Parameters:
        server: gevent's server.
        context: the TLS context.
    """
    server.wrap_socket = partial(SSLSocket, _context=context)
    server.ssl_args['do_handshake_on_connect'] = False  # but in the first read


def drain(servers: Sequence[Any], connections: WaitingConnections) -> None:
    """Answer what waits in the queues, end idle connections and wait for the running requests.

    Parameters:
        servers: gevent's servers, one for each socket.
        connections: those that wait for a request.
    """
    draining = gevent.spawn(connections.drain, gevent.sleep)  # at once: idle connections may fill the pool
    for server in servers:
        for accepted in islice(iter(server.do_read, None), BACKLOG):
            server.do_handle(*accepted)
        server.close()
    draining.join()
    for pool in (server.pool for server in servers if server.pool is not None):
        pool.join()
