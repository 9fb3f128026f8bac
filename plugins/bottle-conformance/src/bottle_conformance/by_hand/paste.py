"""Paste's HTTP server, as its documentation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paste import httpserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    server = httpserver.serve(application, '127.0.0.1', 0, start_loop=False)
    ready(server.server_port)
    server.serve_forever()
