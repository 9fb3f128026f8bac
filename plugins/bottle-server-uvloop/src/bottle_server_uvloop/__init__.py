"""The server `uvloop`: that of aiohttp, in the event loop of libuv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle_server_aiohttp import AiohttpServer

if TYPE_CHECKING:
    import asyncio


class UvloopServer(AiohttpServer):
    """aiohttp's server in an event loop that is written in C."""

    name = 'uvloop'
    backend = Backend('uvloop', 'uvloop')

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop of uvloop."""
        import uvloop

        return uvloop.new_event_loop()


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return UvloopServer
