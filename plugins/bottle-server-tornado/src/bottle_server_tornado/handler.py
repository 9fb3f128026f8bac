"""Reading what Tornado turns away: clients that have ended their side, and all of the chunked coding."""

from __future__ import annotations

import asyncio
import re
from itertools import count
from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPInputError

if TYPE_CHECKING:
    from bottle_server_tornado import Message

MAX_LINE = 1024  # bytes of the line that begins a chunk
MAX_TRAILER = 8192  # bytes of all trailer fields
PIECE = 65536
UNINTERRUPTED = 64  # chunks that may be read from memory before others have their turn

_HEAD = re.compile(rb'([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n')
_FIELD = re.compile(rb'[^\x00\r\n]*\r\n')


def read_some(stream: Any, connection: Any, buffer: Any) -> int | None:
    """Read from the socket; who has ended its side still gets the response that is made (RFC 9112, section 9.6).

    Parameters:
        stream: Tornado's stream.
        connection: Tornado's side of the request.
        buffer: is filled.

    Returns:
        How many bytes were read; 0 at the end, None when there are none yet.
    """
    size: int | None = type(stream).read_from_fd(stream, buffer)
    if size != 0 or stream.reading():
        return size
    if stream._read_buffer_size:
        return None  # another request comes first
    connection._disconnect_on_finish = True
    buffer[:1] = b'\n'  # while something is unread, Tornado neither closes the connection nor listens to it
    return 1


async def read_chunks(stream: Any, message: Message) -> None:
    """Receive a chunked body; extensions and trailer fields are skipped (RFC 9112, section 7.1).

    Parameters:
        stream: Tornado's connection; it is left right behind the body.
        message: the request, whose body may not be needed to its end.

    Raises:
        HTTPInputError: the coding is malformed.
        StreamClosedError: the client has left, or a line is too long.
    """
    for number in count():
        if number % UNINTERRUPTED == 0:
            await asyncio.sleep(0)
        left = _size(await stream.read_until(b'\r\n', max_bytes=MAX_LINE))
        if not left:
            break
        while left:
            piece = await stream.read_bytes(min(left, PIECE), partial=True)
            left -= len(piece)
            if not message.answered.done() and (answered := message.data_received(piece)):
                await answered
        if await stream.read_bytes(2) != b'\r\n':
            raise HTTPInputError('a chunk does not end where its size says')
    await _skip_trailer(stream)


def _size(line: bytes) -> int:
    head = _HEAD.fullmatch(line)
    if head is None:
        raise HTTPInputError('malformed chunk size')
    return int(head[1], 16)


async def _skip_trailer(stream: Any) -> None:
    allowance = MAX_TRAILER
    while (line := await stream.read_until(b'\r\n', max_bytes=allowance)) != b'\r\n':
        if not _FIELD.fullmatch(line):
            raise HTTPInputError('malformed trailer')
        allowance = max(allowance - len(line), len(b'\r\n'))
