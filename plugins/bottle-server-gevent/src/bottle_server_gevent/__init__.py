"""The server `gevent`: a greenlet for each connection."""

from __future__ import annotations

import inspect
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import WaitingConnections
from bottle.serving.logs import StandardStream
from bottle.serving.responses import strict
from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.types import WSGIApplication

TICK = 0.1  # seconds: libev sleeps through a signal that comes just before it waits, until it wakes for another reason
OURS = {'listener', 'application', 'backlog', 'handler_class', 'ssl_args'}


class GeventServer(ServerAdapter):
    """Gevent's pywsgi, with a drain that ends idle connections instead of waiting for them.

    It is correct without monkey-patching, but then the application's own blocking calls block everybody. The command
    line patches the process before it imports the application.
    """

    name = 'gevent'
    backend = Backend('gevent', 'gevent.pywsgi')
    native_call = 'gevent.pywsgi.WSGIServer'
    native_names: ClassVar = {'ssl_context': 'ssl_context'}
    capabilities = Capabilities(
        concurrency='greenlets',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
    )
    _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve every socket from one pool of greenlets until stopped, then until the pool is empty."""
        from gevent import pool, pywsgi, sleep, spawn, ssl

        from bottle_server_gevent.handler import handler_class

        connections = WaitingConnections()
        errors = StandardStream('stderr')  # gevent's own would end the process when nobody reads it any more
        defaults = {'log': None if self.quiet or not self.logs_requests else errors, 'error_log': errors}
        options = {'spawn': pool.Pool(), **defaults, **self.options, 'handler_class': handler_class(connections)}
        servers = [pywsgi.WSGIServer(each, strict(handler), **options) for each in sockets]
        for server in servers:
            if server.ssl_enabled:  # a handshake and waits that let others run, without patching, and that a drain ends
                server.wrap_socket = partial(ssl.SSLSocket, _context=options['ssl_context'])
                server.ssl_args['do_handshake_on_connect'] = False
            server.max_accept = 1 if self.shares_sockets else server.max_accept
            server.start()
        while not self._stopping:
            sleep(TICK)
        draining = spawn(connections.drain, sleep)  # at once: the pool may be full of idle connections
        for server in servers:
            for accepted in islice(iter(server.do_read, None), BACKLOG):  # what waits in the queue is not refused
                server.do_handle(*accepted)
            server.close()
        draining.join()
        while any(server.pool is not None and not server.pool.join(TICK) for server in servers):
            pass

    def stop(self) -> None:
        """Let the serving greenlet see it when it looks next."""
        self._stopping = True

    def native_options(self) -> Collection[str]:
        """Return the parameters of gevent's server and its TLS context."""
        from gevent.pywsgi import WSGIServer

        return [*(inspect.signature(WSGIServer).parameters.keys() - OURS), 'ssl_context']


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return GeventServer


@hookimpl
def bottle_prepare_process() -> None:
    """Replace the blocking parts of the standard library, so that every wait lets other greenlets run."""
    from gevent import monkey

    monkey.patch_all()
