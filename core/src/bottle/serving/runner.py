"""Running an application: `run` blocks until the server is told to stop, `start` returns a handle."""

from __future__ import annotations

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottle._util import settings
from bottle.errors import BindError, ServerError, ServerOptionError
from bottle.serving import lifecycle, logs, metadata
from bottle.serving import sockets as socket_tools
from bottle.serving.addresses import FD_PREFIX
from bottle.serving.assembly import assembled
from bottle.serving.loading import prepared
from bottle.serving.preparation import Invocation, choose, make, require_backend
from bottle.serving.registry import registry
from bottle.serving.translation import supervised
from bottle.serving.worker import this_worker

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.options import ServerOptions
    from bottle.serving.preparation import Chosen, Ready, ServerLike
    from bottle.serving.types import WSGIApplication
    from bottle.serving.worker import Worker

TLS_OPTIONS = {'certfile', 'ssl_context'}  # one of these makes a backend that can speak TLS do so


def run(
    app: WSGIApplication | str | None = None,
    server: ServerLike | None = None,
    host: str | None = None,
    port: int | None = None,
    interval: float | None = None,
    reloader: bool | None = None,
    quiet: bool | None = None,
    plugins: Iterable[Any] | None = None,
    debug: bool | None = None,
    config: Mapping[str, Any] | None = None,
    **kargs: Any,
) -> None:
    """Serve an application and block until SIGTERM, SIGINT (Ctrl-C) or the server's own end.

    What is None is looked for in the environment, and has its default else. A start-up error that is not caught ends
    the program with one line on standard error and exit code 1.

    Parameters:
        app: a WSGI application, or `module:name`; the default application when None.
        server: the name of an installed server (`wsgiref`), an adapter class, or an instance.
        host: a host name, an IPv4 or IPv6 address (`127.0.0.1`), `unix:/path` or `fd://N`.
        port: the TCP port (8080); 0 lets the system choose one, which is printed.
        interval: how often the reloader looks for changed files, in seconds.
        reloader: whether the program is started anew when a source file changes.
        quiet: whether nothing is printed.
        plugins: framework plugins to install in the application, or their `module:name`.
        debug: switches debug mode on or off; None leaves it.
        config: configuration values for the application.
        kargs: the portable options of `ServerOptions`; what is none of them is an option of the backend, which gets it
            unchanged.

    Raises:
        ServerError: the server cannot be found, loaded, configured or bound; one subclass for each cause.
    """
    if settings.norun:
        return
    if debug is not None:
        settings.debug = bool(debug)
    given = {'host': host, 'port': port, 'quiet': quiet, 'reload': reloader, 'reload_interval': interval}
    with lifecycle.one_line_errors(settings.debug):
        serve(Invocation(server=server, given=given, keywords=kargs), partial(prepared, app, plugins, config))


def start(
    app: WSGIApplication | str | None = None,
    server: ServerLike = 'wsgiref',
    host: str | None = None,
    port: int | None = None,
    *,
    quiet: bool = True,
    plugins: Iterable[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **kargs: Any,
) -> lifecycle.RunningServer:
    """Serve an application in a thread of this process and return at once. The environment gives no options.

    Parameters:
        app: a WSGI application, or `module:name`; the default application when None.
        server: the name of an installed server, an adapter class, or an instance.
        host: a host name, an IPv4 or IPv6 address (`127.0.0.1`), `unix:/path` or `fd://N`.
        port: the TCP port (8080); 0 lets the system choose one: see the handle's `port` and `url`.
        quiet: whether nothing is printed.
        plugins: framework plugins to install in the application, or their `module:name`.
        config: configuration values for the application.
        kargs: the portable options of `ServerOptions`; what is none of them is an option of the backend, which gets it
            unchanged.

    Returns:
        The handle of the server, which listens already. As a context manager it stops the server at the end of the
        block.

    Raises:
        ServerError: the server cannot be found, loaded, configured or bound, or cannot be stopped and so not be
            handled.
    """
    given = {'host': host, 'port': port, 'quiet': quiet}
    chosen = choose(Invocation(server=server, given=given, keywords=kargs, environ={}))
    ready = _made(chosen)
    adapter = ready.adapter
    if adapter.is_legacy or not adapter.capabilities.prebound_sockets:
        raise ServerOptionError(
            f'the server {ready.name!r} takes no socket and so cannot be used by start(): use run()'
        )
    if adapter.capabilities.worker_processes:
        raise ServerOptionError(
            f'the server {ready.name!r} answers in processes of its own and so cannot be used by start(): use run()'
        )
    if ready.options.supervised:
        raise ServerOptionError('start() serves in a thread of this process, without workers or reloader: use run()')
    logs.configure(ready.options)
    application = assembled(prepared(app, plugins, config), adapter, ready.options)
    bound = _bind(ready)
    announce(ready, bound)
    return lifecycle.RunningServer(adapter, partial(_serve, adapter, application, bound))


def serve(invocation: Invocation, load: Callable[[], WSGIApplication], *, early: bool = False) -> None:
    """Serve an application: as a parent of workers, as one of them, or alone. Blocks.

    Parameters:
        invocation: what is asked for.
        load: returns the application; imports it, if it has not been.
        early: whether the application has not been imported yet, so that the process can be prepared for it.

    Raises:
        ServerError: something cannot be found, loaded, configured or bound.
    """
    logs.ensure_standard_streams()
    worker = this_worker()
    with _reporting_to_parent(worker):
        chosen = choose(invocation)
        logs.configure(chosen.options)
        _reopen_logs_on_signal()
        if supervised(chosen.adapter_class, chosen.options) and worker is None:
            return _supervise(make(chosen))
        ready = _made(chosen, worker.certificate if worker else (), early=early)
        application = load()
        logs.configure(ready.options)  # once more: the application may have brought handlers of its own
        if ready.adapter.capabilities.concurrency == 'per-request':
            ready.adapter.serve(assembled(application, ready.adapter, ready.options), [])
        elif ready.adapter.is_legacy:
            _run_legacy(ready, application, worker)
        else:
            _serve_until_signalled(ready, application, worker)
    if worker is not None:
        sys.exit()  # what follows run() in a program is for the parent
    return None


def _made(chosen: Chosen, certificate: Sequence[str] = (), *, early: bool = False) -> Ready:
    """Return an adapter in a process that is prepared for it, with a backend that takes its options."""
    require_backend(chosen.adapter_class)
    if early:
        registry.call(chosen.adapter_class, 'bottle_prepare_process', options=chosen.options)
    ready = make(chosen, certificate)
    ready.adapter.check_options()
    return ready


def check(invocation: Invocation, load: Callable[[], WSGIApplication]) -> str:
    """Do all that comes before serving, and undo it; return what was found, in one line.

    Parameters:
        invocation: what is asked for.
        load: returns the application; imports it.

    Raises:
        ServerError: the server would not start; one subclass for each cause.
    """
    ready = _made(choose(invocation), early=True)
    adapter, options = ready.adapter, ready.options
    with _trying_logs(options), contextlib.ExitStack() as stack:
        bound = _bind(ready)
        stack.callback(socket_tools.close, bound)
        per_request = adapter.capabilities.concurrency == 'per-request'
        if not (bound or per_request):  # it will bind by itself
            stack.callback(socket_tools.close, socket_tools.listen_all(options.bind))
        assembled(load(), adapter, options)
    place = ', when a web server starts it' if per_request else f' at {", ".join(options.bind)}'
    return f'ready to serve on {ready.name}{place}'


@contextlib.contextmanager
def _trying_logs(options: ServerOptions) -> Iterator[None]:
    """Open the logs as for serving; remove a file that was not there before."""
    path = Path(options.access_log_file or os.devnull)
    is_new = not path.exists()
    try:
        logs.configure(options)
        yield
    finally:
        if is_new:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _reporting_to_parent(worker: Worker | None) -> Iterator[None]:
    """Let a worker's parent say why the worker cannot start: it is the one that knows what that means."""
    try:
        yield
    except ServerError as error:
        if worker is None:
            raise
        if settings.debug:
            traceback.print_exc()
        worker.report_failure(str(error))
        sys.exit(1)


def _serve_until_signalled(ready: Ready, application: WSGIApplication, worker: Worker | None) -> None:
    """Bind, announce, serve and, after a signal, drain."""
    adapter, options = ready.adapter, ready.options
    bound: list[socket.socket] = []
    clean_up = partial(socket_tools.close, bound)
    own_processes = adapter.capabilities.worker_processes
    if worker:  # who signals the whole group sends it twice, the second time perhaps after the drain
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # From here on a signal drains: clients can connect as soon as the socket is bound.
    with contextlib.ExitStack() as stack:
        stop = partial(lifecycle.tell_to_stop, adapter)
        drain = lifecycle.Drain(stop, clean_up, options.graceful_timeout, supervised=worker is not None)
        stack.enter_context(drain)
        bound.extend(_bind(ready, worker))
        activity = stack.enter_context(worker.watching_over(options)) if worker and not own_processes else None
        application = assembled(application, adapter, options, activity)
        adapter.on_ready = worker.report_ready if worker else partial(announce, ready, bound)
        _serve(adapter, application, bound, None if adapter.says_when_ready else adapter.on_ready)


def _run_legacy(ready: Ready, application: WSGIApplication, worker: Worker | None) -> None:
    _bind(ready)
    if worker is None:
        announce(ready, [])
    else:
        worker.report_ready()
    with contextlib.suppress(KeyboardInterrupt):
        ready.adapter.run(assembled(application, ready.adapter, ready.options))


def _serve(
    adapter: ServerAdapter,
    application: WSGIApplication,
    bound: Sequence[socket.socket],
    on_start: Callable[[], object] | None = None,
) -> None:
    registry.call(type(adapter), 'bottle_server_started', server=adapter)
    try:
        gc.collect()
        gc.freeze()  # what is there now stays: each later search for garbage would look at it in vain
        if on_start:
            on_start()
        adapter.serve(application, bound)
    finally:
        socket_tools.close(bound)
        registry.call(type(adapter), 'bottle_server_stopped', server=adapter)


def _supervise(ready: Ready) -> None:
    """Watch over workers that serve, until a signal."""
    from bottle.serving.watching import Watch
    from bottle.serving.workers import Supervisor

    if threading.current_thread() is not threading.main_thread():
        raise ServerOptionError(
            'workers and the reloader need the main thread, which gets the signals: call run() there'
        )
    options, bound = ready.options, _bind(ready)
    supervisor = Supervisor(
        bound,
        1 if ready.adapter.capabilities.worker_processes else options.workers or 1,
        options.graceful_timeout,
        announce=partial(announce, ready, bound),
        certificate=ready.certificate,
        watch=Watch.of_program(options) if options.reload else None,
        reopen=logs.reopen,
    )
    try:
        code = supervisor.run()
    finally:
        socket_tools.close(bound)
    if code:
        sys.exit(code)


def _bind(ready: Ready, worker: Worker | None = None) -> list[socket.socket]:
    """Return the listening sockets for an adapter that takes some, and tell it its real URL and port."""
    adapter, options = ready.adapter, ready.options
    handed_over = worker.sockets if worker else _handed_over(ready)
    scheme = 'https' if options.tls or not TLS_OPTIONS.isdisjoint(adapter.options) else 'http'
    if adapter.is_legacy or not adapter.capabilities.prebound_sockets:
        adapter.url = f'{scheme}://{adapter.host}:{adapter.port}/'
        return []
    bound = handed_over or socket_tools.listen_all(options.bind, backlog=options.backlog, mode=options.socket_mode)
    adapter.url = socket_tools.url_of(bound[0], scheme)
    name = bound[0].getsockname()
    adapter.port = name[1] if isinstance(name, tuple) else 0
    return bound


def _handed_over(ready: Ready) -> list[socket.socket]:
    """Return the sockets of a service manager, unless the options name open files themselves."""
    addresses = ready.options.bind
    if any(each.startswith(FD_PREFIX) for each in addresses):
        return []
    found = socket_tools.inherited()
    if found and (ready.adapter.is_legacy or not ready.adapter.capabilities.prebound_sockets):
        raise ServerOptionError(
            f'the server {ready.name!r} cannot take the socket that was handed over: choose another'
        )
    if found and 'bind' in ready.options.given() and not socket_tools.are_at(found, addresses):
        urls = ', '.join(map(socket_tools.url_of, found))
        raise BindError(
            f'sockets were handed over that listen on {urls}, but {", ".join(addresses)} is asked for: '
            'leave the address out, or name the sockets as fd://3 and so on'
        )
    return found


def announce(ready: Ready, bound: Sequence[socket.socket]) -> None:
    """Print what serves and where.

    Parameters:
        ready: the server.
        bound: its listening sockets; empty when it binds by itself.
    """
    adapter = ready.adapter
    if adapter.quiet:
        return
    from bottle import __version__

    backend = adapter.backend.distribution if adapter.backend else ''
    engine = f'{backend} {metadata.installed_version(backend)}' if backend else ready.name
    workers = ready.options.workers or 1
    print(f'Bottle {__version__} on {engine}{f", {workers} workers" if workers > 1 else ""}', file=sys.stderr)
    scheme = adapter.url.partition(':')[0]
    urls = [(socket_tools.url_of(each, scheme), socket_tools.listens_everywhere(each)) for each in bound]
    for url, everywhere in urls or [(adapter.url, False)]:
        print(f'Listening on {url}{" (on every interface)" if everywhere else ""}', file=sys.stderr)
    print('Hit Ctrl-C to quit.\n', file=sys.stderr, flush=True)


def _reopen_logs_on_signal() -> None:
    """Reopen log files on SIGUSR1, which would end the process else; leave a program's own handler alone."""
    number = getattr(signal, 'SIGUSR1', None)
    if number and threading.current_thread() is threading.main_thread() and signal.getsignal(number) == signal.SIG_DFL:
        # It takes locks, and so needs a thread; one that is waited for until it runs would block a hub of greenlets.
        signal.signal(number, lambda *_: _thread.start_new_thread(logs.reopen, ()))
