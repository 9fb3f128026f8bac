"""The server `flup`: threads behind a web server that speaks FastCGI, SCGI or AJP."""

from __future__ import annotations

import inspect
import logging
import socket
import traceback
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.errors import ServerOptionError
from bottle.serving import AcceptingAdapter, Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import InFlight, WaitingConnections
from bottle.serving.environ import latin1_path, terminate_input
from bottle.serving.responses import strict
from bottle_server_flup.handler import connection_class, mend_ajp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

MODULES = {'fastcgi': 'flup.server.fcgi', 'scgi': 'flup.server.scgi', 'ajp': 'flup.server.ajp'}
DEFAULTS = {'protocol': 'fastcgi', 'maxSpare': 5}
OURS = {'application', 'bindAddress', 'umask', 'allowedServers', 'forceCGI', 'kw', 'multiprocess', 'multiplexed'}
# A Proxy header would pass for the variable that configures proxies; the web server has decoded a body in chunks.
DROPPED = ('HTTP_PROXY', 'HTTP_TRANSFER_ENCODING', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH')


class FlupServer(AcceptingAdapter):
    """Flup's gateways. The option `protocol` chooses one; what is declared is the default, FastCGI."""

    name = 'flup'
    backend = Backend('flup', 'flup.server.fcgi')
    native_call = 'flup.server.fcgi.WSGIServer'
    native_names: ClassVar = {'threads': 'maxThreads'}
    capabilities = Capabilities(
        concurrency='threads',
        protocol='fastcgi',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        chunked_requests=True,
        streaming=True,
        graceful_drain=True,
        threads_option=True,
    )

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Accept connections and hand them to flup's pool until stopped, then until the pool is idle."""
        connections, running = WaitingConnections(), InFlight()
        options = {**DEFAULTS, **self.options, 'multiprocess': self.shares_sockets}
        protocol = options.pop('protocol')
        options['maxSpare'] = min(options['maxSpare'], options.get('maxThreads', options['maxSpare']))
        server = import_module(MODULES[protocol]).WSGIServer(partial(_mended, strict(handler), protocol), **options)
        logging.getLogger(f'{protocol}-wsgi').setLevel(options.get('loggingLevel', logging.WARNING))  # no requests
        server.handler = partial(_cut_on_failure, server.handler)
        task_class = connection_class(server._jobClass, connections)
        if protocol == 'ajp':
            task_class = mend_ajp(server, task_class)

        def queue(connection: socket.socket, address: Any) -> None:
            task = task_class(connection, address or ('', 0), server, None)
            task.run = running.counted(task.run)
            server._threadPool.addJob(task)

        self.accept(sockets, queue)
        connections.drain()
        running.wait()
        server.shutdown()

    def native_options(self) -> Collection[str]:
        """Return `protocol` and the parameters of flup's server for it, and of its pool."""
        from flup.server.threadpool import ThreadPool

        protocol = self.options.get('protocol', 'fastcgi')
        if protocol not in MODULES:
            raise ServerOptionError(f'the server {self.name!r} speaks {", ".join(MODULES)}, not {protocol!r}')
        classes = (import_module(MODULES[protocol]).WSGIServer, ThreadPool)
        return {'protocol'}.union(*(inspect.signature(each).parameters for each in classes)) - OURS


def _mended(app: WSGIApplication, protocol: str, environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Call an application with an environ as PEP 3333 wants it."""
    for name in DROPPED:
        environ.pop(name, None)
    if protocol == 'ajp':  # flup takes the request target for the path
        environ['PATH_INFO'] = latin1_path(environ['REQUEST_URI'])[len(environ['SCRIPT_NAME']) :]
    if 'CONTENT_LENGTH' in environ or protocol != 'fastcgi':
        terminate_input(environ, environ['wsgi.input'])
    environ['wsgi.input_terminated'] = True  # in FastCGI a record tells where a body without a length ends
    return app(environ, start)


def _cut_on_failure(handle: Callable[[Any], Any], request: Any) -> Any:
    """Let flup handle a request, and let nobody take a response that failed for a whole one."""
    try:
        return handle(request)
    except Exception:
        traceback.print_exc()
        has_begun = request.stdout.dataWritten if hasattr(request, 'stdout') else request._headersSent
        if has_begun:
            request._conn._sock.shutdown(socket.SHUT_RDWR)
        raise


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return FlupServer
