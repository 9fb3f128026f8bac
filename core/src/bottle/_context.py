"""What belongs to the one request that is being answered, found again through a context variable.

A context variable (PEP 567) is local to each thread, each asyncio task and, with greenlet >= 1.0, each greenlet: the
same code is right under every concurrency model and nothing has to be monkey-patched.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottle.datastructures import HeaderDict


class ResponseState:
    """What a response consists of.

    `headers` and `cookies` (name to the value of its `Set-Cookie` field) stay None until somebody sets one: most
    responses never need them.
    """

    __slots__ = ('body', 'cookies', 'headers', 'status_code', 'status_line')

    def __init__(self) -> None:
        self.status_code = 200
        self.status_line = '200 OK'
        self.headers: HeaderDict | None = None
        self.cookies: dict[str, str] | None = None
        self.body: Any = ''


class RequestContext(ResponseState):
    """The state behind the proxies `bottle.request` and `bottle.response` while one request is handled.

    Parameters:
        environ: the request's WSGI environ (PEP 3333, section "environ Variables").
    """

    __slots__ = ('environ',)

    # The fields are repeated, not inherited through super(): this runs once per request.
    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.status_code = 200
        self.status_line = '200 OK'
        self.headers = None
        self.cookies = None
        self.body = ''


current: ContextVar[RequestContext] = ContextVar('bottle.request_context')


def active_context() -> RequestContext:
    """Return the context of the request that is being handled.

    Raises:
        RuntimeError: none is: `request` or `response` was used outside of a handler.
    """
    context = current.get(None)
    if context is None:
        raise RuntimeError('`request` and `response` can only be used while a request is handled, or after `bind()`')
    return context
