"""The server `aiohttp`: asyncio in front of a pool of threads."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle.serving.conversations import Conversation
from bottle.serving.loops import Engine, LoopAdapter, Server, Turns

if TYPE_CHECKING:
    from collections.abc import Collection

OURS = {'self', 'manager', 'loop', 'auto_decompress'}
SILENCE = 75.0  # seconds that a client may stay silent between requests; aiohttp's own are 3630


class AiohttpServer(LoopAdapter):
    """aiohttp's server, with a way to WSGI that streams in both directions."""

    name = 'aiohttp'
    backend = Backend('aiohttp', 'aiohttp.web')
    native_call = 'aiohttp.web.Server'

    def server(self, engine: Engine) -> Server:
        """Return aiohttp's connections."""
        from aiohttp import web

        options: dict[str, Any] = {'keepalive_timeout': SILENCE, 'auto_decompress': False, 'loop': engine.loop}
        options |= {} if self.logs_requests and not self.quiet else {'access_log': None}
        manager = web.Server(lambda request: _Message(engine, request).handle(), loop=engine.loop)
        protocol = partial(_connection_class(), manager, **{**options, **self.options_of_backend()})
        return self.protocol_server(engine, protocol, lambda: len(manager.connections))

    def native_options(self) -> Collection[str]:
        """Return the parameters of aiohttp's connections, and those of the adapter."""
        from aiohttp.web import RequestHandler

        return {*inspect.signature(RequestHandler).parameters, *self.native_names.values()} - OURS


def _connection_class() -> Any:
    """Return a connection that knows whose turn it is, and answers a client that has ended its side."""
    from aiohttp.web import RequestHandler

    class Connection(RequestHandler):
        body: Any = None  # of the request that has come last
        answered = 0

        def __init__(self, *arguments: Any, turns: Turns, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.turns = turns

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.body = self._messages[-1][1] if self._messages else self.body

        def eof_received(self) -> Any:
            self.is_half_closed = self.body is not None and self.body.is_eof()
            return self.is_half_closed and self._request_count > self.answered

        def answer(self) -> None:
            self.answered += 1
            self.turns.end()
            if getattr(self, 'is_half_closed', False) and self._request_count == self.answered and self.transport:
                self.transport.close()

        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            self.turns.close()

    return Connection


class _Message(Conversation):
    def __init__(self, engine: Engine, request: Any) -> None:
        super().__init__(engine, request.protocol.turns)
        self.request, self.connection = request, request.protocol

    async def handle(self) -> Any:
        from aiohttp.web import RequestPayloadError, Response

        request, transport = self.request, self.request.transport
        fields = [(name.decode('latin-1'), value.decode('latin-1')) for name, value in request.raw_headers]
        self.begin(request.method, request.raw_path, 'HTTP/{}.{}'.format(*request.version), fields, tls=request.secure)
        if transport and self.expects:
            transport.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        try:
            while not self.receive(await request.content.readany()) and not request.content.at_eof():
                pass
        except (RequestPayloadError, ConnectionError):
            self.lose()
            return Response(status=400)
        self.respond()
        await self.answered
        self.connection.answer()
        return self.response

    async def transmit(self, head: Any, data: bytes, end: bool) -> None:
        from aiohttp.web import StreamResponse

        if head is not None:
            self.response = StreamResponse(status=head.code, reason=head.reason)
            for name, value in head.headers:  # which aiohttp encodes as UTF-8
                self.response.headers.add(name, value.encode('latin-1').decode('utf-8', 'replace'))
            if self.engine.connections.draining:
                self.response.force_close()
            await self.response.prepare(self.request)
        await (self.response.write_eof if end else self.response.write)(data)

    def cut(self) -> None:
        self.connection.force_close()


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return AiohttpServer
