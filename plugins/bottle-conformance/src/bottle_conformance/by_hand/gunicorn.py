"""Gunicorn as a custom application of its documentation, with threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(application: WSGIApplication, ready: Callable[[int], object]) -> None:
    """Serve an application.

    Parameters:
        application: the WSGI application.
        ready: called with the port.
    """

    def when_ready(arbiter: Any) -> None:
        ready(arbiter.LISTENERS[0].getsockname()[1])

    settings = {'bind': '127.0.0.1:0', 'worker_class': 'gthread', 'threads': 10, 'control_socket_disable': True}

    class Application(BaseApplication):  # type: ignore[misc]  # the type of the base class is not known
        def load_config(self) -> None:
            for name, value in {**settings, 'when_ready': when_ready}.items():
                self.cfg.set(name, value)

        def load(self) -> WSGIApplication:
            return application

    Application().run()
