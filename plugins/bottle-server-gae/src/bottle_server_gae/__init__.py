"""The server `gae`: Google App Engine, whose Python runtime imports `main:app` or starts an entrypoint."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bottle.errors import BackendMissing, ServerBlocked, ServerNotFound
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.builtin import PREFERENCE, WSGIRefServer
from bottle.serving.registry import registry

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bottle.serving.types import WSGIApplication

BACKEND = Backend('appengine-python-standard', 'google.appengine.api')
MODULE, ATTRIBUTE = 'main', 'app'  # what the runtime's gunicorn imports when app.yaml has no entrypoint


def with_bundled_apis(application: WSGIApplication) -> WSGIApplication:
    """Return an application that can use the bundled services, such as memcache or mail.

    Parameters:
        application: the WSGI application.
    """
    from google.appengine.api import wrap_wsgi_app

    wrapped: WSGIApplication = wrap_wsgi_app(application)
    return wrapped


class PublishedApplication(ServerAdapter):
    """Puts the application where the runtime's gunicorn finds it, and returns: it is gunicorn that serves."""

    name = 'gae'
    backend = BACKEND
    native_call = 'google.appengine.api.wrap_wsgi_app'
    capabilities = Capabilities(concurrency='threads')
    quiet = True

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Put the application into the module that is being imported."""
        del sockets  # there are none
        setattr(sys.modules[MODULE], ATTRIBUTE, with_bundled_apis(handler))

    def stop(self) -> None:
        """Do nothing: it has returned."""

    def native_options(self) -> tuple[str, ...]:
        """Return no names: gunicorn has options of its own."""
        return ()


def _best_installed() -> type[ServerAdapter]:
    """Return the first installed server with threads: the bundled services know no greenlets."""
    for name in PREFERENCE:
        try:
            adapter = registry.load(name)
            registry.require_backend(adapter)
        except (BackendMissing, ServerBlocked, ServerNotFound):
            continue
        if adapter.capabilities.concurrency == 'threads':
            return adapter
    return WSGIRefServer


def _serving(base: Any) -> type[ServerAdapter]:
    """Return an adapter that serves with another one, and so has its capabilities and options."""

    class Entrypoint(base):  # type: ignore[misc]  # which class it is, is known when it runs
        name = 'gae'
        backend = BACKEND
        capabilities = replace(base.capabilities, streaming=False)  # the bundled services collect a response

        def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
            super().serve(with_bundled_apis(handler), sockets)

    return Entrypoint


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return an adapter that only publishes the application when gunicorn imports it, and else one that serves."""
    imported = 'gunicorn' in sys.modules and MODULE in sys.modules
    return PublishedApplication if imported else _serving(_best_installed())
