"""The server `gevent`: a greenlet for each connection."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import WaitingConnections

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.types import WSGIApplication

OURS = {'listener', 'application', 'backlog', 'handler_class', 'ssl_args'}


class GeventServer(ServerAdapter):
    """Gevent's pywsgi, with a drain that ends idle connections instead of waiting for them.

    It is correct without monkey-patching, but then the application's own blocking calls block everybody. The command
    line patches the process before it imports the application.

    Options: those of `gevent.pywsgi.WSGIServer`, for example `spawn`, `log`, `error_log`, `environ`.
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
    _wake: Any = None
    _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve every socket from one pool of greenlets until stopped, then until the pool is empty."""
        from gevent.pool import Pool
        from gevent.pywsgi import WSGIServer

        from bottle_server_gevent.draining import drain, handler_class, wait_as_greenlet

        connections = WaitingConnections()
        silent = self.quiet or not self.logs_requests
        options = {'spawn': Pool(), **({'log': None} if silent else {}), **self.options}
        options['handler_class'] = handler_class(connections)
        servers = [WSGIServer(each, handler, **options) for each in sockets]
        for server in servers:
            if server.ssl_enabled:
                wait_as_greenlet(server, options['ssl_context'])
            if self.shares_sockets:
                server.max_accept = 1  # one process must not take what others could answer sooner
            server.start()
        self._wait_until_stopped()
        drain(servers, connections)

    def _wait_until_stopped(self) -> None:
        from gevent import event, get_hub

        stopped = event.Event()
        self._wake = get_hub().loop.async_()
        self._wake.start(stopped.set)
        if not self._stopping:
            stopped.wait()
        self._wake.stop()  # a further stop() is then without effect

    def stop(self) -> None:
        """Wake the serving greenlet; gevent's async watcher may be used from a signal handler and from any thread."""
        self._stopping = True
        if self._wake is not None:
            self._wake.send()

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
