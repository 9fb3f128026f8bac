"""The server `aiohttp`: asyncio in front of a pool of threads."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle.serving.conversations import Conversation
from bottle.serving.loops import Engine, LoopAdapter, Server

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

        from bottle_server_aiohttp.handler import Connection

        options: dict[str, Any] = {'keepalive_timeout': SILENCE, 'auto_decompress': False, 'loop': engine.loop}
        options |= {} if self.logs_requests and not self.quiet else {'access_log': None}
        manager = web.Server(lambda request: _Message(engine, request).handle(), loop=engine.loop)
        protocol = partial(Connection, manager, **{**options, **self.options_of_backend()})
        return self.protocol_server(engine, protocol, lambda: len(manager.connections))

    def native_options(self) -> Collection[str]:
        """Return the parameters of aiohttp's connections, and those of the adapter."""
        from aiohttp.web import RequestHandler

        return {*inspect.signature(RequestHandler).parameters, *self.native_names.values()} - OURS


class _Message(Conversation):
    def __init__(self, engine: Engine, request: Any) -> None:
        super().__init__(engine, request.protocol.turns)
        self.request, self.connection = request, request.protocol

    async def handle(self) -> Any:
        from aiohttp.web import RequestPayloadError, Response

        request, transport = self.request, self.request.transport
        fields = [(key.decode('latin-1'), value.strip(b' \t').decode('latin-1')) for key, value in request.raw_headers]
        self.begin(request.method, request.raw_path, 'HTTP/{}.{}'.format(*request.version), fields, tls=request.secure)
        if transport and self.expects:
            transport.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        try:
            while not self.receive(await request.content.readany()) and not request.content.at_eof():
                pass
        except (RequestPayloadError, ConnectionError):
            self.lose()
            self.connection.close()  # after the response
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
