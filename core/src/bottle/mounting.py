"""WSGI applications below a path of a Bottle application."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from bottle._context import active_context, current
from bottle.casting import Stream
from bottle.httputil import from_wire, path_shift, to_wire
from bottle.responses import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None

# What a Bottle application below writes into the environ that it shares with its parent.
_OVERWRITTEN = (
    'SCRIPT_NAME',
    'PATH_INFO',
    'bottle.app',
    'bottle.raw_path',
    'bottle.route',
    'route.handle',
    'route.url_args',
)


def mountpoint(app: Callable[..., Any], depth: int) -> Callable[[], HTTPResponse]:
    """Return a handler that passes the request on to a WSGI application.

    Parameters:
        app: the WSGI application (PEP 3333).
        depth: how many path segments its SCRIPT_NAME has more than the parent's.
    """

    def call_mounted() -> HTTPResponse:
        context = active_context()
        environ = context.environ
        saved = {key: environ[key] for key in _OVERWRITTEN if key in environ}
        script_name = environ.get('SCRIPT_NAME', '')
        environ['SCRIPT_NAME'], environ['PATH_INFO'] = path_shift(script_name, to_wire(environ['PATH_INFO']), depth)
        try:
            return _call(app, environ)
        finally:
            environ.update(saved)
            current.set(context)

    return call_mounted


def _call(app: Callable[..., Any], environ: dict[str, Any]) -> HTTPResponse:
    answer = HTTPResponse([])
    written: list[bytes] = []
    started: list[bool] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None
    ) -> Callable[[bytes], object]:
        if exc_info and exc_info[1] is not None:
            # The parent handles errors; without headers sent, this is what PEP 3333 lets a server do.
            raise exc_info[1]
        started.append(True)
        answer.status = from_wire(status)
        answer.headers.clear()
        for name, value in headers:
            answer.add_header(name, from_wire(value))
        return written.append

    body = app(environ, start_response)
    if isinstance(body, list) and started and not written:
        answer.body = body
        return answer
    pieces: Iterator[bytes] = iter(body)
    # A generator calls start_response only when its first piece is asked for.
    head = [] if started else [next(pieces, b'')]
    answer.body = Stream(b'', chain(written, head, pieces), body, 'utf8')
    return answer
