"""aiohttp with aiohttp-wsgi, as the documentation of that says: aiohttp itself knows no WSGI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_wsgi.wsgi import run_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    with run_server(application, host='127.0.0.1', port=0, threads=16) as (loop, site):
        ready(int(site.name.rpartition(':')[2]))
        loop.run_forever()
