"""A request and its response in an event loop, while a thread calls the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.serving.gateway import Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from bottle.serving.gateway import Head, Upload
    from bottle.serving.loops import Engine, Turns


class Conversation:
    """One request while it is received, then the response to it. A subclass says how that is sent.

    Parameters:
        engine: where it happens.
        turns: the connection.

    Attributes:
        engine: where it happens.
        turns: the connection.
        answered: done when the response is sent, or cut.
    """

    def __init__(self, engine: Engine, turns: Turns) -> None:
        self.answered: asyncio.Future[None] = engine.loop.create_future()
        self.engine = engine
        self.turns = turns
        self._upload: Upload | None = None
        self._incomplete = True

    def begin(
        self, method: str, target: str, version: str, headers: Iterable[tuple[str, str]], *, tls: bool = False
    ) -> None:
        """Receive the head of the request (RFC 9112, section 3).

        Parameters:
            method: the method.
            target: the request target, as it stands on the request line.
            version: `HTTP/1.1` or `HTTP/1.0`.
            headers: names and values in their order, read as latin-1.
            tls: whether the connection is encrypted.
        """
        self.turns.begin()
        scheme = 'https' if tls else 'http'
        request = Request(method, target, version, headers, scheme, self.turns.server, self.turns.client)
        self._upload = self.engine.upload(request)

    def receive(self, data: bytes) -> bool:
        """Receive a piece of the body; when the rest is not needed, answer at once. Return whether that is so.

        Parameters:
            data: the piece; may be empty.

        Raises:
            OSError: the disk is full.
        """
        if self._upload is None:
            return True
        self._upload.receive(data)
        if self._upload.is_refused:
            self.respond()
        return self._upload.is_refused

    def respond(self) -> None:
        """Let a thread answer the request, unless one does so already."""
        if self._upload is not None and self._incomplete:
            self._incomplete = False
            self.engine.respond(self._upload, self)

    @property
    def expects(self) -> bool:
        """Whether the client waits for 100 (Continue) before it sends the body (RFC 9110, section 10.1.1)."""
        return self._upload is not None and self._upload.expected and not self._upload.too_large

    def lose(self) -> None:
        """Forget a request that will not be completed, unless it is being answered."""
        if self._upload is not None and self._incomplete:
            self._incomplete = False
            self._upload.close()

    def send(self, head: Head | None, data: bytes, *, end: bool) -> None:
        """Send what the application answers; see `Transport`.

        Parameters:
            head: the head of the response, the first time.
            data: a piece of the body.
            end: whether it is the last one.

        Raises:
            OSError: the client has gone away.
        """
        self.engine.wait(self._send(head, data, end))

    def abort(self) -> None:
        """Close the connection; see `Transport`."""
        self.engine.loop.call_soon_threadsafe(self._abort)

    async def transmit(self, head: Head | None, data: bytes, end: bool) -> None:
        """Send what the application answers, in the loop; return when there is room for more.

        Parameters:
            head: the head of the response, the first time.
            data: a piece of the body.
            end: whether it is the last one.

        Raises:
            OSError: the client has gone away.
        """
        raise NotImplementedError

    def cut(self) -> None:
        """Close the connection, in the loop."""
        raise NotImplementedError

    async def _send(self, head: Head | None, data: bytes, end: bool) -> None:
        over = True
        try:
            await self.transmit(head, data, end)
            over = end
        finally:
            if over:
                self._finish()

    def _abort(self) -> None:
        self.cut()
        self._finish()

    def _finish(self) -> None:
        if not self.answered.done():
            self.answered.set_result(None)
