"""CherryPy as a host of a foreign application, as its documentation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cherrypy

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    cherrypy.config.update({'server.socket_host': '127.0.0.1', 'server.socket_port': 0, 'environment': 'production'})
    cherrypy.tree.graft(application, '/')
    cherrypy.engine.signals.subscribe()
    cherrypy.engine.start()
    ready(cherrypy.server.bound_addr[1])
    cherrypy.engine.block()
