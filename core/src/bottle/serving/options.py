"""The portable vocabulary: what every server is told in the same words, and how an address is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bottle.errors import ServerOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_HOST = '127.0.0.1'
DEFAULT_PORT = 8080
UNIX_PREFIX = 'unix:'


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server is started with.

    Parameters:
        server: the name of the server, or of the adapter class that was given.
        host: a host name, an IPv4 or IPv6 address, or `unix:/path`.
        port: the TCP port; 0 lets the system choose one.
        graceful_timeout: how long running requests may take after SIGTERM, in seconds.
        quiet: whether nothing is printed.
        backend: options that are handed to the backend unchanged.
    """

    server: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    graceful_timeout: float = 30.0
    quiet: bool = False
    backend: Mapping[str, Any] = field(default_factory=dict)


def parse_bind(text: str) -> tuple[str, int]:
    """Split an address as the option `--bind` takes it.

    Parameters:
        text: `HOST`, `HOST:PORT`, `:PORT` (every interface), `[IPv6]:PORT` or `unix:/path`.

    Returns:
        The host, without brackets, and the port; 8080 where none is given and 0 for a unix socket.

    Raises:
        ServerOptionError: the port is no number from 0 to 65535.
    """
    if text.startswith(UNIX_PREFIX):
        return text, 0
    host, separator, port = text.rpartition(':')
    if not separator or ']' in port:
        return text.strip('[]'), DEFAULT_PORT
    return host.strip('[]'), parse_port(port, text)


def parse_port(port: object, source: object = None) -> int:
    """Return a TCP port as a number.

    Parameters:
        port: a number or its decimal digits.
        source: what the user wrote, for the error; the port itself when None.

    Raises:
        ServerOptionError: it is no number from 0 to 65535.
    """
    digits = str(port)
    if not (digits.isascii() and digits.isdigit() and int(digits) <= 65535):
        shown = repr(source if source is not None else port)
        raise ServerOptionError(f'{shown} has no usable port: give a number from 0 (let the system choose) to 65535')
    return int(digits)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint such as ` Did you mean 'gevent'?`, or an empty string when nothing is near.

    Parameters:
        word: what was typed.
        known: what could have been meant.
    """
    from difflib import get_close_matches

    matches = get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f' Did you mean {" or ".join(map(repr, matches))}?' if matches else ''
