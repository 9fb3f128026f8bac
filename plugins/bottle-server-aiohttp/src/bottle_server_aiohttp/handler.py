"""What aiohttp does with one connection, with clients that end their side, and bodies that end in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web import RequestHandler, RequestPayloadError

if TYPE_CHECKING:
    from bottle.serving.loops import Turns


class Connection(RequestHandler):
    """A connection that knows whose turn it is.

    Parameters:
        turns: the connection, as a drain sees it.
    """

    is_half_closed = False
    _body: Any = EMPTY_PAYLOAD  # of the request that has come last
    _answered = 0

    def __init__(self, *arguments: Any, turns: Turns, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.turns = turns

    def data_received(self, data: bytes) -> None:
        """Receive bytes; a body whose coding turns out to be malformed fails, instead of being waited for for ever."""
        super().data_received(data)
        body, self._body = self._body, self._messages[-1][1] if self._messages else self._body
        if body is not self._body and not body.is_eof():
            body.set_exception(RequestPayloadError('malformed'))
            body.feed_eof()

    def eof_received(self) -> Any:
        """Return whether to stay open, because a request that has come whole is answered (RFC 9112, section 9.6)."""
        self.is_half_closed = self._body.is_eof()
        return self.is_half_closed and self._request_count > self._answered

    def answer(self) -> None:
        """Note that a request is answered; if it was the last one, close the connection."""
        self._answered += 1
        self.turns.end()
        if self.is_half_closed and self._request_count == self._answered and self.transport:
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End.

        Parameters:
            exc: what went wrong; None if nothing did.
        """
        super().connection_lost(exc)
        self.turns.close()
