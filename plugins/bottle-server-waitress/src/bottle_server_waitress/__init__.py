"""The server `waitress`: threads behind an event loop, in pure Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bottle.errors import ServerOptionError
from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.sockets import BACKLOG

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

        dispatchers: dict[int, Any] = {}
        server = create_server(handler, map=dispatchers, sockets=list(sockets), **self.options)
        self._wake = trigger(dispatchers)
        settings = {'timeout': server.adj.asyncore_loop_timeout, 'use_poll': server.adj.asyncore_use_poll}
        while not self._stopping:
            wasyncore.loop(map=dispatchers, count=1, **settings)
        listeners = [each for each in dispatchers.values() if each.accepting]
        for _ in range(BACKLOG):  # what waits in the queue is still accepted and read
            queued = _accept_queued(listeners, dispatchers)
            wasyncore.loop(map=dispatchers, count=1, timeout=0)
            if not queued:
                break
        for listener in listeners:
            wasyncore.dispatcher.close(listener)  # its own close() would end the trigger that running requests pull
        while _close_idle(dispatchers):
            wasyncore.loop(map=dispatchers, count=1, **settings)
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


def _accept_queued(listeners: list[Any], dispatchers: dict[int, Any]) -> bool:
    """Accept what waits in the queue of each socket; return whether there was anything."""
    before = len(dispatchers)
    for listener in listeners:
        listener.handle_accept()
    return len(dispatchers) > before


def _close_idle(dispatchers: dict[int, Any]) -> bool:
    """Close the connections that have nothing to receive, to answer or to send; return whether any other is left."""
    channels = [each for each in dispatchers.values() if hasattr(each, 'requests')]
    busy = [each for each in channels if each.requests or each.request is not None or each.total_outbufs_len]
    for channel in channels:
        if channel not in busy:
            channel.handle_close()
    return bool(busy)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return WaitressServer
