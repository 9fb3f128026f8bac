"""For backends with a loop written in C: a drain that ends idle connections, and what the loop does not do itself."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import stat
import struct
import threading
import time
from contextlib import closing, suppress
from contextvars import Context, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from bottle.errors import ServerError
from bottle.serving.connections import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

UNIX_NAMES = {'SERVER_NAME': 'localhost', 'SERVER_PORT': '80'}  # for an environ, where the socket has none
OPEN_FILES = '/dev/fd'
TCP_INFO_SIZE = 160  # bytes of `struct tcp_info` of Linux, up to what is read of it
LAST_DATA = 44  # where it says, in milliseconds, when data was sent, an acknowledgement sent, and data received
DATA_SEGMENTS = 152  # where it says how many segments with data came in and went out
BLOCK = 1 << 16  # bytes of a file that are sent at once

_VARIABLE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z]+")
_VALUE = re.compile(r'[\t\x20-\x7e\x80-\xff]*')


def require_main_thread(name: str) -> None:
    """Make sure that a backend which takes signals for itself is started where they arrive.

    Parameters:
        name: the name of the server.

    Raises:
        ServerError: this is another thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ServerError(f'the server {name!r} needs the main thread, which gets the signals: call run() there')


def heed_alarm(has_ended: Callable[[], bool]) -> None:
    """Run the handler of an alarm that is over, for a main thread that is in C and cannot (`signal.setitimer`).

    To be called again and again from another thread in a drain, whose grace period ends with that alarm.

    Parameters:
        has_ended: returns whether the server has ended by itself, after which alarms are no concern of it.
    """
    over = hasattr(signal, 'getitimer') and not signal.getitimer(signal.ITIMER_REAL)[0]
    handler = signal.getsignal(signal.SIGALRM) if over else None
    if callable(handler) and not has_ended():
        handler(signal.SIGALRM, None)


class AcceptedConnections:
    """The connections of this process that came through some listening sockets.

    Parameters:
        listeners: the listening sockets.
    """

    def __init__(self, listeners: Sequence[socket.socket]) -> None:
        self._places = {(each.family, _place(each.getsockname())) for each in listeners}
        self._silent: dict[int, float] = {}

    def end_idle(self) -> None:
        """End the input of each connection that was silent for `LINGER`, as far as earlier calls have seen it.

        One on which a request has begun to arrive is left alone, where the system tells so; where it does not, one that
        is silent. What is being answered, is answered: only the input ends. To be called again and again.
        """
        silent = {}
        for connection in self._open():
            with closing(connection):
                if _may_be_idle(connection):
                    inode = os.fstat(connection.fileno()).st_ino
                    silent[inode] = self._silent.get(inode, time.monotonic())
                    if time.monotonic() - silent[inode] >= LINGER:
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_RD)
        self._silent = silent

    def _open(self) -> Iterator[socket.socket]:
        """Yield a socket for each connection, on a descriptor of its own."""
        for path in Path(OPEN_FILES).iterdir():
            with suppress(OSError):  # it may have been closed meanwhile
                if not stat.S_ISSOCK(path.stat().st_mode):
                    continue
                found = socket.socket(fileno=os.dup(int(path.name)))
                if self._is_ours(found):
                    yield found
                else:
                    found.close()

    def _is_ours(self, found: socket.socket) -> bool:
        try:
            found.getpeername()
            return (found.family, _place(found.getsockname())) in self._places
        except OSError:  # it is not connected
            return False


def has_queue(listeners: Sequence[socket.socket]) -> bool:
    """Return whether a connection waits to be accepted.

    Parameters:
        listeners: the listening sockets.
    """
    poll = select.poll()
    for each in listeners:
        poll.register(each, select.POLLIN)
    return bool(poll.poll(0))


def _place(name: Any) -> Any:
    """Return the port: the address of a connection is not that of a socket which listens on every interface."""
    return name[1] if isinstance(name, tuple) else name


def _may_be_idle(connection: socket.socket) -> bool:
    try:
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return not _is_asked(connection)
    except OSError:
        pass
    return False


def _is_asked(connection: socket.socket) -> bool:
    """Return whether the client was the last to send something: a request, or the beginning of one."""
    if connection.family == getattr(socket, 'AF_UNIX', None) or not hasattr(socket, 'TCP_INFO'):
        return False
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
    if len(info) < TCP_INFO_SIZE:
        return False
    sent, _, received = struct.unpack_from('=3I', info, LAST_DATA)
    segments_in, segments_out = struct.unpack_from('=2I', info, DATA_SEGMENTS)
    return bool(segments_in and (not segments_out or received < sent))


class _InContext:
    """A response whose pieces are made in the context of its request."""

    def __init__(self, context: Context, response: Iterable[bytes]) -> None:
        self._context = context
        self._response = response
        self._iterator = context.run(iter, response)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        """Close the response, if it can be closed."""
        self._context.run(getattr(self._response, 'close', lambda: None))


def in_own_context(application: WSGIApplication) -> WSGIApplication:
    """Return an application each request of which has a context of its own (PEP 567).

    A backend that goes on with several responses in turn, in one thread, would mix what they keep there.

    Parameters:
        application: the WSGI application.
    """

    def run(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        context = copy_context()
        response = context.run(application, environ, start_response)
        whole = isinstance(response, list) or type(response) is environ.get('wsgi.file_wrapper')
        return response if whole else _InContext(context, response)

    return run


def has_good_head(environ: Environ) -> bool:
    """Take blanks from around the values of headers; return whether the request may be answered (RFC 9112, 5 and 6.3).

    A backend that guesses at a faulty head, and a proxy that guesses otherwise, see its end at different places.

    Parameters:
        environ: the request's environ; changed in place.
    """
    values = {name: value.strip(' \t') for name, value in environ.items() if name.startswith(('HTTP_', 'CONTENT_'))}
    environ |= values
    coding, length = values.get('HTTP_TRANSFER_ENCODING'), values.get('CONTENT_LENGTH')
    if coding is not None and (length is not None or coding.lower() != 'chunked'):
        return False
    if length is not None and not (length.isascii() and length.isdigit()):
        return False
    return all(_VARIABLE.fullmatch(name) and _VALUE.fullmatch(value) for name, value in values.items())


def with_write(application: WSGIApplication) -> WSGIApplication:
    """Return an application for a backend without `write`; what is written goes out with the response (PEP 3333).

    Parameters:
        application: the WSGI application.
    """

    def run(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        written: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            start_response(status, headers, exc_info)
            return written.append

        response = application(environ, start)
        if not written:
            return response
        try:
            return [*written, *response]
        finally:
            getattr(response, 'close', str)()

    return run


def file_in_blocks(file: Any, size: int = BLOCK) -> FileWrapper:
    """Return a file as an iterable: a `wsgi.file_wrapper` for a backend that looks at no Content-Length (PEP 3333).

    Parameters:
        file: the file, open for reading bytes.
        size: the bytes of each piece.
    """
    return FileWrapper(file, size)
