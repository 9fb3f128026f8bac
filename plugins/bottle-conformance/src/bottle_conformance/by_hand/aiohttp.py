"""aiohttp with aiohttp-wsgi, as the documentation of that says: aiohttp itself knows no WSGI."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp_wsgi.wsgi import WSGIHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    asyncio.run(serve_in_loop(application, ready))


async def serve_in_loop(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application in the loop that runs.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    app = web.Application()
    app.router.add_route('*', '/{path_info:.*}', WSGIHandler(application, executor=ThreadPoolExecutor(16)))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, '127.0.0.1', 0).start()
    ready(runner.addresses[0][1])
    await asyncio.Event().wait()
