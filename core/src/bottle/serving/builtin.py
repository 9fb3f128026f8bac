"""The two servers that need nothing but Python: `wsgiref` answers requests, `auto` chooses among what is installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle.errors import BackendMissing, ServerBlocked, ServerNotFound
from bottle.serving.adapter import AcceptingAdapter, Capabilities, ServerAdapter
from bottle.serving.hookspecs import hookimpl

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterator, Sequence

    from bottle.serving.registry import Registry
    from bottle.serving.types import WSGIApplication

# Which server `auto` prefers: first those with threads, on which any application runs as it was written; then those
# whose hub a program may have to know of; last those that answer one request at a time.
PREFERENCE = (
    *('waitress', 'cheroot', 'gunicorn', 'cherrypy', 'twisted', 'tornado', 'aiohttp', 'uvloop'),
    *('gevent', 'eventlet', 'rocket', 'paste', 'bjoern', 'meinheld'),
)
# Those that need a web server, a platform or another Python, and a second name.
UNFIT = ('cgi', 'diesel', 'fapws3', 'flup', 'gae', 'rocket3')
FALLBACK = 'wsgiref'


class WSGIRefServer(AcceptingAdapter):
    """The standard library's server, one thread for each connection.

    Options: `threaded` (False serves one connection after the other), `handler_class`, `server_class` as in Bottle
    0.13.
    """

    name = 'wsgiref'
    native_call = 'bottle.serving.simple_server.SimpleServer'
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        file_wrapper=True,
    )

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Accept connections and answer each in a thread, until stopped; then wait for the running threads."""
        from wsgiref.simple_server import software_version

        from bottle.serving.exchange import Exchange
        from bottle.serving.simple_server import RequestHandler, SimpleServer

        server_class = _extended(self.options.get('server_class'), SimpleServer)
        handler_class = _extended(self.options.get('handler_class'), RequestHandler)
        threaded = self.options.get('threaded', True)
        tls = self.ssl_context is not None
        exchange = Exchange(
            handler, sockets, software_version, tls=tls, multithread=threaded, multiprocess=self.shares_sockets
        )
        server = server_class(handler, handler_class, exchange, threaded=threaded, quiet=self.quiet)
        server.logs_requests = self.logs_requests and not self.quiet
        try:
            self.accept(sockets, server.process_request)
        finally:
            exchange.idle.drain()
            server.server_close()

    def native_options(self) -> Collection[str]:
        """Return the names of the options."""
        return ('handler_class', 'server_class', 'threaded')


def _extended(given: type | None, ours: type) -> Any:
    """Return a class with what the user's class overrides and, below it, what ours needs."""
    return ours if given is None or given is ours else type(given.__name__, (given, ours), {})


class Choice(NamedTuple):
    """What `auto` has chosen.

    Parameters:
        adapter: the adapter class.
        reason: why, in a few words.
    """

    adapter: type[ServerAdapter]
    reason: str


def choose(registry: Registry) -> Choice:
    """Choose the server that fits this process best among the installed ones.

    A CGI request (`GATEWAY_INTERFACE`, RFC 3875) can be answered by `cgi` alone. App Engine (`GAE_ENV`) gets `gae`, if
    that is installed. A socket handed over by a service manager (`LISTEN_FDS`) needs an adapter that takes one. Else
    the first in the order of preference is taken whose backend is installed, then any server that is not ours, then
    `wsgiref`.

    Parameters:
        registry: where servers are found.

    Returns:
        The adapter and the reason.

    Raises:
        ServerLoadError: a plugin that comes first is broken; it is never passed over in silence.
        ServerNotFound: this is a CGI request and the plugin for CGI is not installed.
    """
    if 'GATEWAY_INTERFACE' in os.environ:
        return Choice(registry.load('cgi'), 'this is a CGI request')
    needs_socket = _socket_handed_over()
    for name, reason in _candidates(registry):
        try:
            adapter = registry.load(name)
            registry.require_backend(adapter)
        except (BackendMissing, ServerBlocked):
            continue
        if not _is_fit(adapter, needs_socket):
            continue
        return Choice(adapter, f'{reason}, and takes the socket that was handed over' if needs_socket else reason)
    raise ServerNotFound(f"no server can be chosen: 'auto' found none that is ready, and {FALLBACK!r} is blocked")


def _socket_handed_over() -> bool:
    """Return whether sd_listen_fds(3) would find a socket for this very process."""
    return os.environ.get('LISTEN_PID') == str(os.getpid()) and os.environ.get('LISTEN_FDS', '0') != '0'


def _is_fit(adapter: type[ServerAdapter], needs_socket: bool) -> bool:
    """Return whether an adapter speaks with clients by itself, and takes a socket if it has to."""
    found = adapter.capabilities
    speaks = found.protocol == 'http' and found.concurrency != 'per-request'
    return speaks and (found.prebound_sockets or not needs_socket)


def _candidates(registry: Registry) -> Iterator[tuple[str, str]]:
    installed = [name for name in registry.names() if name not in ('auto', FALLBACK)]
    if os.environ.get('GAE_ENV') and 'gae' in installed:
        yield 'gae', 'this is App Engine'
    preferred = [each for each in PREFERENCE if each in installed]
    for name in preferred:
        yield name, f'the first that is ready of {", ".join(preferred)}'
    for name in (each for each in installed if each not in (*PREFERENCE, *UNFIT)):
        yield name, 'the only kind that is installed'
    yield FALLBACK, 'no other server is installed'


class WSGIRefPlugin:
    """The plugin of the built-in server `wsgiref`."""

    @staticmethod
    @hookimpl
    def bottle_server_adapter() -> type[ServerAdapter]:
        """Return the adapter."""
        return WSGIRefServer


class AutoPlugin:
    """The plugin of `auto`, which stands for the adapter that it chooses.

    Parameters:
        registry: where servers are found.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @hookimpl
    def bottle_server_adapter(self) -> type[ServerAdapter]:
        """Return the chosen adapter."""
        return choose(self._registry).adapter


def builtin_plugins(registry: Registry) -> dict[str, Any]:
    """Return the built-in plugins by server name.

    Parameters:
        registry: the registry that asks, for `auto` to choose from.
    """
    return {'auto': AutoPlugin(registry), FALLBACK: WSGIRefPlugin()}
