"""The server `gunicorn`: worker processes with threads, watched over by a parent."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import LINGER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from socket import socket

    from bottle.serving.types import WSGIApplication

OURS = {'backlog', 'bind', 'chdir', 'check_config', 'config', 'daemon', 'graceful_timeout', 'paste', 'preload_app'}
OURS |= {'print_config', 'pythonpath', 'reload', 'reload_engine', 'reload_extra_files', 'reuse_port', 'wsgi_app'}
OURS |= {'control_socket', 'control_socket_disable', 'control_socket_mode', 'worker_class'}
SAME = ('workers', 'threads', 'max_requests', 'max_requests_jitter', 'certfile', 'keyfile')
# It believes every program of this machine by default. The core ends the grace period, and the workers with it.
DEFAULTS = {'forwarded_allow_ips': '', 'graceful_timeout': 3600, 'loglevel': 'warning', 'threads': 10}
PATIENCE = 0.1  # seconds that a new connection may occupy a thread without sending anything


class GunicornServer(ServerAdapter):
    """Gunicorn's parent and workers; the core binds the sockets and hears the signals to stop."""

    name = 'gunicorn'
    backend = Backend('gunicorn', 'gunicorn.app.base')
    native_call = 'gunicorn.app.base.BaseApplication'
    native_names: ClassVar = {**dict(zip(SAME, SAME, strict=True)), 'worker_timeout': 'timeout'}
    marks_chunked = True
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        tls=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        worker_processes=True,
        threads_option=True,
        file_wrapper=True,
    )
    _arbiter: Any = None
    _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Run gunicorn's arbiter until stopped."""
        from gunicorn.app.base import BaseApplication

        addresses = [f'fd://{os.dup(each.fileno())}' for each in sockets]  # gunicorn closes what it is given
        ours = {'bind': addresses, 'worker_class': _worker_class(), 'control_socket_disable': True}
        settings = {**DEFAULTS, **self.options, **ours}

        class Application(BaseApplication):  # type: ignore[misc]  # the type of the base class is not known
            def load_config(self) -> None:
                for name, value in settings.items():
                    self.cfg.set(name, value)

        application = Application()
        application.callable = handler
        self._arbiter = arbiter = _arbiter_class()(application)
        arbiter.systemd = True  # which leaves the file of a unix socket to the core
        if self._stopping:
            self.stop()
        try:
            arbiter.run()
        except SystemExit as ended:
            if ended.code:
                raise

    def stop(self) -> None:
        """Let the arbiter do what it does after SIGTERM."""
        self._stopping = True
        if self._arbiter is not None:
            self._arbiter.signal(signal.SIGTERM, None)

    def native_options(self) -> Collection[str]:
        """Return the names of gunicorn's settings."""
        from gunicorn.config import Config

        return [name for name in Config().settings if name not in OURS]

    def try_options(self) -> None:
        """Let gunicorn read its settings."""
        from gunicorn.config import Config

        for name, value in self.options.items():
            Config().set(name, value)


def _arbiter_class() -> Any:
    """Return an arbiter that leaves the signals to stop to the core, and the program to itself."""
    from gunicorn import arbiter

    class Arbiter(arbiter.Arbiter):  # type: ignore[misc]  # the type of the base class is not known
        SIGNALS: ClassVar = [each for each in arbiter.Arbiter.SIGNALS if each not in (signal.SIGINT, signal.SIGTERM)]

        def spawn_worker(self) -> Any:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until the worker can deal with it
            try:
                return super().spawn_worker()
            except SystemExit as ended:  # the worker's: what follows in this program is for the parent
                sys.stdout.flush()
                os._exit(int(ended.code or 0))
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    return Arbiter


def _worker_class() -> Any:
    """Return a worker that loses nothing when it stops, and does not outlive its parent."""
    from gunicorn.workers import gthread

    reopen_logs = signal.getsignal(signal.SIGUSR1)

    class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # the type of the base class is not known
        def init_signals(self) -> None:
            super().init_signals()
            signal.signal(signal.SIGINT, _leave_to_parent)
            signal.signal(signal.SIGUSR1, reopen_logs)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            logging.getLogger('bottle.server').info('worker %d is ready', os.getpid())

        def notify(self) -> None:
            super().notify()
            if os.getppid() != self.ppid:
                os._exit(1)

        def set_accept_enabled(self, enabled: bool) -> None:
            if not (enabled or self.alive):
                _accept_queued(self)
            super().set_accept_enabled(enabled)

        def handle(self, conn: Any) -> Any:
            is_new = self.alive and not (conn.initialized or conn.data_ready)
            if is_new and not conn.wait_for_data(PATIENCE):
                return gthread._DEFER
            conn.close = partial(_close, conn)  # gunicorn's waits for the client's, in the main thread
            return _finished(conn, super().handle(conn))

        def _cap_keepalive(self, _: float) -> None:
            super()._cap_keepalive(time.monotonic() + LINGER)

    return Worker


def _leave_to_parent(*_: object) -> None:
    """Do nothing: the parent has got the signal as well."""


def _close(conn: Any, **_: object) -> None:
    """Close a connection at once."""
    with suppress(OSError):
        conn.sock.close()


def _finished(conn: Any, kept: Any) -> Any:
    """Read what the application has left of a body, lest the end of the connection destroys the response."""
    with suppress(Exception):  # whatever it is, the connection is closed next
        kept or conn.parser.finish_body(time.monotonic() + LINGER)
    return kept


def _accept_queued(worker: Any) -> None:
    """Take what waits in the queues of the sockets, so that no client is refused."""
    for listener in worker.sockets:
        before = -1
        while before < worker.nr_conns:
            before = worker.nr_conns
            worker.accept(listener)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return GunicornServer
