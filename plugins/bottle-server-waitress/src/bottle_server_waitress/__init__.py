"""The server `waitress`: threads behind an event loop, in pure Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl
from bottle.serving.connections import PAUSE_WHEN_LINGERING, connection_limit
from bottle.serving.responses import strict

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Sequence

    from bottle.serving.types import WSGIApplication

OURS = {'host', 'port', 'ipv4', 'ipv6', 'listen', 'sockets', 'unix_socket', 'unix_socket_perms'}  # the core binds


class WaitressServer(ServerAdapter):
    """Waitress, with a drain of its own: waitress by itself cancels what waits and cuts what is not flushed."""

    name = 'waitress'
    backend = Backend('waitress', 'waitress')
    native_call = 'waitress.create_server'
    native_names: ClassVar = {'backlog': 'backlog', 'threads': 'threads', 'max_body': 'max_request_body_size'}
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
    stopping = False
    _wake: Callable[[], object] = staticmethod(lambda: None)

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Run waitress' loop until stopped, then until no request is left."""
        from waitress import create_server, trigger, wasyncore

        from bottle_server_waitress.handler import channel_class

        loop: dict[int, Any] = {}
        trusts = 'trusted_proxy' in self.options  # else the core decides
        ours = {'clear_untrusted_proxy_headers': trusts, 'connection_limit': connection_limit()}
        options = {**ours, **self.options}
        listeners: list[Any] = []
        for each in sockets:  # one by one: waitress refuses TCP and unix sockets together
            pool = listeners[0].task_dispatcher if listeners else None
            listeners += [create_server(strict(handler), map=loop, sockets=[each], _dispatcher=pool, **options)]
            listeners[-1].channel_class = channel_class(self)
        adjustments = listeners[0].adj
        self._wake = trigger.trigger(loop).pull_trigger
        while not self.stopping:
            wasyncore.loop(adjustments.asyncore_loop_timeout, adjustments.asyncore_use_poll, loop, count=1)
        for listener in listeners:
            for _ in range(adjustments.backlog):  # so many may wait in its queue
                listener.handle_accept()
            wasyncore.dispatcher.close(listener)  # its own close() would end the trigger that running requests pull
        while any(each.lingers() for each in [*loop.values()] if hasattr(each, 'lingers')):
            wasyncore.loop(PAUSE_WHEN_LINGERING, adjustments.asyncore_use_poll, loop, count=1)
        listeners[0].task_dispatcher.shutdown()
        wasyncore.close_all(loop)

    @classmethod
    def native_value(cls, option: str, value: Any) -> Any:
        """Return a value as waitress takes it: its limit of a body is the first length that it refuses."""
        return value + 1 if option == 'max_body' else value

    def stop(self) -> None:
        """Leave the loop; a byte through a pipe wakes it."""
        self.stopping = True
        self._wake()

    def native_options(self) -> Collection[str]:
        """Return the names of waitress' adjustments."""
        from waitress.adjustments import Adjustments

        return [name for name, _ in Adjustments._params if name not in OURS]

    def try_options(self) -> None:
        """Let waitress read its options."""
        from waitress.adjustments import Adjustments

        Adjustments(**self.options)


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return WaitressServer
