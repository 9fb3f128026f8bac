"""The standard library's server, with threads as its documentation suggests."""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer, make_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection."""

    daemon_threads = True


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    with make_server('127.0.0.1', 0, application, Server) as server:
        ready(server.server_port)
        server.serve_forever()
