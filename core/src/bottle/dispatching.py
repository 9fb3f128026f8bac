"""From a request to its response: hooks, the call of the handler, error pages, and the body as WSGI wants it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from bottle._context import RequestContext, current
from bottle._util import load, settings
from bottle.casting import Stream, charset, critical_answer, discard, encode, file_body, join, log
from bottle.config import ConfigDict
from bottle.httputil import from_wire, is_host, known_hosts, to_wire
from bottle.responses import (
    HTTPError,
    HTTPResponse,
    error_page,
    error_page_is_replaced,
    response,
    transfer,
    wire_headers,
)
from bottle.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Handler = TypeVar('Handler', bound=Callable[..., Any])

# RFC 9110 sections 15.2, 15.3.5 and 15.4.5: these responses have no content.
_WITHOUT_BODY = frozenset((100, 101, 102, 103, 204, 304))

# How often error handlers may answer with yet another error before somebody must be going in circles.
_MAX_REDIRECTIONS = 16


class Dispatcher:
    """The part of an application that answers requests; `Bottle` adds what programs are built with.

    Attributes:
        config: the configuration, a ConfigDict; changes trigger the hook `config`.
        router: the Router that finds the route of a request.
        error_handler: the error handlers by status code.

    Attributes once set cannot be replaced: two plugins that claim the same name would disturb each other silently.
    """

    def __init__(self) -> None:
        self._hooks: dict[str, list[Callable[..., Any]]] = {
            name: [] for name in ('before_request', 'after_request', 'app_reset', 'config')
        }
        # The same lists once more: whether there are any is asked at every request.
        self._before = self._hooks['before_request']
        self._after = self._hooks['after_request']
        self.config = ConfigDict()
        self.config._add_change_listener(self._config_changed)
        self.config._define('catchall', default=True, validate=bool, help='Turn exceptions into error pages.')
        self.router = Router()
        self.error_handler: dict[int, Callable[[HTTPError], Any]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise AttributeError(f'Attribute {name} already defined. Plugin conflict?')
        object.__setattr__(self, name, value)

    @property
    def catchall(self) -> bool:
        """Whether exceptions become error pages (the default) or reach what is around the application."""
        return bool(self.config['catchall'])

    @catchall.setter
    def catchall(self, value: bool) -> None:
        self.config['catchall'] = value

    # Hooks

    def _config_changed(self, config: ConfigDict, key: str, value: Any) -> None:
        self.trigger_hook('config', config, key, value)

    def add_hook(self, name: str, func: Callable[..., Any]) -> None:
        """Call a function at certain moments.

        Parameters:
            name: `before_request` (nothing is known but the request), `after_request` (whatever happened; these are
                called in reverse order), `app_reset`, `config` (called with the ConfigDict, key and value).
            func: the function.

        Raises:
            KeyError: there is no such hook.
        """
        hooks = self._hooks[name]
        if name == 'after_request':
            hooks.insert(0, func)
        else:
            hooks.append(func)

    def remove_hook(self, name: str, func: Callable[..., Any]) -> bool:
        """Stop calling a function that `add_hook` added; return whether it was there."""
        hooks = self._hooks[name]
        if func not in hooks:
            return False
        hooks.remove(func)
        return True

    def trigger_hook(self, __name: str, /, *args: Any, **kwargs: Any) -> list[Any]:
        """Call all functions of a hook and return their results."""
        return [hook(*args, **kwargs) for hook in self._hooks[__name][:]]

    def hook(self, name: str) -> Callable[[Handler], Handler]:
        """Return a decorator that adds a function to a hook, see `add_hook`."""

        def decorator(func: Handler) -> Handler:
            self.add_hook(name, func)
            return func

        return decorator

    # Errors

    def error(self, code: int = 500, callback: Any = None) -> Callable[[Handler], Handler]:
        """Bind a handler to a status code, as a decorator or directly.

        Parameters:
            code: the status code.
            callback: takes the HTTPError and returns what any handler may return; or `module:name` of it.
        """

        def decorator(handler: Any) -> Any:
            self.error_handler[int(code)] = load(handler) if isinstance(handler, str) else handler
            return handler

        result: Callable[[Handler], Handler] = decorator(callback) if callback else decorator
        return result

    def default_error_handler(self, res: HTTPError) -> Any:
        """Return the page for errors that no handler is bound to; in debug mode, for exceptions, one for developers."""
        context = current.get(None)
        if not settings.debug or res.exception is None or context is None or error_page_is_replaced():
            return error_page(res)
        from bottle.debugging import answer

        headers, text = answer(res.exception, context.environ, f'{res.status}: {res.body}', res.traceback or '')
        response.headers.update(headers)
        return text

    def _catches(self, error: Exception) -> bool:
        return self.catchall and not isinstance(error, MemoryError)

    def _internal_error(
        self, error: Exception, environ: WSGIEnvironment, text: str = 'Internal Server Error'
    ) -> HTTPError:
        from traceback import format_exception

        report = ''.join(format_exception(error))
        log(environ, report)
        environ['bottle.exc_info'] = (type(error), error, error.__traceback__)
        return HTTPError(500, text, error, report)

    # Answering a request

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333, "The Application/Framework Side")."""
        return self.wsgi(environ, start_response)

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: the WSGI application itself, which middleware may replace.

        Parameters:
            environ: the request.
            start_response: takes status and header fields.

        Returns:
            The body.

        Raises:
            Exception: only with `catchall` switched off, and MemoryError.
        """
        context = RequestContext(environ)
        current.set(context)
        body: Iterable[bytes] = ()
        try:
            path = environ.get('PATH_INFO', '')
            environ['bottle.app'] = self
            environ['bottle.raw_path'] = path
            if not path.isascii():
                environ['PATH_INFO'] = from_wire(path)
            if self._before or self._after:
                body = self._answer_with_hooks(context)
            else:
                out = self._answer(environ)
                plain = context.headers is None is context.cookies and context.status_line == '200 OK'
                content_type = response.default_content_type
                if plain and type(out) is str and out and content_type and environ['REQUEST_METHOD'] != 'HEAD':
                    # A short cut for by far the most frequent result: text, and nothing said about it.
                    data = out.encode('utf8', 'surrogateescape')
                    start_response('200 OK', [('Content-Length', str(len(data))), ('Content-Type', content_type)])
                    return [data]
                body = self._cast(out, context)
            return self._start(context, body, start_response)
        except Exception as error:
            if not self._catches(error):
                discard(body)
                raise
            return self._last_resort(error, body, environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Any:
        try:
            if environ.get('HTTP_HOST') not in known_hosts:
                _check_host(environ)
            return self._call_route(environ)
        except HTTPResponse as raised:
            return raised
        except Exception as error:
            if not self._catches(error):
                raise
            return self._internal_error(error, environ)

    def _call_route(self, environ: WSGIEnvironment) -> Any:
        route, args = self.router.match(environ)
        environ['route.handle'] = environ['bottle.route'] = route
        environ['route.url_args'] = args
        return route.call(**args)

    def _answer_with_hooks(self, context: RequestContext) -> Iterable[bytes]:
        try:
            out = self._call_between_hooks(context)
        except HTTPResponse as raised:
            return self._cast(raised, context)
        except Exception as error:
            if not self._catches(error):
                raise
            return self._cast(self._internal_error(error, context.environ), context)
        # What was returned has been applied already, and the hooks have added to it.
        return self._cast(out, context, applied=True)

    def _call_between_hooks(self, context: RequestContext) -> Any:
        out: Any = None
        try:
            if context.environ.get('HTTP_HOST') not in known_hosts:
                _check_host(context.environ)
            self.trigger_hook('before_request')
            out = self._call_route(context.environ)
        except HTTPResponse as raised:
            out = raised
        finally:
            if isinstance(out, HTTPResponse):
                transfer(out._state, context)
            self.trigger_hook('after_request')
        return out

    def _start(self, context: RequestContext, body: Iterable[bytes], start_response: StartResponse) -> Iterable[bytes]:
        """Call `start_response` and return the body, empty where there must be none."""
        environ = context.environ
        length = None
        if type(body) is list and len(body) < 2:
            length = len(body[0]) if body else 0
        if context.status_code in _WITHOUT_BODY or environ['REQUEST_METHOD'] == 'HEAD':
            discard(body)
            body = []
            # RFC 9110 section 8.6: never with a 1xx response.
            length = None if context.status_code < 200 else length
        headers = wire_headers(context, response.default_content_type, response.bad_headers, length)
        status = context.status_line
        if not status.isascii():
            status = to_wire(status)
        if 'bottle.exc_info' in environ:
            start_response(status, headers, environ.pop('bottle.exc_info'))
        else:
            start_response(status, headers)
        return body

    def _cast(self, out: Any, context: RequestContext, *, applied: bool = False) -> Iterable[bytes]:
        """Return the body for what a handler returned: a list if it is complete, else an iterable of chunks."""
        if isinstance(out, HTTPResponse):
            out = self._resolve(out, context, applied=applied)
        if not out:
            discard(out)
            return []
        if isinstance(out, str):
            return [encode(out, context)]
        if isinstance(out, bytes):
            return [out]
        if isinstance(out, (list, tuple)) and isinstance(out[0], (str, bytes)):
            whole = [join(out, context)]
            discard(out)
            return whole
        if hasattr(out, 'read'):
            return file_body(out, context.environ)
        return self._stream(out, context)

    def _resolve(self, out: HTTPResponse, context: RequestContext, *, applied: bool) -> Any:
        """Make `response` equal to an HTTPResponse and return its body, or what the error handler makes of it."""
        for _ in range(_MAX_REDIRECTIONS):
            if not applied:
                transfer(out._state, context)
            applied = False
            result = self._handle_error(out) if isinstance(out, HTTPError) else out.body
            if not isinstance(result, HTTPResponse):
                return result
            out = result
        raise RuntimeError('Error handlers answer with errors again and again')

    def _handle_error(self, error: HTTPError) -> Any:
        try:
            return self.error_handler.get(error.status_code, self.default_error_handler)(error)
        except HTTPResponse as raised:
            return raised

    def _stream(self, out: Any, context: RequestContext) -> Iterable[bytes]:
        """Return a body that comes piece by piece. Its first piece is awaited: until then errors become pages."""
        first: Any
        try:
            pieces = iter(out)
            first = next(filter(None, pieces), '')
        except HTTPResponse as raised:
            first = raised
        except Exception as error:
            discard(out)
            if not self._catches(error):
                raise
            return self._cast(self._internal_error(error, context.environ, 'Unhandled exception'), context)
        if isinstance(first, (str, bytes)) and first:
            return Stream(first, pieces, out, charset(context))
        discard(out)
        if first == '' or isinstance(first, HTTPResponse):
            return self._cast(first, context)
        return self._cast(HTTPError(500, f'Unsupported response type: {type(first)}'), context)

    def _last_resort(
        self, error: Exception, body: Any, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # The first error is the one to report.
        with suppress(Exception):
            discard(body)
        from traceback import format_exc

        report = format_exc()
        log(environ, report)
        headers, page = critical_answer(environ, error, report)
        start_response('500 INTERNAL SERVER ERROR', headers, sys.exc_info())
        return [] if environ.get('REQUEST_METHOD') == 'HEAD' else [page]


def _check_host(environ: WSGIEnvironment) -> None:
    """Refuse a request with an invalid `Host` (RFC 9112 section 3.2): handlers build links from it."""
    if not is_host(environ.get('HTTP_HOST')):
        raise HTTPError(400, 'Invalid Host')
