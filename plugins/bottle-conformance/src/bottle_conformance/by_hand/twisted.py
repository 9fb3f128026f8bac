"""Twisted with its own resource for WSGI, as its documentation says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.web import server, wsgi

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication

loop: Any = reactor
site_class: Any = server.Site
resource_class: Any = wsgi.WSGIResource


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    resource = resource_class(loop, loop.getThreadPool(), application)
    port = loop.listenTCP(0, site_class(resource), interface='127.0.0.1')
    ready(port.getHost().port)
    loop.run()
