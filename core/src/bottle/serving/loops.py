"""Servers that run an event loop: it has a thread of its own, the core accepts, and threads call the application."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bottle.serving.adapter import ServerAdapter
from bottle.serving.connections import PAUSE_WHEN_LINGERING, AcceptLoop, WaitingConnections
from bottle.serving.environ import ServerNames
from bottle.serving.gateway import Exchange, Upload, refuse_body
from bottle.serving.options import DEFAULT_MAX_BODY
from bottle.serving.sockets import close

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bottle.serving.gateway import Head, Request, Transport
    from bottle.serving.types import WSGIApplication

THREADS = 16  # that call the application, unless another number is asked for


class Turns:
    """A connection whose turns a drain sees: that of the client, who may let it be idle, and that of the server.

    Parameters:
        connection: the connected socket.
        connections: those that are idle.
    """

    def __init__(self, connection: socket.socket, connections: WaitingConnections) -> None:
        self._connection = connection
        self._connections = connections
        self._waiting = connections.waiting(self)

    def begin(self) -> None:
        """Note that a request has come, or that the connection has ended."""
        self._waiting.__exit__()

    def end(self, *, reused: bool = True) -> None:
        """Note that the client may be silent from now on: it has its response, or has just sent something.

        Parameters:
            reused: whether a request was answered before.
        """
        self._waiting = self._connections.waiting(self, reused=reused)

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

    def __enter__(self) -> Self:
        """Start the loop."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the loop, once no thread needs it any more."""
        self._pool.shutdown()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

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


class Conversation:
    """One request while it is received, then the response to it. A subclass says how that is sent.

    Parameters:
        engine: where it happens.
        turns: the connection.

    Attributes:
        engine: where it happens.
        answered: done when the response is sent, or cut.
    """

    def __init__(self, engine: Engine, turns: Turns) -> None:
        self.answered: asyncio.Future[None] = engine.loop.create_future()
        self.engine = engine
        self._turns = turns
        self._upload: Upload | None = None

    def begin(self, request: Request) -> None:
        """Receive the head.

        Parameters:
            request: the head.
        """
        self._turns.begin()
        self._upload = self.engine.upload(request)

    def receive(self, data: bytes) -> bool:
        """Receive a piece of the body; return whether the rest need not be waited for.

        Parameters:
            data: the piece; may be empty.

        Raises:
            OSError: the disk is full.
        """
        if self._upload is None:
            return True
        self._upload.receive(data)
        return self._upload.is_refused

    def respond(self) -> None:
        """Let a thread answer the request."""
        if self._upload is not None:
            self.engine.respond(self._upload, self)

    def lose(self) -> None:
        """Forget a request that will not be completed."""
        if self._upload is not None:
            self._upload.close()

    def send(self, head: Head | None, data: bytes, *, end: bool) -> None:
        """Send what the application answers; see `Transport`.

        Parameters:
            head: the head of the response, the first time.
            data: a piece of the body.
            end: whether it is the last one.

        Raises:
            OSError: the client has gone away.
        """
        self.engine.wait(self._send(head, data, end))

    def abort(self) -> None:
        """Close the connection; see `Transport`."""
        self.engine.loop.call_soon_threadsafe(self._abort)

    async def transmit(self, head: Head | None, data: bytes, end: bool) -> None:
        """Send what the application answers, in the loop; return when there is room for more.

        Parameters:
            head: the head of the response, the first time.
            data: a piece of the body.
            end: whether it is the last one.

        Raises:
            OSError: the client has gone away.
        """
        raise NotImplementedError

    def cut(self) -> None:
        """Close the connection, in the loop."""
        raise NotImplementedError

    async def _send(self, head: Head | None, data: bytes, end: bool) -> None:
        await self.transmit(head, data, end)
        if end:
            self._finish()

    def _abort(self) -> None:
        self.cut()
        self._finish()

    def _finish(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)


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

    The loop runs in a thread beside the one that accepts, so that it may end when everything else has. Its
    `native_names` give `threads` and `max_body` names.
    """

    _accepting: AcceptLoop | None = None
    _stopping = False

    def server(self, engine: Engine) -> Server:
        """Return the backend.

        Parameters:
            engine: the loop that it runs in, and what it serves.
        """
        raise NotImplementedError

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop."""
        return asyncio.new_event_loop()

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Hand connections to the loop until stopped, then wait until the last one has ended."""
        threads = self.options.get(self.native_names['threads'], THREADS)
        limit = self.options.get(self.native_names['max_body'], DEFAULT_MAX_BODY)
        with Engine(self.new_loop(), handler, sockets, threads, limit) as engine:
            server = self.server(engine)

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


async def _called(function: Callable[[], int]) -> int:
    return function()
