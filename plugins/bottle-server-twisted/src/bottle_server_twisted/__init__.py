"""The server `twisted`: Twisted's HTTP, in front of a pool of threads."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import Any, ClassVar

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle.serving.conversations import Conversation
from bottle.serving.loops import Engine, LoopAdapter, Server, Turns, Wire

SILENCE = 60.0  # seconds that a client may stay silent


class TwistedServer(LoopAdapter):
    """Twisted's HTTP in a loop of asyncio: its own reactor could run only once in a process."""

    name = 'twisted'
    backend = Backend('Twisted', 'twisted.web.http')
    native_call = 'twisted.web.http.HTTPChannel'

    def server(self, engine: Engine) -> Server:
        """Return Twisted's connections."""
        wires: set[Any] = set()
        return self.protocol_server(engine, partial(_TwistedWire, _channel_class(engine), wires), wires.__len__)


class _TwistedWire(Wire):
    names: ClassVar = {'loseConnection': 'close', 'abortConnection': 'abort'}
    names |= {'write': 'write', 'pauseProducing': 'pause_reading', 'resumeProducing': 'resume_reading'}
    disconnecting = property(lambda self: self.transport.is_closing())

    def __init__(self, channel_class: Any, wires: set[Any], turns: Turns) -> None:
        super().__init__(wires, turns)
        self.channel = channel_class()
        self.channel.turns = turns
        vars(self).update(data_received=self.channel.dataReceived)

    def connection_made(self, transport: Any) -> None:
        from twisted.internet.interfaces import IPushProducer
        from zope.interface import directlyProvides

        super().connection_made(transport)
        directlyProvides(self, IPushProducer)
        self.writeSequence = lambda pieces: transport.write(b''.join(pieces))  # asyncio's writelines pauses nobody
        self.getPeer = self.getHost = self.registerProducer = self.unregisterProducer = lambda *_: None
        self.channel.makeConnection(self)

    def eof_received(self) -> bool:
        is_busy = bool(self.channel._handlingRequest)  # then its response is sent, and the connection closed
        self.channel.persistent = self.channel.persistent and not is_busy
        return is_busy

    def connection_lost(self, exc: Exception | None) -> None:
        for request in self.channel.requests:
            request.message.lose()
        self.channel.connectionLost(exc)
        super().connection_lost(exc)


class _Message(Conversation):
    def __init__(self, engine: Engine, request: Any) -> None:
        super().__init__(engine, request.channel.turns)
        self.request, self.channel = request, request.channel

    def start(self, _: int | None) -> None:
        channel, fields = self.channel, self.request.requestHeaders.getAllRawHeaders()
        headers = [(name.decode(), value.decode('latin-1')) for name, values in fields for value in values]
        line = [part.decode('latin-1') for part in (channel._command, channel._path, channel._version)]
        self.request.content = BytesIO()
        if any(value.lower() != 'chunked' for name, value in headers if name == 'Transfer-Encoding'):
            channel._respondToBadRequestAndDisconnect()  # Twisted lets `identity` pass
        else:
            self.begin(line[0], line[1], line[2], headers, tls=channel.transport.tls)
        if self.receive(b''):
            channel.persistent = False
            self.request.requestHeaders.removeHeader(b'Expect')

    async def transmit(self, head: Any, data: bytes, end: bool) -> None:
        request, channel = self.request, self.channel
        if request._disconnected:
            raise ConnectionResetError('the client has gone away')
        if head is not None:
            channel.persistent = channel.persistent and not self.engine.connections.draining
            request.setResponseCode(head.code, head.reason.encode('latin-1'))
            for name, value in [*head.headers, *([] if channel.persistent else [('Connection', 'close')])]:
                request.responseHeaders.addRawHeader(name.encode(), value.encode('latin-1'))
        request.write(data)
        if end:
            self.turns.end()
            request.finish()
        else:
            await self.turns.room()

    def cut(self) -> None:
        self.channel.transport.loseConnection()


def _channel_class(engine: Engine) -> Any:
    """Return a connection of Twisted whose requests are conversations."""
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor
    from twisted.web import http

    class Request(http.Request):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.message = _Message(engine, self)
            vars(self).update(gotLength=self.message.start, process=self.message.respond)
            vars(self).update(handleContentChunk=self.message.receive)

    timer = staticmethod(AsyncioSelectorReactor(engine.loop).callLater)
    return type('Channel', (http.HTTPChannel,), {'requestFactory': Request, 'callLater': timer, 'timeOut': SILENCE})


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return TwistedServer
