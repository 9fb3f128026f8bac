"""Running an application: `run` blocks until the server is told to stop, `start` returns a handle."""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from bottle._util import load, settings
from bottle.errors import ApplicationError, BackendMissing, ServerNotFound, ServerOptionError
from bottle.serving import metadata
from bottle.serving import sockets as socket_tools
from bottle.serving.adapter import ServerAdapter
from bottle.serving.addresses import DEFAULT_HOST, DEFAULT_PORT, format_bind
from bottle.serving.lifecycle import Drain, RunningServer, one_line_errors
from bottle.serving.options import ServerOptions
from bottle.serving.plugins import cause
from bottle.serving.registry import install_command, registry, require_allowed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bottle.serving.types import WSGIApplication

ServerLike: TypeAlias = 'str | type[ServerAdapter] | ServerAdapter'

TLS_OPTIONS = {'certfile', 'ssl_context'}  # one of these makes a backend that can speak TLS do so


def run(
    app: WSGIApplication | str | None = None,
    server: ServerLike = 'wsgiref',
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    interval: float = 1,
    reloader: bool = False,
    quiet: bool = False,
    plugins: Iterable[Any] | None = None,
    debug: bool | None = None,
    config: Mapping[str, Any] | None = None,
    graceful_timeout: float = 30.0,
    **kargs: Any,
) -> None:
    """Serve an application and block until SIGTERM, SIGINT (Ctrl-C) or the server's own end.

    A start-up error that is not caught ends the program with one line on standard error and exit code 1.

    Parameters:
        app: a WSGI application, or `module:name`; the default application when None.
        server: the name of an installed server, an adapter class, or an instance.
        host: a host name, an IPv4 or IPv6 address, or `unix:/path`.
        port: the TCP port; 0 lets the system choose one, which is printed.
        interval: how often the reloader looks for changed files, in seconds.
        reloader: whether the program is started anew when a module changes.
        quiet: whether nothing is printed.
        plugins: framework plugins to install in the application, or their `module:name`.
        debug: switches debug mode on or off; None leaves it.
        config: configuration values for the application.
        graceful_timeout: how long running requests may take after the first signal, in seconds.
        kargs: options of the backend, handed to it unchanged.

    Raises:
        ServerError: the server cannot be found, loaded, configured or bound; one subclass for each cause.
    """
    if settings.norun:
        return
    if debug is not None:
        settings.debug = bool(debug)
    with one_line_errors(settings.debug), reloading_if(reloader, interval):
        adapter = make_adapter(server, host, port, quiet=quiet, backend=kargs)
        application = _prepared(app, plugins, config)
        serve_until_signalled(adapter, application, graceful_timeout)


def start(
    app: WSGIApplication | str | None = None,
    server: ServerLike = 'wsgiref',
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    quiet: bool = True,
    plugins: Iterable[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **kargs: Any,
) -> RunningServer:
    """Serve an application in a thread of this process and return at once.

    Parameters:
        app: a WSGI application, or `module:name`; the default application when None.
        server: the name of an installed server, an adapter class, or an instance.
        host: a host name, an IPv4 or IPv6 address, or `unix:/path`.
        port: the TCP port; 0 lets the system choose one: see the handle's `port` and `url`.
        quiet: whether nothing is printed.
        plugins: framework plugins to install in the application, or their `module:name`.
        config: configuration values for the application.
        kargs: options of the backend, handed to it unchanged.

    Returns:
        The handle of the server, which listens already. As a context manager it stops the server at the end of the
        block.

    Raises:
        ServerError: the server cannot be found, loaded, configured or bound, or cannot be stopped and so not be
            handled.
    """
    adapter = make_adapter(server, host, port, quiet=quiet, backend=kargs)
    if adapter.is_legacy or not adapter.capabilities.prebound_sockets:
        raise ServerOptionError(
            f'the server {_name(adapter)!r} takes no socket and so cannot be used by start(): use run()'
        )
    application = _wrapped(_prepared(app, plugins, config), adapter)
    bound = _bind(adapter)
    _announce(adapter, bound)
    return RunningServer(adapter, partial(_serve, adapter, application, bound))


def make_adapter(server: ServerLike, host: str, port: int, *, quiet: bool, backend: Mapping[str, Any]) -> ServerAdapter:
    """Return an adapter that is ready to serve: its plugin loaded, its backend importable, its options known.

    Parameters:
        server: the name of an installed server, an adapter class, or an instance.
        host: a host name, an IPv4 or IPv6 address, or `unix:/path`.
        port: the TCP port.
        quiet: whether nothing is printed.
        backend: options of the backend.

    Raises:
        ServerError: one subclass for each cause.
    """
    if server == 'auto':
        server = _chosen(quiet)
    adapter = _instance(registry.load(server) if isinstance(server, str) else server, host, port, backend)
    _require_backend(type(adapter))
    adapter.check_options()
    adapter.quiet = adapter.quiet or quiet
    return adapter


def prepare_process(adapter: ServerAdapter) -> None:
    """Call the hook `bottle_prepare_process` of the adapter's plugin; the application must not have been imported yet.

    Parameters:
        adapter: the adapter.
    """
    registry.call(type(adapter), 'bottle_prepare_process', options=_options(adapter))


def load_application(target: str) -> WSGIApplication:
    """Return the WSGI application that a text names.

    Parameters:
        target: `module:name`, or `module` for the default application that the module adds its routes to.

    Raises:
        ApplicationError: it cannot be imported. The text names the module or the line that is at fault; the cause is
            chained.
    """
    from bottle.applications import load_app

    application: WSGIApplication = _imported(target, load_app, 'application')
    return application


def serve_until_signalled(adapter: ServerAdapter, application: WSGIApplication, graceful_timeout: float) -> None:
    """Bind, announce, serve and, after a signal, drain. Blocks.

    Parameters:
        adapter: the adapter.
        application: the WSGI application.
        graceful_timeout: how long running requests may take after the first signal, in seconds.

    Raises:
        BindError: the address cannot be listened on.
    """
    application = _wrapped(application, adapter, graceful_timeout)
    if adapter.capabilities.concurrency == 'per-request':
        return adapter.serve(application, [])
    if adapter.is_legacy:
        return _run_legacy(adapter, application)
    bound: list[socket.socket] = []
    # From here on a signal drains: clients can connect as soon as the socket is bound.
    with Drain(adapter.stop, partial(socket_tools.close, bound), graceful_timeout):
        bound.extend(_bind(adapter))
        _announce(adapter, bound)
        _serve(adapter, application, bound)
    return None


def _run_legacy(adapter: ServerAdapter, application: WSGIApplication) -> None:
    _bind(adapter)
    _announce(adapter, [])
    with contextlib.suppress(KeyboardInterrupt):
        adapter.run(application)


def _serve(adapter: ServerAdapter, application: WSGIApplication, bound: Sequence[socket.socket]) -> None:
    registry.call(type(adapter), 'bottle_server_started', server=adapter)
    try:
        adapter.serve(application, bound)
    finally:
        socket_tools.close(bound)
        registry.call(type(adapter), 'bottle_server_stopped', server=adapter)


def reloading_if(wanted: bool, interval: float = 1) -> contextlib.AbstractContextManager[None]:
    """Return the context in which the program is started anew when a module changes, or one that does nothing.

    Parameters:
        wanted: whether the reloader is wanted.
        interval: how often it looks for changed files, in seconds.
    """
    if not wanted:
        return contextlib.nullcontext()
    from bottle.serving.reloader import reloading

    return reloading(interval)


def _chosen(quiet: bool) -> type[ServerAdapter]:
    from bottle.serving.builtin import choose

    require_allowed('auto')
    choice = choose(registry)
    if not quiet and choice.adapter.capabilities.concurrency != 'per-request':
        print(f'auto chose {choice.adapter.name}: {choice.reason}', file=sys.stderr)
    return choice.adapter


def _instance(server: Any, host: str, port: int, backend: Mapping[str, Any]) -> ServerAdapter:
    if isinstance(server, type) and issubclass(server, ServerAdapter):
        return server(host=host, port=port, **backend)
    if isinstance(server, ServerAdapter):
        return server
    raise ServerNotFound(
        f'{server!r} is no server: give a name that `python -m bottle --servers` lists, or a bottle.ServerAdapter'
    )


def _require_backend(adapter: type[ServerAdapter]) -> None:
    registry.require_backend(adapter)
    if adapter.backend is None:
        return
    try:
        import_module(adapter.backend.module)
    except (Exception, SystemExit) as error:
        installed = f'{adapter.backend.distribution} {metadata.installed_version(adapter.backend.distribution)}'
        remedy = install_command(adapter, registry.sources().get(adapter.name, []))
        raise BackendMissing(
            f'the server {adapter.name!r} cannot import {installed}: {cause(error)}; try {remedy} --force-reinstall'
        ) from error


def _prepared(
    app: WSGIApplication | str | None, plugins: Iterable[Any] | None, config: Mapping[str, Any] | None
) -> WSGIApplication:
    """Return the application that is meant, with plugins installed and configured."""
    if app is None:
        from bottle.applications import default_app

        app = default_app()
    application: Any = load_application(app) if isinstance(app, str) else app
    if not callable(application):
        raise ApplicationError(
            f'the application {application!r} is not callable: give a Bottle instance or another WSGI application'
        )
    if (plugins or config) and not hasattr(application, 'install'):
        raise ServerOptionError(f'plugins and config need a Bottle application; {application!r} is another kind')
    for plugin in plugins or ():
        application.install(_imported(plugin, load, 'plugin') if isinstance(plugin, str) else plugin)
    if config:
        application.config.update(config)
    return application  # type: ignore[no-any-return]  # anything callable may be a WSGI application


def _imported(target: str, loader: Callable[[str], Any], what: str) -> Any:
    try:
        return loader(target)
    except (Exception, SystemExit) as error:
        raise ApplicationError(
            f'the {what} {target!r} cannot be imported: {cause(error)} {_remedy(error, target)}'
        ) from error


def _wrapped(application: WSGIApplication, adapter: ServerAdapter, graceful_timeout: float = 30.0) -> WSGIApplication:
    options = _options(adapter, graceful_timeout)
    for extension in registry.load_extensions():
        for wrapped in registry.plugins.call(extension, 'bottle_wrap_application', app=application, options=options):
            application = wrapped
    return application


def _options(adapter: ServerAdapter, graceful_timeout: float = 30.0) -> ServerOptions:
    return ServerOptions(
        server=_name(adapter),
        bind=(format_bind(adapter.host, adapter.port),),
        graceful_timeout=graceful_timeout,
        quiet=adapter.quiet,
        backend=dict(adapter.options),
    )


def _bind(adapter: ServerAdapter) -> list[socket.socket]:
    """Return the listening sockets for an adapter that takes some, and tell it its real URL and port."""
    handed_over = socket_tools.inherited()
    if adapter.is_legacy or not adapter.capabilities.prebound_sockets:
        if handed_over:
            raise ServerOptionError(
                f'the server {_name(adapter)!r} cannot take the socket that was handed over: choose another'
            )
        adapter.url = f'http://{adapter.host}:{adapter.port}/'
        return []
    bound = handed_over or [socket_tools.listen(adapter.host, adapter.port)]
    encrypted = adapter.capabilities.tls and not TLS_OPTIONS.isdisjoint(adapter.options)
    adapter.url = socket_tools.url_of(bound[0], 'https' if encrypted else 'http')
    name = bound[0].getsockname()
    adapter.port = name[1] if isinstance(name, tuple) else 0
    return bound


def _announce(adapter: ServerAdapter, bound: Sequence[socket.socket]) -> None:
    if adapter.quiet:
        return
    from bottle import __version__

    backend = adapter.backend.distribution if adapter.backend else ''
    engine = f'{backend} {metadata.installed_version(backend)}' if backend else _name(adapter)
    everywhere = ' (on every interface)' if any(map(socket_tools.listens_everywhere, bound)) else ''
    print(f'Bottle {__version__} on {engine}', file=sys.stderr)
    print(f'Listening on {adapter.url}{everywhere}', file=sys.stderr)
    print('Hit Ctrl-C to quit.\n', file=sys.stderr, flush=True)


def _name(adapter: ServerAdapter) -> str:
    return adapter.name or type(adapter).__name__


def _remedy(error: BaseException, target: str) -> str:
    module = target.partition(':')[0]
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and (module == error.name or module.startswith(error.name + '.'))
    ):
        return '(check the spelling, and that it is in the current folder or installed)'
    return f'({_place(error)})'


def _place(error: BaseException) -> str:
    """Return the file and line where an exception was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}:{error.lineno}'
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f'{place.tb_frame.f_code.co_filename}:{place.tb_lineno}' if place is not None else 'no traceback'
