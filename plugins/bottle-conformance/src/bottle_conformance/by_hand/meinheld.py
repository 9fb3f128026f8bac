"""Meinheld by its own API."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from meinheld import server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    listener = socket.create_server(('127.0.0.1', 0), backlog=1024)  # by itself it does not say on which port
    listener.setblocking(False)
    server.listen(socket_fd=listener.fileno())
    ready(listener.getsockname()[1])
    server.run(application)
