"""aiohttp with aiohttp-wsgi, in the event loop of uvloop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvloop

from bottle_conformance.by_hand.aiohttp import serve_in_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    uvloop.run(serve_in_loop(application, ready))
