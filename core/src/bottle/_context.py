"""What belongs to the one request that is being answered, found again through a context variable.

A context variable (PEP 567) is local to each thread, each asyncio task and, with greenlet >= 1.0, each greenlet: the same
code is right under every concurrency model and nothing has to be monkey-patched.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottle.datastructures import HeaderDict


class RequestContext:
    """The state behind the proxies `bottle.request` and `bottle.response` while one request is handled.

    Parameters:
        environ: the request's WSGI environ (PEP 3333, section "environ Variables").

    `headers` and `cookies` stay None until somebody sets one: most responses never need them.
    """

    __slots__ = ('body', 'cookies', 'environ', 'headers', 'status_code', 'status_line')

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.status_code = 200
        self.status_line = '200 OK'
        self.headers: HeaderDict | None = None
        self.cookies: Any = None
        self.body: Any = ''


current: ContextVar[RequestContext] = ContextVar('bottle.request_context')
