"""The server `gevent`: a greenlet for each connection."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import WaitingConnections
from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.options import ServerOptions
    from bottle.serving.types import WSGIApplication

OURS = {'self', 'listener', 'application', 'backlog', 'handler_class', 'ssl_args'}


class GeventServer(ServerAdapter):
    """Gevent's pywsgi, with a drain that ends idle connections instead of waiting for them.

    It is correct without monkey-patching, because request-local state lives in context variables; the application's own
    blocking calls then block everybody. The command line patches the process before it imports the application.

    Options: those of `gevent.pywsgi.WSGIServer`, for example `spawn`, `log`, `error_log`, `environ`.
    """

    name = 'gevent'
    backend = Backend('gevent', 'gevent.pywsgi')
    native_call = 'gevent.pywsgi.WSGIServer'
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
    _wake: Any = None
    _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve every socket from one pool of greenlets until stopped, then until the pool is empty."""
        import gevent
        from gevent.event import Event
        from gevent.pool import Pool
        from gevent.pywsgi import WSGIServer

        connections = WaitingConnections()
        options = {'spawn': Pool(), **({'log': None} if self.quiet else {}), **self.options}
        handler_class = _handler_class(connections)
        servers = [WSGIServer(each, handler, handler_class=handler_class, **options) for each in sockets]
        stopped = Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(stopped.set)
        if self._stopping:
            stopped.set()
        for server in servers:
            server.start()
        stopped.wait()
        for server in servers:
            _accept_queued(server)
            server.close()
        connections.drain()
        for server in servers:
            if server.pool is not None:
                server.pool.join()
        self._wake.close()

    def stop(self) -> None:
        """Wake the serving greenlet; gevent's async watcher may be used from a signal handler and from any thread."""
        self._stopping = True
        if self._wake is not None:
            self._wake.send()

    def native_options(self) -> Collection[str]:
        """Return the parameters of gevent's server and those of its TLS."""
        from gevent.pywsgi import WSGIServer

        own = inspect.signature(WSGIServer.__init__).parameters
        return [*(name for name in own if name not in OURS), 'certfile', 'keyfile', 'ssl_context']


def _handler_class(connections: WaitingConnections) -> type:
    """Return a request handler whose idle connections can be ended."""
    from gevent.pywsgi import WSGIHandler

    class Handler(WSGIHandler):  # type: ignore[misc]  # the type of the base class is not known
        def read_requestline(self) -> Any:
            with connections.waiting(cast('socket.socket', getattr(self.socket, '_sock', self.socket))):
                return super().read_requestline()

        def finalize_headers(self) -> None:
            super().finalize_headers()
            if connections.draining:
                self.close_connection = True
                self.response_headers.append((b'Connection', b'close'))

    return Handler


def _accept_queued(server: Any) -> None:
    """Accept what waits in the queue of the socket, so that no client is refused."""
    for _ in range(BACKLOG):
        if (accepted := server.do_read()) is None:
            break
        server.do_handle(*accepted)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return GeventServer


@hookimpl
def bottle_prepare_process(options: ServerOptions) -> None:  # noqa: ARG001  # the hook's own signature
    """Replace the blocking parts of the standard library, so that every wait lets other greenlets run."""
    from gevent import monkey

    monkey.patch_all()
