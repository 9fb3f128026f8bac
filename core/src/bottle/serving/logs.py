"""Logs: one line for each request, messages of the server, and streams and files that may go away under them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from bottle.errors import ServerOptionError
from bottle.serving.limits import observed
from bottle.serving.options import portable_options, read_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bottle.serving.options import ServerOptions
    from bottle.serving.types import Environ, StartResponse, WSGIApplication

access_logger = logging.getLogger('bottle.access')
server_logger = logging.getLogger('bottle.server')

FILE_MODE = 0o640  # requests tell about people
MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')  # in every locale
PATH_CHARACTERS = "/!$&'()*+,;=:@-._~"

_plain_path = re.compile(f'[A-Za-z0-9{re.escape(PATH_CHARACTERS)}]*').fullmatch


# One line for each request


def access_logged(app: WSGIApplication, format: str) -> WSGIApplication:
    """Log each request with the logger `bottle.access`, when its response has ended.

    The line is written when the body is exhausted or closed, whichever comes first; also when the application raises,
    or the client leaves. It counts what the server was given to send. Body and `write` are passed on piece by piece; a
    `wsgi.file_wrapper` is too, so that a server which could have the system send the file does not, and the bytes are
    known. Whether `trusting` wraps this or is wrapped by it, the address is that of the client.

    Parameters:
        app: the application.
        format: `common` and `combined` as those of Apache's mod_log_config, `json` for an object on each line; `none`
            logs nothing.

    Returns:
        The wrapped application.

    Raises:
        ServerOptionError: there is no such format.
    """
    if read_option(portable_options()['access_log'], format) == 'none':
        return app
    line = FORMATS[format]

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not access_logger.isEnabledFor(logging.INFO):
            return app(environ, start_response)
        exchange = _Exchange(environ, start_response, line)
        try:
            body = app(environ, exchange.start_response)
        except BaseException:
            exchange.failed()
            raise
        return observed(body, exchange)

    return application


class _Exchange:
    """A request and what is sent in response to it; it keeps what the application may change in the environ."""

    def __init__(self, environ: Environ, start_response: StartResponse, line: Callable[[_Exchange], str]) -> None:
        self.environ = environ
        self.method: str = environ.get('REQUEST_METHOD', '')
        self.path: str = environ.get('SCRIPT_NAME', '') + environ.get('PATH_INFO', '')
        self.query: str = environ.get('QUERY_STRING', '')
        self.status = ''
        self.sent = 0
        self.began = time.time()
        self._clock = time.perf_counter()
        self._start_response = start_response
        self._line: Callable[[_Exchange], str] | None = line

    @property
    def milliseconds(self) -> float:
        return (time.perf_counter() - self._clock) * 1000

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        arguments = (status, headers, exc_info) if exc_info else (status, headers)
        self._write = self._start_response(*arguments)
        self.status = status[:3]
        return self.write

    def write(self, data: bytes) -> None:
        self.passed(data)
        self._write(data)

    def passed(self, piece: bytes) -> None:
        self.sent += len(piece)

    def failed(self) -> None:
        if not self.sent:
            self.status = '500'  # nothing is on its way, so that the server answers with this
        self.ended()

    def ended(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            access_logger.info(line(self))

    exhausted = ended


def _common(exchange: _Exchange) -> str:
    environ = exchange.environ
    address = _field(environ.get('REMOTE_ADDR'))
    user = _field(environ.get('REMOTE_USER'))
    protocol = environ.get('SERVER_PROTOCOL', '')
    target = f'{_quoted_path(exchange.path)}?{exchange.query}' if exchange.query else _quoted_path(exchange.path)
    request = _escaped(f'{exchange.method} {target} {protocol}')
    status = _escaped(exchange.status) or '-'
    return f'{address} - {user} [{_clf_time(int(exchange.began))}] "{request}" {status} {exchange.sent or "-"}'


def _combined(exchange: _Exchange) -> str:
    referer = _escaped(exchange.environ.get('HTTP_REFERER') or '-')
    agent = _escaped(exchange.environ.get('HTTP_USER_AGENT') or '-')
    return f'{_common(exchange)} "{referer}" "{agent}"'


def _json(exchange: _Exchange) -> str:
    environ = exchange.environ
    return json.dumps(
        {
            'time': datetime.fromtimestamp(exchange.began, UTC).astimezone().isoformat(timespec='milliseconds'),
            'remote_addr': environ.get('REMOTE_ADDR') or None,
            'method': exchange.method,
            'path': _quoted_path(exchange.path),
            'query': exchange.query,
            'protocol': environ.get('SERVER_PROTOCOL'),
            'status': int(exchange.status) if exchange.status.isdecimal() else None,
            'bytes': exchange.sent,
            'duration_ms': round(exchange.milliseconds, 3),
            'referer': environ.get('HTTP_REFERER'),
            'user_agent': environ.get('HTTP_USER_AGENT'),
            'host': environ.get('HTTP_HOST'),
        }
    )


FORMATS = {'common': _common, 'combined': _combined, 'json': _json}


@lru_cache(64)
def _clf_time(second: int) -> str:
    local = time.localtime(second)
    return time.strftime(f'%d/{MONTHS[local.tm_mon - 1]}/%Y:%H:%M:%S %z', local)


def _quoted_path(path: str) -> str:
    """Return a path with percent-encoding, as it stood on the request line."""
    if _plain_path(path):
        return path
    return quote(path, PATH_CHARACTERS, 'latin-1', 'backslashreplace')


def _escaped(text: str) -> str:
    """Return a text in which no character of the client's can end its field or its line."""
    if text.isascii() and text.isprintable() and '"' not in text and '\\' not in text:
        return text
    return text.encode('unicode_escape').decode('ascii').replace('"', '\\"')


def _field(text: str | None) -> str:
    """Return a text for a field without quotation marks, which a blank would end."""
    return _escaped(text).replace(' ', '\\x20') if text else '-'


# Where the lines go


def configure(options: ServerOptions) -> None:
    """Make the loggers speak where the program has not configured logging for them.

    A logger that has a handler, its own or that of a parent, keeps what it has; but an `access_log_file` is written in
    any case. The level becomes INFO unless one is set. What an earlier call has added is replaced.

    Parameters:
        options: `access_log`, `access_log_file` and `quiet` are looked at.

    Raises:
        ServerOptionError: the file cannot be opened.
    """
    _make_ours(server_logger)
    if not server_logger.hasHandlers():
        server_logger.addHandler(_server_handler(options.quiet))
    if options.access_log in FORMATS:
        _make_ours(access_logger)
        if options.access_log_file or not access_logger.hasHandlers():
            access_logger.addHandler(_access_handler(options.access_log_file))


def _make_ours(logger: logging.Logger) -> None:
    """Give a logger its level, and take from it the handlers of an earlier call."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    for handler in logger.handlers.copy():
        if isinstance(handler, StandardHandler | AccessFile):
            logger.removeHandler(handler)
            handler.close()


def _server_handler(quiet: bool) -> StandardHandler:
    handler = StandardHandler('stderr')
    handler.setFormatter(logging.Formatter('bottle: %(message)s'))
    if quiet:
        handler.setLevel(logging.WARNING)
    return handler


def _access_handler(path: str | None) -> logging.Handler:
    if path is None:
        return StandardHandler('stdout')
    try:
        return AccessFile(path, encoding='ascii', errors='backslashreplace')
    except OSError as error:
        raise ServerOptionError(
            f'the access log {path!r} cannot be opened ({error.strerror}): create its folder, or give another path'
        ) from error


class AccessFile(logging.FileHandler):
    """Appends lines to a file that others may not read."""

    def _open(self) -> Any:
        return open(self.baseFilename, 'a', encoding=self.encoding, errors=self.errors, opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


class StandardHandler(logging.StreamHandler['StandardStream']):
    """Writes lines to what is standard output or standard error at that time.

    Parameters:
        name: `stdout` or `stderr`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(StandardStream(name))


class StandardStream:
    """A standard stream, looked up whenever something is written; what it cannot take any more is lost in silence.

    Parameters:
        name: `stdout` or `stderr`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> None:
        """Write a text, if there is a stream that takes it."""
        stream: TextIO | None = getattr(sys, self._name)
        if stream is None:
            return
        try:
            stream.write(text)
            if not getattr(stream, 'line_buffering', False):
                stream.flush()
        except BrokenPipeError:
            _abandon(stream)
        except (OSError, ValueError):  # no space, or closed
            return

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, as PEP 3333 wants it of `wsgi.errors`."""
        self.write(''.join(lines))

    def flush(self) -> None:
        """Do nothing: each line is flushed when it is written."""


def _abandon(stream: TextIO) -> None:
    """Let a pipe that nobody reads any more end nowhere; else what is left in its buffer would fail the exit, too."""
    with contextlib.suppress(OSError, ValueError):
        number = stream.fileno()  # a stream without one has no pipe
        _exchange(number, os.open(os.devnull, os.O_WRONLY), inheritable=True)


def _exchange(number: int, opened: int, *, inheritable: bool) -> None:
    """Let a descriptor stand for another open file, in one system call."""
    try:
        os.dup2(opened, number, inheritable)
    finally:
        os.close(opened)


def reopen() -> None:
    """Reopen every log file of this process, the program's own included: after they have been renamed.

    A descriptor is exchanged in one system call, so that no line is lost, however many threads write, and whichever
    line a signal has interrupted. Files are appended to. One that cannot be opened is reported, and the old one kept.
    """
    for reference in vars(logging)['_handlerList'].copy():  # what `logging.shutdown` goes through: all there are
        handler = reference()
        if isinstance(handler, logging.FileHandler):
            _reopen(handler)


def _reopen(handler: logging.FileHandler) -> None:
    handler.acquire()
    try:
        stream = handler.stream
        if stream is None:
            return
        with contextlib.suppress(OSError, RuntimeError):  # the disk is full, or a signal has interrupted a line
            stream.flush()
        number = stream.fileno()
        mode = FILE_MODE if isinstance(handler, AccessFile) else 0o666
        opened = os.open(handler.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
        _exchange(number, opened, inheritable=False)
    except (OSError, ValueError) as error:
        server_logger.warning('the log file %s cannot be reopened: %s', handler.baseFilename, error)
    finally:
        handler.release()


def ensure_standard_streams() -> None:
    """Open what is closed of the three standard streams on the null device.

    Else a socket or a file would get the number of standard error, and be written to by whoever means that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            os.set_inheritable(opened, True)
    for name, mode in (('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w')):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding='utf-8', errors='backslashreplace', closefd=False))
