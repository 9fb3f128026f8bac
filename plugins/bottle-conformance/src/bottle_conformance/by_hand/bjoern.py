"""Bjoern by its own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bjoern

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """
    listener = bjoern.listen(application, '127.0.0.1', 0)
    ready(listener.getsockname()[1])
    bjoern.run()
