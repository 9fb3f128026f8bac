"""Reading the head of a request strictly (RFC 9112): for adapters whose backend is not strict enough."""

from __future__ import annotations

import io
import re
from email.message import Message
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle.serving.environ import framing_fault, latin1_path

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

MAX_LINE = 65536  # bytes of a request line
MAX_HEAD = 65536  # bytes of a header section
MAX_DIGITS = 18  # of a Content-Length: a billion times a gigabyte

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r'[\t\x20-\x7e\x80-\xff]*'
_REQUEST_LINE = re.compile(rf'({_NAME}) ([\x21-\x7e\x80-\xff]+) (HTTP/[0-9]\.[0-9])\r\n')
_HEADER_SECTION = re.compile(f'(?:{_NAME}:{_VALUE}\r\n)*')
_HEADER = re.compile('([^:]+):([^\r]*)\r\n')  # of a section that has been found valid


class MalformedMessage(ValueError):
    """A message that has to be refused with 400, or with 431 because it is too long."""

    status = 400


class TargetTooLong(MalformedMessage):
    """A request target that is too long (RFC 9112, section 3)."""

    status = 414


class UnknownVersion(MalformedMessage):
    """A version of HTTP that is not spoken (RFC 9110, section 15.6.6)."""

    status = 505


class HeadTooLong(MalformedMessage):
    """A header section that is too long (RFC 6585, section 5)."""

    status = 431


class Request(NamedTuple):
    """The head of a request.

    Parameters:
        method: the method.
        target: the request target, as it was sent.
        version: `HTTP/1.0` or `HTTP/1.1`.
        headers: the headers as latin-1 text, in their order, with repeated ones.
    """

    method: str
    target: str
    version: str
    headers: Message

    @property
    def is_persistent(self) -> bool:
        """Whether the client wants to send another request on the connection (RFC 9112, section 9.3)."""
        lists = self.headers.get_all('Connection')
        if not lists:
            return self.version != 'HTTP/1.0'
        options = {each.strip().lower() for value in lists for each in value.split(',')}
        return 'close' not in options and (self.version != 'HTTP/1.0' or 'keep-alive' in options)

    @property
    def expects_to_be_asked(self) -> bool:
        """Whether the client waits to be asked for the body (RFC 9110, section 10.1.1)."""
        return self.version != 'HTTP/1.0' and self.headers.get('Expect', '').lower() == '100-continue'

    def variables(self) -> dict[str, str]:
        """Return what an environ holds of it (PEP 3333, "environ Variables")."""
        return {
            'REQUEST_METHOD': self.method,
            'SCRIPT_NAME': '',
            'PATH_INFO': latin1_path(self.target),
            'QUERY_STRING': self.target.partition('?')[2],
            'SERVER_PROTOCOL': self.version,
            **header_variables(self.headers),
        }


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._connection.recv_into(buffer)


def incoming(connection: socket.socket) -> io.BufferedReader:
    """Return what a connection is read from; unlike the standard library's, it can be read again after a timeout.

    Parameters:
        connection: the connected socket; it is not closed with the reader.
    """
    return io.BufferedReader(_Incoming(connection), MAX_LINE)


def read_request(first: bytes, readline: Callable[[int], bytes], limit: int = MAX_HEAD) -> Request:
    """Read the head of a request strictly (RFC 9112, sections 2.2, 3, 5 and 6.3).

    Parameters:
        first: the first line.
        readline: returns the next line of the connection, or so many bytes of it.
        limit: the permitted length of the header section in bytes.

    Raises:
        MalformedMessage: one subclass for each status that answers it.
    """
    line = readline(MAX_LINE) if first == b'\r\n' else first
    method, target, version = _request_line(line)
    return Request(method, target, version, _headers(_header_section(readline, limit), version))


def parse_request(head: bytes) -> Request:
    """Return a head that has been received as a whole, read as strictly as by `read_request`.

    Parameters:
        head: the head, from the request line to the empty line at its end.

    Raises:
        MalformedMessage: one subclass for each status that answers it.
    """
    end = head.find(b'\r\n') + 2
    method, target, version = _request_line(head[:end])
    return Request(method, target, version, _headers(head[end:-2], version))


def take_request(handler: Any) -> Request | None:
    """Read a request for a handler of the standard library in the place of `parse_request`; answer a malformed one.

    Its line is `handler.raw_requestline`; an empty one before it is passed over (RFC 9112, section 2.2).

    Parameters:
        handler: an `http.server.BaseHTTPRequestHandler`; gets `command`, `path`, `request_version` and `headers`.

    Returns:
        The request; None when there is none, or when it has been refused.
    """
    handler.close_connection = True
    if not handler.raw_requestline:
        return None
    handler.requestline, handler.command, handler.request_version = '', '', handler.protocol_version
    try:
        request = read_request(handler.raw_requestline, handler.rfile.readline)
    except MalformedMessage as error:
        handler.send_error(error.status, str(error))
        return None
    handler.command, handler.path, handler.request_version, handler.headers = request
    handler.requestline = f'{request.method} {request.target} {request.version}'
    return request


class Continue:
    """A stream whose client waits to be asked for the body: it is, at the first read (RFC 9110, section 10.1.1).

    Parameters:
        stream: what is read from.
        connection: the connected socket.

    Attributes:
        asked: whether the client has been asked.
    """

    def __init__(self, stream: Any, connection: socket.socket) -> None:
        self.asked = False
        self._stream = stream
        self._connection = connection

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end.

        Parameters:
            size: how many.
        """
        self._ask()
        data: bytes = self._stream.read(size)
        return data

    def read1(self, size: int) -> bytes:
        """Return what has come, so many bytes at most; wait only when that is nothing.

        Parameters:
            size: how many.
        """
        self._ask()
        data: bytes = self._stream.read1(size)
        return data

    def readline(self, size: int) -> bytes:
        """Return a line, or the beginning of one.

        Parameters:
            size: how many bytes at most.
        """
        self._ask()
        line: bytes = self._stream.readline(size)
        return line

    def _ask(self) -> None:
        if not self.asked:
            self.asked = True
            self._connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')


def _request_line(line: bytes) -> tuple[str, ...]:
    if len(line) >= MAX_LINE:
        raise TargetTooLong('the request line is too long')
    found = _REQUEST_LINE.fullmatch(line.decode('latin-1'))
    if not found:
        raise MalformedMessage('malformed request line')
    if found[3] not in ('HTTP/1.0', 'HTTP/1.1'):
        raise UnknownVersion('unknown version')
    return found.groups()


def _header_section(readline: Callable[[int], bytes], limit: int) -> bytes:
    lines = []
    while (line := readline(limit + 1)) != b'\r\n':
        limit -= len(line)
        if limit < 0:
            raise HeadTooLong('the header section is too long')
        if not line.endswith(b'\r\n'):
            raise MalformedMessage('malformed header')
        lines.append(line)
    return b''.join(lines)


def _headers(section: bytes, version: str) -> Message:
    text = section.decode('latin-1')
    if not _HEADER_SECTION.fullmatch(text):
        raise MalformedMessage('malformed header')
    headers, names = Message(), []
    for name, value in _HEADER.findall(text):
        headers.set_raw(name, value.strip(' \t'))
        names.append(name.lower())
    fault = _host_fault(names.count('host'), version)
    if not fault and ('content-length' in names or 'transfer-encoding' in names):
        fault = framing_fault(headers) or _length_fault(headers)
    if fault:
        raise MalformedMessage(fault)
    return headers


def header_variables(headers: Message) -> dict[str, str]:
    """Return headers as variables of an environ (RFC 3875, section 4.1.18), repeated ones as a list (RFC 9110, 5.3).

    One whose name has an underscore is left out: `X_Forwarded_For` would pass for `X-Forwarded-For`.

    Parameters:
        headers: the headers of a request, whose framing has been checked.
    """
    found: dict[str, str] = {}
    for name, value in headers.raw_items():
        key = name.upper().replace('-', '_')
        key = key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else f'HTTP_{key}'
        if '_' in name or (key in found and key == 'CONTENT_LENGTH'):
            continue
        separator = '; ' if key == 'HTTP_COOKIE' else ', '
        found[key] = f'{found[key]}{separator}{value}' if key in found else value
    return found


def _length_fault(headers: Message) -> str:
    return 'unbelievable Content-Length' if len(headers.get('Content-Length', '')) > MAX_DIGITS else ''


def _host_fault(hosts: int, version: str) -> str:
    return 'exactly one Host is needed' if hosts > 1 or (not hosts and version != 'HTTP/1.0') else ''
