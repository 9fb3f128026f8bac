"""Waitress, as its documentation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waitress import create_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    server = create_server(application, host='127.0.0.1', port=0)
    ready(server.effective_port)
    server.run()
