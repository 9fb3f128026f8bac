"""The server `tornado`: an event loop in front of a pool of threads."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle.serving.conversations import Conversation
from bottle.serving.loops import Engine, LoopAdapter, Server, Turns

if TYPE_CHECKING:
    from collections.abc import Collection

    from bottle.serving.gateway import Head

OURS = {'self', 'request_callback', 'decompress_request', 'max_buffer_size', 'protocol'}
OURS |= {'ssl_options', 'trusted_downstream', 'xheaders'}  # the core believes proxies
SILENCE = 60.0  # seconds that a client may stay silent between requests and in a head; Tornado's own are 3600
UNLIMITED = 1 << 62  # bytes: the core counts those of a body, and Tornado would answer 400


class TornadoServer(LoopAdapter):
    """Tornado's HTTP server, whose own container for WSGI keeps requests and responses in memory whole."""

    name = 'tornado'
    backend = Backend('tornado', 'tornado.httpserver')
    native_call = 'tornado.httpserver.HTTPServer'

    def server(self, engine: Engine) -> Server:
        """Return Tornado's server."""
        turns: dict[Any, Turns] = {}
        options = {'idle_connection_timeout': SILENCE, 'max_body_size': UNLIMITED, **self.options_of_backend()}
        server = _server_class(engine, turns)(None, ssl_options=self.options.get('ssl_context'), **options)
        return Server(server._handle_connection, turns.__len__)

    def native_options(self) -> Collection[str]:
        """Return the parameters of Tornado's server, and the number of threads."""
        from tornado.httpserver import HTTPServer

        return {*inspect.signature(HTTPServer.initialize).parameters, *self.native_names.values()} - OURS


class Message(Conversation):
    """A request as Tornado's connection delivers it, and its response as that sends it."""

    def __init__(self, engine: Engine, turns: Turns, server: Any, connection: Any) -> None:
        super().__init__(engine, turns)
        self.server, self.stream, self.connection = server, server.stream, connection

    def headers_received(self, start: Any, headers: Any) -> Any:
        """Receive the head."""
        tls = self.server.context.protocol == 'https'
        self.begin(start.method, start.path, start.version, headers.get_all(), tls=tls)
        options = headers.get('Connection', '').lower().replace(' ', '').split(',')
        self.connection._disconnect_on_finish |= 'close' in options
        headers['Expect'] = '100-continue' if self.expects else ''  # the only case that Tornado knows
        return self.data_received(b'')

    def data_received(self, chunk: bytes) -> Any:
        """Receive a piece of the body; when the rest is not needed, let Tornado wait for the response."""
        return self.answered if self.receive(chunk) else None

    finish = Conversation.respond
    on_connection_close = Conversation.lose

    async def transmit(self, head: Head | None, data: bytes, end: bool) -> None:
        """Send what the application answers."""
        from tornado.httputil import HTTPHeaders, ResponseStartLine

        if self.stream.closed():
            raise ConnectionResetError('the client has gone away')
        if head is None:
            self.connection.write(data)
        else:
            fields = HTTPHeaders()
            for name, value in head.headers:
                fields.add(name, value)
            self.connection._disconnect_on_finish |= self.engine.connections.draining
            self.connection.write_headers(ResponseStartLine('', head.code, head.reason), fields, data)
        if end:
            self.connection.finish()
        else:
            await self.stream.write(b'')  # done when what was written before it is on its way

    def cut(self) -> None:
        """Close the connection."""
        self.connection.close()


def _server_class(engine: Engine, turns: dict[Any, Turns]) -> Any:
    """Return a server that knows whose turn it is on each connection."""
    from tornado import httpserver

    from bottle_server_tornado.handler import read_chunks, read_some

    class HTTPServer(httpserver.HTTPServer):
        def start_request(self, server_conn: Any, request_conn: Any) -> Any:
            if server_conn in turns:
                turns[server_conn].end()
            else:
                turns[server_conn] = Turns(engine, server_conn.stream.socket, server_conn.context.address)
            stream = server_conn.stream
            stream.read_from_fd = partial(read_some, stream, request_conn)
            request_conn._read_chunked_body = partial(read_chunks, stream)
            return Message(engine, turns[server_conn], server_conn, request_conn)

        def on_close(self, server_conn: Any) -> None:
            super().on_close(server_conn)
            turns.pop(server_conn).close()

    return HTTPServer


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return TornadoServer
