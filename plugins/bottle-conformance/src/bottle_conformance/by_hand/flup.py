"""Flup by its own API, with FastCGI: what the web server in front of it speaks."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from flup.server.fcgi import WSGIServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    server = WSGIServer(application, bindAddress=None)  # what flup binds by itself, it tells nobody
    listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
    server._setupSocket = lambda: listener
    ready(listener.getsockname()[1])
    server.run()
