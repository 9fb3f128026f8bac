"""The contract of a server adapter: a class with `serve` and `stop`, and a declaration of what its backend can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from bottle._util import nearest
from bottle.errors import ServerOptionError
from bottle.serving.addresses import DEFAULT_HOST, DEFAULT_PORT, UNIX_PREFIX, parse_port

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bottle.serving.connections import AcceptLoop
    from bottle.serving.types import WSGIApplication

Concurrency: TypeAlias = Literal['sync', 'threads', 'greenlets', 'event-loop', 'processes', 'per-request']
Protocol: TypeAlias = Literal['http', 'cgi', 'fastcgi', 'scgi', 'ajp']


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend, driven by its adapter, can do. Declared by the adapter and measured by tests.

    Parameters:
        concurrency: how requests are handled at the same time.
        protocol: what is spoken with whoever connects: HTTP with clients, or a protocol of gateways with a web server.
        prebound_sockets: takes listening sockets that the core has bound.
        unix_sockets: serves on a unix socket.
        ipv6: serves on an IPv6 address.
        tls: serves TLS: by itself, or on connections that the core has wrapped.
        chunked_requests: hands a chunked request body (RFC 9112, section 7.1) to the application whole.
        streaming: sends each piece of a response when it is yielded.
        keep_alive: serves several requests on one connection (RFC 9112, section 9.3).
        http2: speaks HTTP/2.
        graceful_drain: `stop` lets running requests finish.
        worker_processes: has worker processes of its own.
        threads_option: the number of threads can be set.
        file_wrapper: offers `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").
    """

    concurrency: Concurrency
    protocol: Protocol = 'http'
    prebound_sockets: bool = False
    unix_sockets: bool = False
    ipv6: bool = False
    tls: bool = False
    chunked_requests: bool = False
    streaming: bool = False
    keep_alive: bool = False
    http2: bool = False
    graceful_drain: bool = False
    worker_processes: bool = False
    threads_option: bool = False
    file_wrapper: bool = False


@dataclass(frozen=True, slots=True)
class Backend:
    """The server software behind an adapter.

    Parameters:
        distribution: its name on the package index; tells whether it is installed, without importing it.
        module: the module that the adapter imports when it serves.
        install: the command that installs it, where it is not just `pip install` of the adapter's own requirement.
    """

    distribution: str
    module: str
    install: str = ''


class ServerAdapter:
    """Base class of all adapters.

    A new adapter implements `serve` and `stop`; one that was written for Bottle 0.13 implements `run` alone.

    Parameters:
        host: a host name, an IPv4 or IPv6 address, or `unix:/path`.
        port: the TCP port; 0 lets the system choose one.
        options: options of the backend, handed to it unchanged.

    Attributes:
        name: the server's name, that of its entry point.
        backend: the server software behind it; None when it needs nothing but Python.
        capabilities: what it can do.
        native_call: what `serve` calls, for `explain`.
        native_names: the backend's own names of portable options that it takes, such as `{'threads': 'num_threads'}`;
            under `ssl_context` the name of the option that takes an `ssl.SSLContext`. Their values are handed to it
            under these names.
        marks_chunked: whether the environ of a chunked request has HTTP_TRANSFER_ENCODING although it is decoded.
        says_when_ready: whether `serve` calls `on_ready` once it listens, as an adapter should that binds by itself;
            else that is said before `serve` is called.
        on_ready: set by the runner; tells whoever waits for it that `url` is being listened on.
        quiet: whether the adapter and its backend should print nothing.
        logs_requests: whether the backend may log requests as it does by itself; False when the core logs them.
        shares_sockets: whether other processes accept on the same sockets.
        draining: whether it was told to stop.
        url: the real URL, once the runner has bound its sockets.
    """

    name: ClassVar[str] = ''
    backend: ClassVar[Backend | None] = None
    capabilities: ClassVar[Capabilities] = Capabilities(concurrency='sync')
    native_call: ClassVar[str] = ''
    native_names: ClassVar[Mapping[str, str]] = {}
    marks_chunked: ClassVar[bool] = False
    says_when_ready: ClassVar[bool] = False
    on_ready: Callable[[], object] = staticmethod(bool)
    quiet: bool = False
    logs_requests: bool = True
    shares_sockets: bool = False
    draining: bool = False
    url: str = ''

    def __init__(self, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, **options: Any) -> None:
        self.host = host
        self.port = parse_port(port)
        self.options = options

    def run(self, handler: WSGIApplication) -> None:
        """Serve until stopped, on a socket of its own. Blocks.

        Parameters:
            handler: the WSGI application.

        Raises:
            BindError: the address cannot be listened on.
        """
        from bottle.serving import sockets as socket_tools  # not needed to list the servers

        bound = [socket_tools.listen(self.host, self.port)] if self.capabilities.prebound_sockets else []
        try:
            self.serve(handler, bound)
        finally:
            socket_tools.close(bound)

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Serve until `stop` is called and the running requests have finished. Blocks.

        Parameters:
            handler: the WSGI application.
            sockets: listening, non-blocking sockets to accept on; empty when the adapter does not declare
                `prebound_sockets`.
        """
        raise NotImplementedError(f'{type(self).__name__} implements neither serve() nor run()')

    def stop(self) -> None:
        """Make `serve` accept no more, finish what runs and return; also when `serve` begins only later.

        Called from a signal handler or another thread: must not block, nor take a lock.
        """
        raise NotImplementedError(f'{type(self).__name__} cannot be stopped: it implements no stop()')

    def native_options(self) -> Collection[str] | None:
        """Return the names of the options that the backend takes, or None when they are not known.

        The backend is imported.
        """
        return None

    @classmethod
    def native_value(cls, option: str, value: Any) -> Any:
        """Return the value of a portable option as the backend takes it, under its name in `native_names`.

        Parameters:
            option: the portable option.
            value: its value.
        """
        del option
        return value

    def try_options(self) -> None:
        """Let the backend read its options, if it can do that without serving; what it raises refuses them."""

    def check_options(self) -> None:
        """Refuse options that the backend does not take.

        Raises:
            ServerOptionError: naming the server, the option and the nearest known one, or what the backend says.
        """
        from bottle.serving.options import portable_options  # not needed to list the servers

        known = self.native_options()
        for option in self.options if known is not None else ():
            if option not in (known or ()):
                takes = f'it takes {", ".join(sorted(known))}' if known else 'it takes none'
                hint = nearest(option, known or ()) or nearest(option, portable_options())
                raise ServerOptionError(f'the server {self.name!r} has no option {option!r}: {takes}.{hint}')
        try:
            self.try_options()
        except (TypeError, ValueError) as error:
            raise ServerOptionError(f'{self.name} refuses its options: {error}') from error

    def explain(self) -> str:
        """Return the native call that `serve` makes, as a line of Python."""
        place = [] if self.capabilities.concurrency == 'per-request' else [f'{self.host!r}, {self.port}']
        where = ['sockets'] if self.capabilities.prebound_sockets else place
        arguments = ['handler', *where, *(f'{name}={value!r}' for name, value in self.options.items())]
        return f'{self.native_call or type(self).__qualname__}({", ".join(arguments)})'

    @property
    def is_legacy(self) -> bool:
        """Whether this adapter was written for Bottle 0.13.

        It has `run` alone and can neither take sockets nor be stopped.
        """
        return type(self).serve is ServerAdapter.serve

    def __repr__(self) -> str:
        where = self.host if self.host.startswith(UNIX_PREFIX) else f'{self.host}:{self.port}'
        return f'<{type(self).__name__} {where}>'


class AcceptingAdapter(ServerAdapter):
    """Base class of adapters whose backend is handed connections: the core accepts them, and speaks TLS.

    Attributes:
        ssl_context: makes each connection one with TLS before the backend gets it; None leaves them plain.
    """

    ssl_context: ssl.SSLContext | None = None
    _loop: AcceptLoop | None = None
    _stopping = False

    def accept(self, sockets: Sequence[socket.socket], handle: Callable[[socket.socket, Any], object]) -> None:
        """Accept connections until `stop` is called, then close the sockets.

        Parameters:
            sockets: the listening sockets.
            handle: called with each connected socket and the client's address; must not block.
        """
        from bottle.serving.connections import AcceptLoop

        self._loop = AcceptLoop(sockets, handle, self.ssl_context)
        if self._stopping:
            self._loop.stop()
        try:
            self._loop.run()
        finally:
            for each in sockets:
                each.close()

    def stop(self) -> None:
        """Accept no more."""
        self._stopping = True
        if self._loop is not None:
            self._loop.stop()
