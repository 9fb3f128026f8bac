"""The server `waitress`: threads behind an event loop, in pure Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bottle.errors import ServerOptionError
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import PAUSE_WHEN_LINGERING

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from bottle.serving.types import WSGIApplication

OURS = {'host', 'port', 'ipv4', 'ipv6', 'listen', 'sockets', 'unix_socket', 'unix_socket_perms'}  # the core binds


class WaitressServer(ServerAdapter):
    """Waitress, with a drain of its own: waitress by itself cancels what waits and cuts what is not flushed.

    Options: every adjustment of waitress but those that say where to listen.
    """

    name = 'waitress'
    backend = Backend('waitress', 'waitress')
    native_call = 'waitress.create_server'
    native_names: ClassVar = {'threads': 'threads', 'max_body': 'max_request_body_size'}
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        chunked_requests=True,
        streaming=True,
        keep_alive=True,
        graceful_drain=True,
        threads_option=True,
        file_wrapper=True,
    )
    _stopping = False
    _wake: Any = None

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Run waitress' loop until stopped, then until no request is left."""
        from waitress import create_server, wasyncore
        from waitress.trigger import trigger

        from bottle_server_waitress.draining import accept_queued, channel_class, close_idle

        dispatchers: dict[int, Any] = {}
        # The core says which proxies are believed; waitress clears what it does not believe only when asked to believe.
        options = {'clear_untrusted_proxy_headers': 'trusted_proxy' in self.options, **self.options}
        server = create_server(handler, map=dispatchers, sockets=list(sockets), **options)
        listeners = [each for each in dispatchers.values() if each.accepting]
        for listener in listeners:
            listener.channel_class = channel_class(lambda: self._stopping)
        self._wake = trigger(dispatchers)
        poll, seconds = server.adj.asyncore_use_poll, server.adj.asyncore_loop_timeout
        while not self._stopping:
            wasyncore.loop(seconds, poll, dispatchers, count=1)
        for listener in listeners:
            accept_queued(listener, dispatchers)
            wasyncore.dispatcher.close(listener)  # its own close() would end the trigger that running requests pull
        while close_idle(dispatchers):
            wasyncore.loop(PAUSE_WHEN_LINGERING, poll, dispatchers, count=1)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(dispatchers)

    def stop(self) -> None:
        """Leave the loop; a byte through a pipe wakes it."""
        self._stopping = True
        if self._wake is not None:
            self._wake.pull_trigger()

    def native_options(self) -> Collection[str]:
        """Return the names of waitress' adjustments."""
        from waitress.adjustments import Adjustments

        return [name for name, _ in Adjustments._params if name not in OURS]

    def check_options(self) -> None:
        """Refuse unknown options, and values that waitress refuses."""
        super().check_options()
        from waitress.adjustments import Adjustments

        try:
            Adjustments(**self.options)
        except (TypeError, ValueError) as error:
            raise ServerOptionError(f'waitress refuses its options: {error}') from error


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return WaitressServer
