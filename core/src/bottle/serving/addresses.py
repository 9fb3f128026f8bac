"""How the places where a server listens are written: hosts and ports, unix sockets, inherited files."""

from __future__ import annotations

from bottle.errors import ServerOptionError

DEFAULT_HOST = '127.0.0.1'
DEFAULT_PORT = 8080
UNIX_PREFIX = 'unix:'
FD_PREFIX = 'fd://'


def parse_bind(text: str) -> tuple[str, int]:
    """Split an address as the option `bind` takes it.

    Parameters:
        text: `HOST`, `HOST:PORT`, `:PORT` (every interface), `[IPv6]:PORT`, `unix:/path` or `fd://N`.

    Returns:
        The host, without brackets, and the port; 8080 where none is given and 0 for what has no port.

    Raises:
        ServerOptionError: the port is no number from 0 to 65535, an IPv6 address lacks its brackets, or there is no
            path or number of a file.
    """
    if text.startswith(UNIX_PREFIX):
        if text == UNIX_PREFIX:
            raise ServerOptionError('unix: needs a path, such as unix:/run/app.sock')
        return text, 0
    if text.startswith(FD_PREFIX):
        number = text.removeprefix(FD_PREFIX)
        if not (number.isascii() and number.isdigit()):
            raise ServerOptionError(f'{text!r} names no open file: give its number, such as fd://3')
        return text, 0
    host, separator, port = text.rpartition(':')
    if not separator or ']' in port:
        return text.strip('[]'), DEFAULT_PORT
    if ':' in host and not host.startswith('['):
        raise ServerOptionError(f'{text!r} is no address: give HOST:PORT, an IPv6 address in brackets as in [::1]:8080')
    return host.strip('[]'), parse_port(port, text)


def format_bind(host: str, port: int) -> str:
    """Return an address as `parse_bind` splits it.

    Parameters:
        host: a host name, an IPv4 or IPv6 address (in brackets or not), `unix:/path` or `fd://N`.
        port: the TCP port; of no effect where there is none.
    """
    if host.startswith((UNIX_PREFIX, FD_PREFIX)):
        return host
    bare = host.strip('[]')
    return f'[{bare}]:{port}' if ':' in bare else f'{bare}:{port}'


def parse_port(port: object, source: object = None) -> int:
    """Return a TCP port as a number.

    Parameters:
        port: a number or its decimal digits.
        source: what the user wrote, for the error; the port itself when None.

    Raises:
        ServerOptionError: it is no number from 0 to 65535.
    """
    digits = str(port)
    if not (len(digits) <= 5 and digits.isascii() and digits.isdigit() and int(digits) <= 65535):
        shown = repr(source if source is not None else port)
        raise ServerOptionError(f'{shown} has no usable port: give a number from 0 (let the system choose) to 65535')
    return int(digits)
