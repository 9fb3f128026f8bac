"""Servers that run an event loop: it has a thread of its own, the core accepts, and threads call the application."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from bottle.serving.adapter import Capabilities, ServerAdapter
from bottle.serving.connections import PAUSE_WHEN_LINGERING, AcceptLoop, WaitingConnections
from bottle.serving.environ import ServerNames
from bottle.serving.gateway import Exchange, Upload, refuse_body
from bottle.serving.options import DEFAULT_MAX_BODY
from bottle.serving.sockets import close

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence

    from bottle.serving.gateway import Request, Transport
    from bottle.serving.types import WSGIApplication

THREADS = 16  # that call the application, unless another number is asked for


class Turns:
    """A connection whose turns a drain sees: that of the client, who may let it be idle, and that of the server.

    Parameters:
        engine: where it is served.
        connection: the connected socket.
        client: the client's address.

    Attributes:
        client: the client's address.
        server: SERVER_NAME and SERVER_PORT.
    """

    def __init__(self, engine: Engine, connection: socket.socket, client: Any) -> None:
        self.client = client
        self.server = engine.names.of(connection)
        self._connection = connection
        self._connections = engine.connections
        self._waiting = engine.connections.waiting(self)
        self._loop = engine.loop
        self._room: asyncio.Future[None] | None = None  # while the client takes less than it is sent

    def begin(self) -> None:
        """Note that a request has come."""
        self._waiting.__exit__()

    def end(self, *, reused: bool = True) -> None:
        """Note that the client may be silent from now on: it has its response, or has just sent something.

        Parameters:
            reused: whether a request was answered before.
        """
        self._waiting = self._connections.waiting(self, reused=reused)

    def close(self) -> None:
        """Note that the connection has ended."""
        self.begin()
        self.resume()

    def pause(self) -> None:
        """Note that the client does not keep up; for backends that tell so."""
        self._room = self._loop.create_future()

    def resume(self) -> None:
        """Note that there is room for more, or that nobody needs it any more."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def room(self) -> None:
        """Wait while the client does not keep up."""
        if self._room is not None:
            await self._room

    def fileno(self) -> int:
        """Return the number of the open file."""
        return self._connection.fileno()

    def shutdown(self, how: int) -> None:
        """End one direction, below TLS.

        Parameters:
            how: as for a socket.
        """
        socket.socket.shutdown(self._connection, how)


class Engine:
    """An event loop of asyncio in a thread, and the threads that call the application; a context manager.

    Parameters:
        loop: the loop, not running.
        handler: the WSGI application.
        sockets: the listening sockets.
        threads: how many threads call the application.
        limit: the permitted length of a request body in bytes.

    Attributes:
        loop: the loop.
        connections: the idle connections; while they drain, each response should close its connection.
        names: SERVER_NAME and SERVER_PORT of connections.
        connecting: the connections that `connect` has not handed over yet, because of their TLS.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: WSGIApplication,
        sockets: Sequence[socket.socket],
        threads: int = THREADS,
        limit: int = DEFAULT_MAX_BODY,
    ) -> None:
        self.loop = loop
        self.connections = WaitingConnections()
        self.names = ServerNames(sockets)
        self.connecting: set[asyncio.Task[Any]] = set()
        self._handler = handler
        self._pool = ThreadPoolExecutor(threads, 'bottle-request')
        self._limit = limit
        self._thread = threading.Thread(target=self._run, name='bottle-loop', daemon=True)

    def upload(self, request: Request) -> Upload:
        """Return what receives the body of a request.

        Parameters:
            request: its head.
        """
        return Upload(request.environ(), self._limit)

    def respond(self, upload: Upload, transport: Transport) -> None:
        """Let a thread answer a request.

        Parameters:
            upload: the request with its body.
            transport: sends the response.
        """
        self._pool.submit(self._respond, upload, transport)

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what a coroutine returns in the loop, from another thread.

        Parameters:
            coroutine: what is to be run.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def connect(self, protocol: Callable[[], Any], connection: socket.socket, context: Any = None) -> None:
        """Serve a connection by a protocol of asyncio; to be called in the loop.

        Parameters:
            protocol: returns the protocol.
            connection: the connected socket.
            context: an `ssl.SSLContext`, where it is to be encrypted.
        """
        task = self.loop.create_task(self.loop.connect_accepted_socket(protocol, connection, ssl=context))
        self.connecting.add(task)
        task.add_done_callback(self._connect)

    def __enter__(self) -> Self:
        """Start the loop."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the loop, once no thread needs it any more."""
        self._pool.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _connect(self, task: asyncio.Task[Any]) -> None:
        self.connecting.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError):
            raise error  # what is wrong with a client's TLS is not worth a traceback

    def _respond(self, upload: Upload, transport: Transport) -> None:
        application = refuse_body if upload.too_large else self._handler
        try:
            Exchange(upload.environ(), transport).run(application)
        finally:
            upload.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


class Wire(asyncio.Protocol):
    """A connection of asyncio for a backend that knows it by other names. A subclass says what happens to its bytes.

    Parameters:
        open: all connections that are open.
        turns: the connection.

    Attributes:
        names: the backend's names of what a transport of asyncio can do.
        transport: sends bytes.
        tls: whether the connection is encrypted.
    """

    names: ClassVar[Mapping[str, str]] = {}
    transport: Any = None
    tls = False

    def __init__(self, open: set[Any], turns: Turns) -> None:
        self.turns = turns
        self._open = open

    def connection_made(self, transport: Any) -> None:
        """Begin.

        Parameters:
            transport: sends bytes.
        """
        self._open.add(self)
        self.transport = transport
        self.tls = transport.get_extra_info('sslcontext') is not None
        for theirs, ours in self.names.items():
            setattr(self, theirs, getattr(transport, ours))

    def connection_lost(self, exc: Exception | None) -> None:
        """End.

        Parameters:
            exc: what went wrong; None if nothing did.
        """
        del exc
        self._open.discard(self)
        self.turns.close()

    def pause_writing(self) -> None:
        """Let the response wait: the client does not keep up."""
        self.turns.pause()

    def resume_writing(self) -> None:
        """Let the response go on."""
        self.turns.resume()


class Server(NamedTuple):
    """A backend in a loop, as functions that are called there.

    Parameters:
        begin: serves a connection, given the connected socket and the client's address.
        connected: returns how many connections are open, or are about to be.
    """

    begin: Callable[[socket.socket, Any], object]
    connected: Callable[[], int]


class LoopAdapter(ServerAdapter):
    """Base class of adapters whose backend runs an event loop.

    The loop runs in a thread beside the one that accepts, so that it may end when everything else has.
    """

    native_names: ClassVar = {'threads': 'threads', 'max_body': 'max_body_size', 'ssl_context': 'ssl_context'}
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
        threads_option=True,
        file_wrapper=True,
    )
    _accepting: AcceptLoop | None = None
    _stopping = False

    def server(self, engine: Engine) -> Server:
        """Return the backend; called in the loop.

        Parameters:
            engine: the loop that it runs in, and what it serves.
        """
        raise NotImplementedError

    def native_options(self) -> Collection[str]:
        """Return the options that this class has for every backend."""
        return set(self.native_names.values())

    def protocol_server(self, engine: Engine, protocol: Callable[..., Any], connected: Callable[[], int]) -> Server:
        """Return a backend that is a protocol of asyncio.

        Parameters:
            engine: the loop that it runs in.
            protocol: makes one for a connection, given as `turns`.
            connected: returns how many are open.
        """

        def begin(connection: socket.socket, address: Any) -> None:
            made = partial(protocol, turns=Turns(engine, connection, address))
            engine.connect(made, connection, self.options.get('ssl_context'))

        return Server(begin, lambda: len(engine.connecting) + connected())

    def options_of_backend(self) -> dict[str, Any]:
        """Return the options but for those that this class has for every backend."""
        ours = self.native_names.values()
        return {name: value for name, value in self.options.items() if name not in ours}

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop."""
        return asyncio.new_event_loop()

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Hand connections to the loop until stopped, then wait until the last one has ended."""
        threads = self.options.get(self.native_names['threads'], THREADS)
        limit = self.options.get(self.native_names['max_body'], DEFAULT_MAX_BODY)
        with Engine(self.new_loop(), handler, sockets, threads, limit) as engine:
            server: Server = engine.wait(_called(self.server, engine))

            def take(connection: socket.socket, address: Any) -> None:
                connection.setblocking(False)
                engine.loop.call_soon_threadsafe(server.begin, connection, address)

            self._accepting = AcceptLoop(sockets, take)
            if self._stopping:
                self._accepting.stop()
            self._accepting.run()
            close(sockets)
            engine.connections.drain()
            while engine.wait(_called(server.connected)):
                time.sleep(PAUSE_WHEN_LINGERING)

    def stop(self) -> None:
        """Accept no more."""
        self._stopping = True
        if self._accepting is not None:
            self._accepting.stop()


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
