"""The server `mod_wsgi`: Apache, set up by mod_wsgi-express, whose processes start this program anew."""

from __future__ import annotations

import json
import logging
import signal
import time
from _thread import start_new_thread
from tempfile import TemporaryDirectory
from threading import Timer
from typing import TYPE_CHECKING, Any, ClassVar

from bottle.errors import ServerError
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.embedded import embedding, hand_over, this_process
from bottle.serving.sockets import reserved, url_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from socket import socket

    from bottle.serving.types import WSGIApplication

SILENT = ('[notice]', '[info]', '[debug]')  # Apache tells at the notice level that it begins and ends
FATAL = ('[error]', '[crit]', '[alert]', '[emerg]')
QUEUE = 0.1  # seconds for what waits to be accepted, which Apache drops when it is told to stop
LAST_WORDS = 0.5  # seconds that Apache has to say what is wrong when it cannot begin

log = logging.getLogger('bottle.server')


class ModWSGIServer(ServerAdapter):
    """Apache as a child of this process, which ends with it."""

    name = 'mod_wsgi'
    backend = Backend('mod_wsgi', 'mod_wsgi.express.server')
    native_call = 'mod_wsgi.express.server.setup_server'
    native_names: ClassVar = {'workers': 'processes', 'threads': 'threads', 'max_requests': 'maximum_requests'}
    says_when_ready = True
    capabilities = Capabilities(
        concurrency='threads',
        ipv6=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        worker_processes=True,
        threads_option=True,
        file_wrapper=True,
    )
    _host: Any = None
    _ready = _stopping = False

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Run Apache until stopped; in a process of Apache, let mod_wsgi call the application."""
        del sockets  # Apache binds its own
        from bottle_server_mod_wsgi.handler import mended, set_up, shutdown

        if inside := this_process():
            return hand_over(self, mended(handler), inside, shutdown())
        with reserved(self.host, self.port) as place, TemporaryDirectory(prefix='bottle-') as folder:
            host, self.port = place.getsockname()[:2]
            self.url = url_of(place)
            command = set_up(folder, host, self.port, self.options)
            with embedding(command, folder) as self._host:
                if self._stopping:
                    self.stop()
                for line in self._host.lines:
                    self._heed(line.rstrip())
        if self._stopping:
            return None
        raise ServerError('Apache has ended by itself: what it has logged says why')

    def stop(self) -> None:
        """Let Apache stop gracefully; at once, as long as nobody can have asked it for anything."""
        self._stopping = True
        if self._host is not None:
            self._host.announce_stop()
            start_new_thread(self._end_gracefully, ()) if self._ready else self._host.end()

    def native_options(self) -> Collection[str]:
        """Return the names of the options of mod_wsgi-express, but for those that are ours."""
        from bottle_server_mod_wsgi.handler import OURS, defaults

        return [each for each in defaults() if not each.startswith(OURS)]

    def _heed(self, line: str) -> None:
        """React to what a process of Apache reports, and hand on what Apache logs, but for what is no warning."""
        if not line.startswith('["'):
            log.warning('Apache: %s', line) if not line.startswith(SILENT) else None
            if line.startswith(FATAL) and not self._ready:  # it would try again at each request
                Timer(LAST_WORDS, self._give_up).start()
            return
        what, detail = json.loads(line)
        if what == 'failed' and not self._ready:
            raise ServerError(detail)
        if what == 'failed':
            log.error('a process of Apache cannot start: %s', detail)
        elif not self._ready:
            self._ready = True
            self.stop() if self._stopping else self.on_ready()

    def _end_gracefully(self) -> None:
        time.sleep(QUEUE)
        self._host.process.send_signal(signal.SIGWINCH)

    def _give_up(self) -> None:
        if not self._ready:
            self._host.end()


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return ModWSGIServer
