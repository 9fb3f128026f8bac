"""Gevent's pywsgi in a patched process, as its documentation suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gevent import monkey

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication

monkey.patch_all()  # this module is imported before the application


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(('127.0.0.1', 0), application)
    server.start()
    ready(server.server_port)
    server.serve_forever()
