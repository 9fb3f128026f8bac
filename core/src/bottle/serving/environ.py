"""Mending an environ where a backend does not follow PEP 3333; for adapters to call before the application."""

from __future__ import annotations

import re
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from socket import gethostname
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bottle.bodies import NoBody, chunked_reader, length_reader
from bottle.serving.sockets import WILDCARDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from email.message import Message

    from bottle.serving.types import Environ

# Of a line that is no header, and of those behind it, the standard library makes the beginning of a body.
HEADER_DEFECTS = (FirstHeaderLineIsContinuationDefect, InvalidHeaderDefect, MissingHeaderBodySeparatorDefect)

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\0-\x20\x7f]+ HTTP/1\.[0-9]\r?\n")
_NO_TEXT = re.compile(rb'\0|\r(?!\n)')  # what a server may keep neither in a line nor for the end of one


def terminate_input(environ: Environ, raw: Any) -> None:
    """Set `wsgi.input` to a reader that ends where the request's body ends (RFC 9112, section 6.3).

    `wsgi.input_terminated` tells the application that it may read to the end. A chunked body is decoded; its coding is
    then gone and
    its length is not known, so neither stays in the environ.

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


def drop_ambiguous(environ: Environ, names: Iterable[str]) -> None:
    """Remove the headers whose name has an underscore: `X_Forwarded_For` would pass for `X-Forwarded-For`.

    Parameters:
        environ: the request's environ; changed in place.
        names: the names of the request's headers, as the client has sent them.
    """
    for name in names:
        if '_' in name:
            environ.pop('HTTP_' + name.replace('-', '_').upper(), None)


class HeadLines:
    """The lines of a head, while the standard library parses it: it would take a bare CR, or no line, for an end.

    Parameters:
        raw: the file object that the connection's bytes are read from.

    Attributes:
        fault: what is wrong with the lines so far, or an empty string (RFC 9112, section 2.2).
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.fault = ''

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line.

        Parameters:
            limit: the permitted length in bytes.
        """
        line: bytes = self._raw.readline(limit)
        if _NO_TEXT.search(line):
            self.fault = 'bare CR or NUL in a header'
        elif not line.endswith(b'\n'):
            self.fault = 'the headers do not end'
        return line


def request_line_fault(line: bytes) -> str:
    """Return what is wrong with a request line, or an empty string (RFC 9112, section 3).

    Parameters:
        line: the line with its end.
    """
    return '' if _REQUEST_LINE.fullmatch(line) else 'malformed request line'


def accepts_head(handler: Any) -> bool:
    """Parse the head of a request; answer with 400 (Bad Request) when others might see it otherwise.

    Parameters:
        handler: an `http.server.BaseHTTPRequestHandler` that has read the request line into `raw_requestline`.

    Returns:
        Whether there is a request to be answered.
    """
    raw, lines = handler.rfile, HeadLines(handler.rfile)
    handler.rfile = lines
    try:
        if not handler.parse_request():
            return False
    finally:
        handler.rfile = raw
    if fault := request_line_fault(handler.raw_requestline) or lines.fault or framing_fault(handler.headers):
        handler.send_error(400, fault)
    return not fault


def framing_fault(headers: Message) -> str:
    """Return what is wrong with the framing of a request, or an empty string (RFC 9112, sections 5.1 and 6.3).

    Parameters:
        headers: the request's headers.
    """
    if any(isinstance(defect, HEADER_DEFECTS) for defect in headers.defects):
        return 'a line that is no header'
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
