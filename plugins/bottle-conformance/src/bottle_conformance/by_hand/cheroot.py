"""Cheroot, as its documentation starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cheroot import wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    server = wsgi.Server(('127.0.0.1', 0), application)
    server.prepare()
    ready(server.bind_addr[1])
    server.serve()
