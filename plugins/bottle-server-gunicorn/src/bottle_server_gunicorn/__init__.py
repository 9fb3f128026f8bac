"""The server `gunicorn`: worker processes with threads, watched over by a parent."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.sockets import taken_over

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from socket import socket

    from bottle.serving.types import WSGIApplication

OURS = {'backlog', 'bind', 'chdir', 'check_config', 'config', 'daemon', 'graceful_timeout', 'paste', 'preload_app'}
OURS |= {'print_config', 'pythonpath', 'reload', 'reload_engine', 'reload_extra_files', 'reuse_port', 'wsgi_app'}
OURS |= {'control_socket', 'control_socket_disable', 'control_socket_mode', 'worker_class'}
SAME = ('workers', 'threads', 'max_requests', 'max_requests_jitter', 'certfile', 'keyfile')
# It believes every program of this machine by default. The core ends the grace period, and the workers with it.
DEFAULTS = {'control_socket_disable': True, 'forwarded_allow_ips': '', 'graceful_timeout': 3600, 'loglevel': 'warning'}


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
    _signal: Any = staticmethod(lambda *_: None)
    _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Run gunicorn's arbiter until stopped."""
        from gunicorn.app.base import BaseApplication

        from bottle_server_gunicorn.handler import responding, worker_class

        addresses = [f'fd://{taken_over(each)}' for each in sockets]
        settings = {'threads': 10, **DEFAULTS, **self.options, 'bind': addresses, 'worker_class': worker_class(self)}

        class Application(BaseApplication):  # type: ignore[misc]  # the type of the base class is not known
            def load_config(self) -> None:
                self.callable = responding(handler)
                for name, value in settings.items():
                    self.cfg.set(name, value)

        arbiter = _arbiter_class()(Application())
        self._signal = arbiter.signal
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
        self._signal(signal.SIGTERM, None)

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


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return GunicornServer
