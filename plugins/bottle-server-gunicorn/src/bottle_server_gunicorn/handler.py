"""What gunicorn's workers do: they send responses as they were meant, and lose nothing when they stop."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.http import wsgi
from gunicorn.workers import gthread

from bottle.serving.connections import LINGER
from bottle.serving.responses import strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.types import Environ, StartResponse, WSGIApplication

PATIENCE = 0.1  # seconds that a new connection may occupy a thread without sending anything


class Response(wsgi.Response):  # type: ignore[misc]  # the type of the base class is not known
    """A response with the Date and the Server of the application, where it gives them (RFC 9110, section 6.6.1)."""

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Keep the headers, also those that gunicorn drops because it has some of its own."""
        super().process_headers(headers)
        self.headers += [each for each in headers if each[0].lower() in ('date', 'server')]

    def default_headers(self) -> list[str]:
        """Return the status line, and the headers that the application has not given."""
        given = {name.lower() for name, _ in self.headers}
        return [line for line in super().default_headers() if line.partition(':')[0].lower() not in given]


def responding(application: WSGIApplication) -> WSGIApplication:
    """Return an application whose responses gunicorn sends as they were meant.

    Parameters:
        application: the WSGI application.
    """
    application = strict(application)

    def run(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        response: Any = start_response.__self__  # type: ignore[attr-defined]  # gunicorn's is a bound method
        if type(response) is wsgi.Response:
            response.__class__ = Response
        options = environ.get('HTTP_CONNECTION', '').lower().split(',')
        if 'close' in map(str.strip, options):  # gunicorn knows it alone, and not among others
            response.force_close()
        return application(environ, start_response)

    return run


def worker_class(adapter: ServerAdapter) -> Any:
    """Return a worker that loses nothing when it stops, and does not outlive its parent."""
    reopen_logs = signal.getsignal(signal.SIGUSR1)

    class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # the type of the base class is not known
        def init_signals(self) -> None:
            super().init_signals()
            signal.signal(signal.SIGINT, lambda *_: None)  # the parent has got it as well
            signal.signal(signal.SIGUSR1, reopen_logs)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            logging.getLogger('bottle.server').info('worker %d is ready', os.getpid())

        def notify(self) -> None:
            super().notify()
            if os.getppid() != self.ppid:
                os._exit(1)

        def set_accept_enabled(self, enabled: bool) -> None:
            super().set_accept_enabled(enabled)
            if not (enabled or self.alive):
                adapter.draining = True  # the parent's says nothing here
                _accept_queued(self)

        def handle(self, conn: Any) -> Any:
            is_new = self.alive and not (conn.initialized or conn.data_ready)
            if is_new and not conn.wait_for_data(PATIENCE):
                return gthread._DEFER
            conn.close = partial(_close, conn)  # gunicorn's waits for the client's, in the main thread
            return _finished(conn, super().handle(conn))

        def _cap_keepalive(self, _: float) -> None:
            super()._cap_keepalive(time.monotonic() + LINGER)

    return Worker


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
    """Take what waits in the queues of the sockets, and let nobody wait there any more."""
    while worker.sockets:
        listener, before = worker.sockets.pop(), -1
        while before < worker.nr_conns:
            before = worker.nr_conns
            worker.accept(listener)
        listener.close()
