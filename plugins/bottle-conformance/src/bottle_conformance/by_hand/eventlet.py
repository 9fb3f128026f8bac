"""Eventlet's server in a patched process, as its documentation suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import eventlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication

eventlet.monkey_patch()  # this module is imported before the application


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    from eventlet import wsgi

    listener = eventlet.listen(('127.0.0.1', 0))
    ready(listener.getsockname()[1])
    wsgi.server(listener, application)
