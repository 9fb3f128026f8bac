"""Servers that break one promise each, for the kit to find: `python -m bottle conformance broken:NeverCloses`."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from dataclasses import replace
from functools import partial
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from bottle.serving.builtin import WSGIRefServer
from bottle.serving.simple_server import RequestHandler

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import BufferedIOBase

    from bottle.serving.types import WSGIApplication


class Broken(WSGIRefServer):
    """Calls the application in a way of its own, and reads requests with a class of its own."""

    request_handler: type[RequestHandler] = RequestHandler

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        self.options['handler_class'] = self.request_handler
        super().serve(partial(self.call, handler), sockets)

    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return handler(environ, start)


class Sound(Broken):
    """Breaks nothing."""


class Unclosed:
    """What an application has returned, without a way to close it."""

    def __init__(self, result: Iterable[bytes]) -> None:
        self.result = result

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.result)


class TwiceClosed(Unclosed):
    """What is closed twice."""

    def close(self) -> None:
        for _ in range(2):
            getattr(self.result, 'close', bool)()


class NeverCloses(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return Unclosed(handler(environ, start))


class ClosesTwice(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return TwiceClosed(handler(environ, start))


class LeavesThePathEncoded(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return handler({**environ, 'PATH_INFO': quote(environ['PATH_INFO'], encoding='latin-1')}, start)


class DecodesThePathTwice(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return handler({**environ, 'PATH_INFO': unquote(environ['PATH_INFO'], 'latin-1')}, start)


class LosesChunkedBodies(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        chunked = environ['REQUEST_METHOD'] == 'POST' and not environ.get('CONTENT_LENGTH')
        return handler({**environ, 'wsgi.input': BytesIO()} if chunked else environ, start)


class BuffersStreams(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        result = handler(environ, start)
        try:
            yield b''.join(islice(result, 1000))  # some have no end
        finally:
            getattr(result, 'close', bool)()


class PortIsANumber(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return handler({**environ, 'SERVER_PORT': int(environ['SERVER_PORT'])}, start)


class LeaksTracebacks(Broken):
    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return handler(environ, start)
        except ValueError:  # what the application of the kit raises
            start('500 Internal Server Error', [('Content-Type', 'text/plain')], sys.exc_info())
            return [traceback.format_exc().encode()]


class DropsWhatRuns(Broken):
    def stop(self) -> None:
        os._exit(0)


class HeadEditor:
    """What is read from a client, with other lines in the head."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._in_head, self._has_length = True, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readline(self, *limit: int) -> bytes:
        line: bytes = self._stream.readline(*limit)
        self._in_head = self._in_head and line != b'\r\n'
        self._has_length = self._has_length or line.startswith(b'Content-Length')
        return self.edited(line) if self._in_head else line

    def edited(self, line: bytes) -> bytes:
        return line


class LengthsOnly(HeadEditor):
    """Shows no chunks behind a length."""

    def edited(self, line: bytes) -> bytes:
        hidden = self._has_length and line.lower().startswith(b'transfer-encoding')
        return b'X-Hidden: chunks\r\n' if hidden else line


class HyphensOnly(HeadEditor):
    """Shows underscores in names of headers as hyphens."""

    def edited(self, line: bytes) -> bytes:
        name, colon, value = line.partition(b':')
        return name.replace(b'_', b'-') + colon + value


class LengthHandler(RequestHandler):
    """Takes no notice of chunks where there is a length."""

    def setup(self) -> None:
        super().setup()
        self.rfile = cast('BufferedIOBase', LengthsOnly(self.rfile))


class PrefersContentLength(Broken):
    request_handler = LengthHandler


class UnderscoreHandler(RequestHandler):
    """Takes underscores in the names of headers for hyphens."""

    def setup(self) -> None:
        super().setup()
        self.rfile = cast('BufferedIOBase', HyphensOnly(self.rfile))


class BelievesUnderscores(Broken):
    request_handler = UnderscoreHandler


SURPLUS = threading.local()


class SurplusHandler(RequestHandler):
    """Sends what is left over of a body."""

    def finish(self) -> None:
        self.wfile.write(SURPLUS.__dict__.pop('body', b''))
        super().finish()


class SendsMoreThanDeclared(Broken):
    request_handler = SurplusHandler

    def call(self, handler: WSGIApplication, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        declared = sys.maxsize

        def counting(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal declared
            declared = int(dict(headers).get('Content-Length', sys.maxsize))
            return start(status, headers, *exc_info)

        result = handler(environ, counting)
        try:
            for piece in result:
                declared -= len(piece)
                if declared < 0 and environ['REQUEST_METHOD'] != 'HEAD':
                    SURPLUS.body = piece[declared:]
                yield piece
        finally:
            getattr(result, 'close', bool)()


class PromisesTooMuch(Broken):
    capabilities = replace(WSGIRefServer.capabilities, http2=True)


class PromisesTooLittle(Broken):
    capabilities = replace(WSGIRefServer.capabilities, file_wrapper=False)
