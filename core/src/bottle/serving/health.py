"""Saying whether a process is ready for requests, to whoever balances them or watches over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

READY = ('200 OK', b'ready\n')
DRAINING = ('503 Service Unavailable', b'draining\n')  # RFC 9110, section 15.6.4


def reporting(application: WSGIApplication, path: str, is_draining: Callable[[], bool]) -> WSGIApplication:
    """Return an application that answers at one path by itself: 200 while ready, 503 while draining.

    Parameters:
        application: asked for everything else.
        path: the path, such as `/healthz`.
        is_draining: returns whether the server was told to stop.
    """

    def reported(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get('PATH_INFO') != path:
            return application(environ, start_response)
        status, body = DRAINING if is_draining() else READY
        length = ('Content-Length', str(len(body)))
        start_response(status, [('Content-Type', 'text/plain'), ('Cache-Control', 'no-store'), length])
        return [] if environ['REQUEST_METHOD'] == 'HEAD' else [body]

    return reported
