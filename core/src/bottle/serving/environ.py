"""Mending an environ where a backend does not follow PEP 3333; for adapters to call before the application."""

from __future__ import annotations

from socket import gethostname
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bottle.bodies import NoBody, chunked_reader, length_reader
from bottle.serving.sockets import WILDCARDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from email.message import Message

    from bottle.serving.types import Environ


def threaded_environ(
    software: str, *, tls: bool = False, multithread: bool = True, multiprocess: bool = False
) -> Environ:
    """Return what the environ of every request holds on a server with threads (PEP 3333, "environ Variables").

    Parameters:
        software: the server's name and version.
        tls: whether the connections are encrypted.
        multithread: whether another thread may call the application at the same time.
        multiprocess: whether other processes serve the application, too.
    """
    return {
        'SERVER_SOFTWARE': software,
        'SERVER_NAME': 'localhost',  # on a unix socket
        'SERVER_PORT': '0',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'https' if tls else 'http',
        'wsgi.multithread': multithread,
        'wsgi.multiprocess': multiprocess,
        'wsgi.run_once': False,
    }


def terminate_input(environ: Environ, raw: Any) -> None:
    """Set `wsgi.input` to a reader that ends where the request's body ends (RFC 9112, section 6.3).

    `wsgi.input_terminated` tells the application that it may read to the end. A chunked body is decoded; its coding is
    then gone and its length is not known, so neither stays in the environ.

    Parameters:
        environ: the request's environ; changed in place. Its framing has been checked with `framing_fault`.
        raw: the file object that the connection's bytes are read from.
    """
    if 'HTTP_TRANSFER_ENCODING' in environ:
        environ['wsgi.input'] = chunked_reader(raw)
        del environ['HTTP_TRANSFER_ENCODING']
        environ.pop('CONTENT_LENGTH', None)
    else:
        length = int(environ.get('CONTENT_LENGTH') or 0)
        environ['wsgi.input'] = length_reader(raw, length) if length else NoBody()
    environ['wsgi.input_terminated'] = True


class ServerNames:
    """The values of SERVER_NAME and SERVER_PORT, known beforehand where there is one listening socket.

    To ask each connection would be a call of the system for each request, and a hand-over of the interpreter's lock.

    Parameters:
        sockets: the listening sockets.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._only = _names(sockets[0].getsockname()) if len(sockets) == 1 else None

    def of(self, connection: socket.socket) -> dict[str, str]:
        """Return the two variables for a connection; none for a unix socket.

        Parameters:
            connection: the connected socket.
        """
        return self._only if self._only is not None else _names(connection.getsockname())


def _names(address: Any) -> dict[str, str]:
    if not isinstance(address, tuple):
        return {}
    host = gethostname() if address[0] in WILDCARDS else address[0]
    return {'SERVER_NAME': host, 'SERVER_PORT': str(address[1])}


def framing_fault(headers: Message) -> str:
    """Return what is wrong with the framing of a request, or an empty string (RFC 9112, sections 5.1 and 6.3).

    Parameters:
        headers: the request's headers.
    """
    codings, lengths = headers.get_all('Transfer-Encoding', []), headers.get_all('Content-Length', [])
    if codings and lengths:
        return 'both Transfer-Encoding and Content-Length'
    if codings and [each.strip().lower() for each in codings] != ['chunked']:
        return 'unsupported Transfer-Encoding'
    if len(set(lengths)) > 1 or not all(each.isascii() and each.isdigit() for each in lengths):
        return 'invalid Content-Length'
    return ''


def latin1_path(target: str) -> str:
    """Return PATH_INFO for a request target: percent-decoded bytes as latin-1 text (PEP 3333, "Unicode Issues").

    Parameters:
        target: the request target as it stands on the request line (RFC 9112, section 3.2).
    """
    path = target.partition('?')[0]
    if not path.startswith('/') and '://' in path:  # the absolute form; the asterisk form stays as it is
        path = '/' + path.partition('://')[2].partition('/')[2]
    return unquote(path, 'latin-1') if '%' in path else path
