"""Requests as an application is to see them, and its responses as a client is to read them: what bjoern gets wrong."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any, cast

from bottle.serving.accepted import file_in_blocks, has_good_head, in_own_context, with_write
from bottle.serving.responses import strict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

CLOSE = ('Connection', 'close')


class MendedApplication:
    """An application for bjoern, which answers only those requests that can be read in one way.

    Parameters:
        handler: the WSGI application.
        names: what the environ of every request holds.
        descriptor: that of a socket.
        is_draining: returns whether no connection is to be used again.
    """

    def __init__(
        self, handler: WSGIApplication, names: Environ, descriptor: int, is_draining: Callable[[], bool]
    ) -> None:
        self._handler = with_write(in_own_context(strict(handler)))
        self._names = names
        self._descriptor = descriptor
        self._is_draining = is_draining

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application, unless the request is faulty: that is refused."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            dated = any(name.lower() == 'date' for name, _ in headers)
            date = [] if dated else [('Date', formatdate(usegmt=True))]
            return start_response(status, [*headers, *date, *([CLOSE] if self._is_draining() else [])], exc_info)

        environ |= self._names
        if not has_good_head(environ):
            start('400 Bad Request', [('Content-Length', '0'), CLOSE])
            # bjoern closes the connection when it is to send a file of which it cannot tell where it stands.
            return cast('Iterable[bytes]', environ['wsgi.file_wrapper'](self._descriptor))
        environ['wsgi.file_wrapper'] = file_in_blocks  # its own looks at no Content-Length
        return self._handler(environ, start)
