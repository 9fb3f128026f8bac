"""What limits and counts requests between a server and its application: the length of bodies, and what is running."""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bottle.bodies import BUFFER_SIZE, BodyTooLarge, NoBody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

MAX_DIGITS = 18  # of a declared length; more is beyond all reason, and slow to convert


def limited(app: WSGIApplication, max_body: int, *, marked: bool = False) -> WSGIApplication:
    """Refuse request bodies that are too long with 413 (RFC 9110, section 15.5.14).

    A declared length is looked at before the application is called and anything is read. A body without one is counted
    while it is read: beyond the limit, `wsgi.input` raises `BodyTooLarge`, which is answered with 413 unless the
    application does so itself, or the response is on its way. A Content-Length that is no number is left to the
    application.

    Parameters:
        app: the application.
        max_body: the permitted length in bytes; 0 permits any.
        marked: whether the server leaves HTTP_TRANSFER_ENCODING in the environ of a body that it decodes; else a body
            without a declared length cannot be told from none, and every such input is counted.

    Returns:
        The wrapped application.
    """
    if not max_body:
        return app

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get('CONTENT_LENGTH')
        if length and _exceeds(length, max_body):
            return _refuse_body(environ, start_response)
        stream = environ.get('wsgi.input')
        undeclared = not (length or marked or type(stream) is NoBody) and environ.get('wsgi.input_terminated')
        if 'HTTP_TRANSFER_ENCODING' not in environ and not undeclared:
            return app(environ, start_response)
        environ['wsgi.input'] = LimitedInput(stream, max_body)
        try:
            body = app(environ, start_response)
        except BodyTooLarge:  # a server that has sent the headers raises it again (PEP 3333, "start_response()")
            return _refuse_body(environ, start_response, sys.exc_info())
        if isinstance(body, (list, tuple)):
            return body  # nothing is left to run that could read
        return _Refusable(body, partial(_refuse_body, environ, start_response))

    return application


def _exceeds(length: str, limit: int) -> bool:
    return length.isascii() and length.isdigit() and (len(length) > MAX_DIGITS or int(length) > limit)


def _refuse_body(environ: Environ, start_response: StartResponse, exc_info: Any = None) -> list[bytes]:
    return refuse(environ, start_response, '413 Content Too Large', 'The request body is too large.', exc_info)


def refuse(
    environ: Environ, start_response: StartResponse, status: str, reason: str, exc_info: Any = None
) -> list[bytes]:
    """Answer a request without asking the application.

    Parameters:
        environ: the request's environ.
        start_response: as in PEP 3333.
        status: the status line.
        reason: a sentence for the client.
        exc_info: the error that ended the application, as in PEP 3333; None if there was none.

    Returns:
        The body.
    """
    text = f'{reason}\n'.encode('ascii', 'backslashreplace')
    headers = [('Content-Type', 'text/plain; charset=utf-8'), ('Content-Length', str(len(text)))]
    if exc_info:
        start_response(status, headers, exc_info)
    else:
        start_response(status, headers)
    return [] if environ.get('REQUEST_METHOD') == 'HEAD' else [text]


class LimitedInput:
    """A `wsgi.input` that may be read up to a limit. Once that is exceeded, every read fails.

    Parameters:
        stream: the server's `wsgi.input`.
        limit: the permitted length in bytes.
    """

    __slots__ = ('_left', '_stream')

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int | None = -1) -> bytes:
        """Return at most so many bytes, or all.

        Raises:
            BodyTooLarge: the body is longer than permitted.
        """
        if size is None or size < 0:
            return b''.join(iter(partial(self._take, self._stream.read, BUFFER_SIZE), b''))
        return self._take(self._stream.read, size)

    def readline(self, size: int | None = -1) -> bytes:
        """Return a line, or the beginning of one that is longer than `size`.

        Raises:
            BodyTooLarge: the body is longer than permitted.
        """
        return self._take(self._stream.readline, self._left + 1 if size is None or size < 0 else size)

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """Return lines: all, or as many as reach the size that `hint` gives.

        Raises:
            BodyTooLarge: the body is longer than permitted.
        """
        lines: list[bytes] = []
        size = 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b'')

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        """Read at most one byte beyond the limit: that one tells."""
        if self._left >= 0:
            data = read(min(size, self._left + 1))
            self._left -= len(data)
        if self._left < 0:
            raise BodyTooLarge('The request body is too large.')
        return data


class Observer(Protocol):
    """Is told how a response gets on."""

    def passed(self, piece: bytes) -> None:
        """Note a piece that is handed to the server next."""

    def exhausted(self) -> None:
        """Note that there are no more pieces; the body is not closed yet."""

    def failed(self) -> None:
        """Note that the application has raised an exception instead of yielding a piece."""

    def ended(self) -> None:
        """Note that the body is closed; may be called more than once."""


class Passage:
    """What an application has returned, on its way to the server: each piece when it is asked for, none kept back.

    Parameters:
        body: what the application has returned. It is closed once, however often the server asks (PEP 3333).
        observer: is told of each piece and of the end.
    """

    __slots__ = ('_body', '_close', '_observer')

    def __init__(self, body: Iterable[bytes], observer: Observer) -> None:
        self._body = body
        self._observer = observer
        self._close: Callable[[], object] | None = getattr(body, 'close', None)

    def __iter__(self) -> Iterator[bytes]:
        passed = self._observer.passed
        try:
            for piece in self._body:
                passed(piece)
                yield piece
        except Exception:
            self._observer.failed()
            raise
        self._observer.exhausted()

    def close(self) -> None:
        """Close what the application has returned, unless that has been done."""
        close, self._close = self._close, None
        try:
            if close is not None:
                close()
        finally:
            self._observer.ended()


class SizedPassage(Passage):
    """The passage of a list: servers take the length of a body that has one piece for its Content-Length."""

    __slots__ = ()
    _body: list[bytes]

    def __len__(self) -> int:
        return len(self._body)


def observed(body: Iterable[bytes], observer: Observer) -> Passage:
    """Return what an application has returned, so that an observer is told of each piece and of the end.

    A `wsgi.file_wrapper` is passed on like any other iterable: its pieces are seen, and a server that could have sent
    the file by a system call of its own does not.

    Parameters:
        body: what the application has returned.
        observer: is told.
    """
    return (SizedPassage if isinstance(body, (list, tuple)) else Passage)(body, observer)


class _Refusable:
    """The body of a response whose application may still find, while it yields, that the request is too long."""

    __slots__ = ('_body', '_refuse', 'close')

    def __init__(self, body: Iterable[bytes], refuse_body: Callable[[Any], list[bytes]]) -> None:
        self._body = body
        self._refuse = refuse_body
        self.close = getattr(body, 'close', _nothing)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._body:  # noqa: UP028  # `yield from` would close the body, which the server does, too
                yield piece
        except BodyTooLarge:
            yield from self._refuse(sys.exc_info())


def _nothing() -> None:
    """Close what has no `close`."""


class Activity:
    """Counts the requests of an application: for who drains a process, replaces it, or looks whether it still moves.

    Parameters:
        after: called after each finished request with the number of those that have finished; must not block.

    Attributes:
        running: how many requests are being answered: from the call of the application until its body is closed.
        started: how many requests have begun, in all.
        progress: a number that changes whenever a request begins, yields a piece or ends.
    """

    def __init__(self, after: Callable[[int], object] | None = None) -> None:
        self.running = 0
        self.started = 0
        self.progress = 0
        self._after = after
        self._lock = threading.Lock()

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        """Return the application with its requests counted.

        Parameters:
            app: the application.
        """

        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            request = _Counted(self)

            def start(*arguments: Any, **keywords: Any) -> Callable[[bytes], object]:
                return _moving(self, start_response(*arguments, **keywords))

            try:
                body = app(environ, start)
            except BaseException:
                request.ended()
                raise
            return observed(body, request)

        return application

    def _begin(self) -> None:
        with self._lock:
            self.started += 1
            self.running += 1
            self.progress += 1

    def _move(self) -> None:
        with self._lock:
            self.progress += 1

    def _end(self) -> None:
        with self._lock:
            self.running -= 1
            self.progress += 1
            finished = self.started - self.running
        if self._after is not None:
            self._after(finished)


def _moving(activity: Activity, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Return a `write` callable that counts as progress."""

    def moving(data: bytes) -> None:
        write(data)
        activity._move()

    return moving


class _Counted:
    """A request that is counted, and ends once."""

    __slots__ = ('_activity', '_running')

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._running = True
        activity._begin()

    def passed(self, _: bytes) -> None:
        self._activity._move()

    def exhausted(self) -> None:
        """Count it as running until the server closes the body."""

    failed = exhausted

    def ended(self) -> None:
        if self._running:
            self._running = False
            self._activity._end()
