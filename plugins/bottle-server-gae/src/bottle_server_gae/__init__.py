"""The server `gae`: Google App Engine, whose Python runtime imports `main:app` or starts an entrypoint."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bottle.errors import BackendMissing, ServerBlocked, ServerNotFound
from bottle.httputil import is_host
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.builtin import PREFERENCE, WSGIRefServer
from bottle.serving.registry import registry

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

BACKEND = Backend('appengine-python-standard', 'google.appengine.api')
MODULE, ATTRIBUTE = 'main', 'app'  # what the runtime's gunicorn imports when app.yaml has no entrypoint
HIDDEN = 'bottle.gae.hidden'  # in the environ: headers that the services must not see


def with_bundled_apis(application: WSGIApplication) -> WSGIApplication:
    """Return an application that can use the bundled services, such as memcache or mail.

    They collect a response, because only until then can they be called, but do not close it (PEP 3333, "Specification
    Details"). They copy headers to `os.environ`, where `Proxy` would choose a proxy (RFC 3875, section 4.1.18), and
    believe those that only App Engine itself can send there.

    Parameters:
        application: the WSGI application.
    """
    from google.appengine.api import wrap_wsgi_app

    def collected(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.update(environ.pop(HIDDEN, {}))
        body = application(environ, start_response)
        try:
            return list(body)
        finally:
            getattr(body, 'close', bool)()

    def guarded(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for name in [name for name in environ if not on_app_engine and name.startswith('HTTP_X_APPENGINE_')]:
            del environ[name]
        misread = hidden if is_host(environ.get('HTTP_HOST')) else (*hidden, 'HTTP_HOST')
        environ[HIDDEN] = {name: environ.pop(name) for name in misread if name in environ}
        return wrapped(environ, start_response)

    on_app_engine = 'GAE_ENV' in os.environ
    hidden = ('HTTP_PROXY',) if on_app_engine else ('HTTP_PROXY', 'HTTP_X_FORWARDED_PROTO')
    wrapped: WSGIApplication = wrap_wsgi_app(collected)
    return guarded


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
