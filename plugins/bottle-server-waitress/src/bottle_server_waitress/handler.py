"""What waitress does with one connection, with heads that are read strictly."""

from __future__ import annotations

import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

from waitress import channel, parser, task

from bottle.serving.connections import LINGER
from bottle.serving.messages import MalformedMessage, read_request

if TYPE_CHECKING:
    from bottle_server_waitress import WaitressServer


def channel_class(adapter: WaitressServer) -> type:
    """Return a connection that, when the adapter stops, ends after its response or when it has long been idle.

    Parameters:
        adapter: has the attribute `stopping`.
    """

    class Parser(parser.HTTPRequestParser):  # type: ignore[misc]  # the type of the base class is not known
        def parse_header(self, header_plus: bytes) -> None:
            head = BytesIO(header_plus + b'\r\n')
            try:
                found = read_request(head.readline(), head.readline, self.adj.max_request_header_size)
            except MalformedMessage as error:
                raise parser.ParsingError(str(error)) from error
            super().parse_header(header_plus)
            self.connection_close = not found.is_persistent

    class Task(task.WSGITask):  # type: ignore[misc]  # the type of the base class is not known
        def build_response_header(self) -> Any:
            self.request.headers.update({'CONNECTION': 'close'} if adapter.stopping else {})
            return super().build_response_header()

    class Channel(channel.HTTPChannel):  # type: ignore[misc]  # the type of the base class is not known
        task_class = Task
        parser_class = Parser

        def touch(self, _: float) -> None:
            self.since = time.monotonic()  # waitress remembers a time of day, which may be changed

        last_activity = property(lambda self: time.time() - time.monotonic() + self.since, touch)

        def lingers(self) -> bool:
            if time.monotonic() - self.since > LINGER and not (self.requests or self.request or self.total_outbufs_len):
                self.handle_close()
            return bool(self.connected)

    return Channel
