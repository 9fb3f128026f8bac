"""Rocket, as its documentation starts it; it does not find out its port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocket3 import Rocket3

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    server = Rocket3(('127.0.0.1', 0), 'wsgi', {'wsgi_app': application})
    ready(server.listeners[0].listener.getsockname()[1])
    server.start()
