"""Bytes for a server: cut into packets, exchanged for whatever comes back, and read from folders."""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Event, Witness

WAYS = ('whole', 'in two', 'by byte', 'at random')
MOST_PIECES = 2048  # of what is cut by byte; longer data is cut into longer pieces
CUTS = 8  # of what is cut at random
PAUSE = 0.001  # seconds between few pieces, so that they do not arrive as one
SILENCE = 0.5  # seconds until a server that says nothing is taken to wait for more
STATUS = re.compile(rb'HTTP/1\.[01] ([2-5]\d\d) ')
REFUSING = (501, 505)  # of 5xx: not implemented, version not supported
INTERNALS = re.compile(rb'Traceback|File "|\.py\b')
ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|([rnt0]))')
ESCAPED = {b'r': b'\r', b'n': b'\n', b't': b'\t', b'0': b'\0'}


def cut(data: bytes, way: str) -> list[bytes]:
    """Return data in the pieces that are sent in a packet each; the same ones each time.

    Parameters:
        data: what is sent.
        way: one of `WAYS`. A request is cut in two behind its head.
    """
    places = {'whole': _no_place, 'in two': _behind_the_head, 'by byte': _everywhere, 'at random': _anywhere}[way](data)
    ends = [*places, len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _no_place(data: bytes) -> list[int]:
    return []


def _behind_the_head(data: bytes) -> list[int]:
    head, end, _ = data.partition(b'\r\n\r\n')
    return [len(head + end) if end else len(data) // 2]


def _everywhere(data: bytes) -> list[int]:
    step = len(data) // MOST_PIECES + 1
    return list(range(step, len(data), step))


def _anywhere(data: bytes) -> list[int]:
    chosen = random.Random(zlib.crc32(data))
    return sorted(chosen.sample(range(1, len(data)), min(CUTS, len(data) - 1)))


@dataclass(frozen=True)
class Exchange:
    """What has come back for some bytes.

    Parameters:
        raw: all that has come until the server closed the connection.
        silent: whether the server waited for more until the client ended its side.
    """

    raw: bytes
    silent: bool = False

    @property
    def statuses(self) -> list[int]:
        """The status codes of the responses, interim ones left out."""
        return [int(code) for code in STATUS.findall(self.raw)]

    @property
    def refused(self) -> bool:
        """Whether the server has only refused: by a response of its own, or by closing the connection."""
        return all(400 <= code < 500 or code in REFUSING for code in self.statuses)

    @property
    def fails(self) -> bool:
        """Whether the server says that something went wrong inside."""
        return any(code >= 500 and code not in REFUSING for code in self.statuses)

    @property
    def reveals(self) -> bool:
        """Whether internals of the server are shown to the client."""
        return INTERNALS.search(self.raw) is not None


def exchange(server: Subject, data: bytes, way: str = 'whole') -> Exchange:
    """Send bytes on a connection of their own, and return what comes back until the server closes it.

    A server that waits for more is told that there is no more. In any case it answers the next client; what the
    application has told before has reached the witness by then.

    Parameters:
        server: the running server.
        data: what is sent.
        way: how it is cut; one of `WAYS`.

    Raises:
        TimeoutError: the server keeps a connection open that the client has ended.
    """
    found = _sent(server, cut(data, way))
    server.called()
    return found


def exchanges(server: Subject, data: bytes) -> Iterator[Exchange]:
    """Send bytes in every way, each time on a connection of its own.

    Where the server waits for more, the other ways are left out: it will do so again.

    Parameters:
        server: the running server.
        data: what is sent.
    """
    for way in WAYS:
        yield (found := exchange(server, data, way))
        if found.silent:
            return


def _sent(server: Subject, pieces: list[bytes]) -> Exchange:
    with server.connect() as connection:
        connection.send_pieces(pieces, PAUSE if len(pieces) <= CUTS + 1 else 0.0)
        patience = connection.socket.gettimeout()
        connection.socket.settimeout(SILENCE)
        try:
            return Exchange(connection.read_all())
        except TimeoutError:
            connection.socket.settimeout(patience)
            return Exchange(connection.end().read_all(), silent=True)


def received(witness: Witness, identity: str) -> list[Event]:
    """Return the requests that the application has received with an identity in the header X-Id or in the target.

    Parameters:
        witness: what has heard of them.
        identity: what tells them from others.
    """
    calls = (each for each in witness.everything() if each['event'] == 'called')
    return [each for each in calls if identity in f'{each["id"]} {each["path"]} {each["query"]}']


def unescaped(text: bytes) -> bytes:
    r"""Return the bytes that a `*.http` file stands for: line breaks are only for the eye, `\r\n` is written so.

    Parameters:
        text: the content of the file; may also have `\t`, `\0` and `\xHH`.
    """

    def meant(found: re.Match[bytes]) -> bytes:
        return bytes.fromhex(found[1].decode()) if found[1] else ESCAPED[found[2]]

    return ESCAPE.sub(meant, text.replace(b'\n', b''))


def corpus_files(folder: Path, kind: str) -> list[Path]:
    """Return the requests of a corpus, by their names.

    Parameters:
        folder: the corpus; has a folder for each kind.
        kind: `valid` or `invalid`.

    Raises:
        ValueError: there are none.
    """
    if found := sorted((folder / kind).glob('*.http')):
        return found
    raise ValueError(f'no *.http in {folder / kind}: a corpus has the folders "valid" and "invalid"')
