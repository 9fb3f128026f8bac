"""The standard library's answer to a CGI request, in the process that the web server starts for it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from wsgiref.handlers import CGIHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Answer the request.

    Parameters:
        application: the WSGI application.
        ready: not called: it is the web server that listens.
    """
    del ready
    CGIHandler().run(application)
