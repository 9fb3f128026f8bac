"""Tornado with its own container for WSGI, and threads as its documentation recommends."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.wsgi import WSGIContainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    asyncio.run(_serve(application, ready))


async def _serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    sockets = bind_sockets(0, '127.0.0.1')
    HTTPServer(WSGIContainer(application, ThreadPoolExecutor(16))).add_sockets(sockets)
    ready(sockets[0].getsockname()[1])
    await asyncio.Event().wait()
