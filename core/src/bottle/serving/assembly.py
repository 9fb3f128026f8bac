"""The application as it is served: wrapped in what was asked for, and in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.serving.registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.limits import Activity
    from bottle.serving.options import ServerOptions
    from bottle.serving.types import Environ, StartResponse, WSGIApplication


def assembled(
    application: WSGIApplication,
    adapter: ServerAdapter,
    options: ServerOptions,
    activity: Activity | None = None,
) -> WSGIApplication:
    """Return an application in the wrappers that extensions and options ask for.

    The innermost are those of extensions, which see what the application would see; one of the outermost believes or
    removes what proxies say, so that the log has the client's address. Who asks about
    health is neither counted nor logged.

    Parameters:
        application: the WSGI application.
        adapter: the adapter that will serve it.
        options: what the adapter is started with.
        activity: counts requests, if somebody wants to know.

    Raises:
        ServerLoadError: an extension is broken.
    """
    application = _extended(application, options)
    if options.max_body and 'max_body' not in adapter.native_names and not _is_as_in_0_13(adapter, options):
        from bottle.serving.limits import limited

        application = limited(application, options.max_body, marked=adapter.marks_chunked)
    if getattr(adapter, 'ssl_context', None) is not None:
        from bottle.serving.tls import over_tls

        application = over_tls(application)
    if adapter.shares_sockets:
        application = _among_workers(application)
    if activity is not None:
        application = activity.wrap(application)
    if options.access_log not in (None, 'none'):
        from bottle.serving.logs import access_logged

        application = access_logged(application, options.access_log)
    if options.trusted_proxies:
        from bottle.serving.proxies import trusting

        application = trusting(application, options.trusted_proxies)
    if options.health:
        from bottle.serving.health import reporting

        application = reporting(application, options.health, lambda: adapter.draining)
    return application


def _among_workers(application: WSGIApplication) -> WSGIApplication:
    """Return an application that is told of the other processes, of which the server may not know (PEP 3333)."""

    def told(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ['wsgi.multiprocess'] = True
        return application(environ, start_response)

    return told


def _extended(application: WSGIApplication, options: ServerOptions) -> WSGIApplication:
    for extension in registry.load_extensions():
        for wrapped in registry.plugins.call(extension, 'bottle_wrap_application', app=application, options=options):
            application = wrapped
    return application


def _is_as_in_0_13(adapter: ServerAdapter, options: ServerOptions) -> bool:
    """Return whether an adapter that was written for Bottle 0.13 is to get the very application, as it always did."""
    return adapter.is_legacy and 'max_body' not in options.given()
