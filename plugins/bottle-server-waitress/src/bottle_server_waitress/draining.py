"""What a drain needs of waitress' connections: when each was last active, and that it ends after its response."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from bottle.serving.connections import LINGER
from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Callable


def channel_class(stopping: Callable[[], bool]) -> type:
    """Return a connection that announces its end when the server stops, and whose idle time no clock changes.

    Parameters:
        stopping: tells whether the server stops.
    """

    class Task(WSGITask):  # type: ignore[misc]  # the type of the base class is not known
        def build_response_header(self) -> Any:
            if stopping():
                self.request.headers['CONNECTION'] = 'close'
            return super().build_response_header()

    class Channel(HTTPChannel):  # type: ignore[misc]  # the type of the base class is not known
        task_class = Task
        last_activity = property(lambda self: time.time() - self.idle(), lambda self, _: self.touch())

        def touch(self) -> None:
            self.since = time.monotonic()

        def idle(self) -> float:
            return time.monotonic() - self.since

    return Channel


def accept_queued(listener: Any, dispatchers: dict[int, Any]) -> None:
    """Accept what waits in the queue of a socket.

    Parameters:
        listener: waitress' server on the socket.
        dispatchers: what takes part in waitress' loop.
    """
    for _ in range(BACKLOG):  # whoever connects again and again must not keep us here
        before = len(dispatchers)
        listener.handle_accept()
        if len(dispatchers) == before:
            return


def close_idle(dispatchers: dict[int, Any]) -> bool:
    """Close the connections that have long had nothing to receive, answer or send.

    Parameters:
        dispatchers: what takes part in waitress' loop.

    Returns:
        Whether any connection is left.
    """
    channels = [each for each in dispatchers.values() if isinstance(each, HTTPChannel)]
    for channel in channels:
        busy = channel.requests or channel.request is not None or channel.total_outbufs_len
        if not busy and channel.idle() >= LINGER:
            channel.handle_close()
    return any(channel.connected for channel in channels)
