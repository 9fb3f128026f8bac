"""Responses: BaseResponse and its kinds, the proxy `response`, and those that are raised: HTTPResponse, HTTPError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from bottle._context import RequestContext, ResponseState, active_context, current
from bottle._util import html_escape, settings
from bottle.datastructures import HeaderDict, MultiDict
from bottle.errors import BottleException
from bottle.httputil import HTTP_STATUS_LINES, http_date, parse_date, to_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    Headers = Mapping[str, Any] | Iterable[tuple[str, Any]]

_CONTROL = re.compile(r'[\x00-\x1f\x7f]')


class HeaderProperty:
    """A property that reads and writes one header field of a response.

    Parameters:
        name: the name of the field.
        reader: turns the field's text into the value; the text itself if None.
        writer: turns a value into the field's text; `str` if None.
        default: the text that is assumed if there is no such field; None skips the reader.
    """

    def __init__(
        self,
        name: str,
        reader: Callable[[Any], Any] | None = None,
        writer: Callable[[Any], str] | None = None,
        default: Any = '',
    ) -> None:
        self.name = name
        self.reader = reader
        self.writer: Callable[[Any], str] = writer or str
        self.default = default
        self.__doc__ = f'The header field {name}; setting and deleting it changes the response.'

    def __get__(self, obj: BaseResponse | None, _cls: type | None = None) -> Any:
        if obj is None:
            return self
        value = obj.get_header(self.name, self.default)
        return value if self.reader is None or value is None else self.reader(value)

    def __set__(self, obj: BaseResponse, value: Any) -> None:
        obj[self.name] = self.writer(value)

    def __delete__(self, obj: BaseResponse) -> None:
        del obj[self.name]


def _read_date(text: str) -> datetime | None:
    from datetime import UTC, datetime

    seconds = parse_date(text)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def status_line(status: int | str) -> tuple[int, str]:
    """Return code and status line (RFC 9112 section 4, without the version) of what was given as a status.

    Parameters:
        status: a code, or a code and a reason phrase, such as `404 Brain not found`.

    Raises:
        ValueError: the code is not within 100 and 999, there is no reason phrase, or it holds control characters.
    """
    if isinstance(status, int):
        code, line = int(status), HTTP_STATUS_LINES.get(status) or f'{status} Unknown'
    else:
        line = status.strip()
        number, space, _ = line.partition(' ')
        if not space:
            raise ValueError(f'A status line needs a code and a reason phrase: {status!r}')
        if _CONTROL.search(status):
            raise ValueError(f'A status line must not contain control characters: {status!r}')
        code = int(number)
    if not 100 <= code <= 999:
        raise ValueError(f'Status code out of range: {code}')
    return code, line


def wire_headers(
    state: ResponseState,
    content_type: str | None,
    bad_headers: Mapping[int, frozenset[str]],
    length: int | None = None,
) -> list[tuple[str, str]]:
    """Return the header fields of a response as `start_response` wants them (PEP 3333).

    Parameters:
        state: the response.
        content_type: the `Content-Type` of a response that sets none.
        bad_headers: by status code, the fields that such a response must not have.
        length: the `Content-Length` in bytes of a response that sets none.

    Returns:
        Pairs of name and value, both native strings: what is not ASCII is UTF-8 read as ISO-8859-1.
    """
    bad = bad_headers.get(state.status_code)
    if state.headers is None and state.cookies is None and bad is None and content_type:
        # Most responses.
        plain = ('Content-Type', content_type)
        return [plain] if length is None else [('Content-Length', str(length)), plain]
    own: dict[str, list[str]] = {}
    fields = []
    if state.headers is not None:
        own = state.headers.dict
        fields = [(name, to_wire(value)) for name, values in own.items() for value in values]
    if length is not None and 'Content-Length' not in own:
        fields.append(('Content-Length', str(length)))
    if content_type and 'Content-Type' not in own:
        fields.append(('Content-Type', content_type))
    if bad is not None:
        fields = [field for field in fields if field[0] not in bad]
    if state.cookies:
        fields.extend(('Set-Cookie', to_wire(cookie)) for cookie in state.cookies.values())
    return fields


class BaseResponse:
    """A response: status, header fields, cookies and body.

    Parameters:
        body: what a handler may return: text, bytes, a file, an iterable.
        status: a code or a status line, see the property `status`; `default_status` if None.
        headers: a mapping or pairs of names and values.
        more_headers: further fields, with underscores for dashes: `X_Request_Id='1'`.

    Attributes:
        default_status: the status of a response that sets none.
        default_content_type: the `Content-Type` of a response that sets none.
        bad_headers: by status code, the fields that are not sent (RFC 9110 sections 15.3.5 and 15.4.5).
    """

    default_status: ClassVar[int] = 200
    default_content_type: ClassVar[str] = 'text/html; charset=UTF-8'
    bad_headers: ClassVar[Mapping[int, frozenset[str]]] = {
        204: frozenset(('Content-Type', 'Content-Length')),
        304: frozenset(
            (
                'Allow',
                'Content-Encoding',
                'Content-Language',
                'Content-Length',
                'Content-Range',
                'Content-Type',
                'Content-Md5',
                'Last-Modified',
            )
        ),
    }

    content_type = HeaderProperty('Content-Type')
    content_length = HeaderProperty('Content-Length', reader=int, default=-1)
    expires = HeaderProperty('Expires', reader=_read_date, writer=http_date, default=None)

    def __init__(
        self, body: Any = '', status: int | str | None = None, headers: Headers | None = None, **more_headers: Any
    ) -> None:
        self._own = ResponseState()
        self._fill(body, status, headers, more_headers)

    def _fill(self, body: Any, status: int | str | None, headers: Headers | None, more: dict[str, Any]) -> None:
        self._state.body = body
        self.status = status or self.default_status
        for name, value in [*_pairs(headers or ()), *more.items()]:
            self.add_header(name, value)

    @property
    def _state(self) -> ResponseState:
        return self._own

    def copy(self, cls: type[BaseResponse] | None = None) -> Any:
        """Return a copy without the body.

        Parameters:
            cls: the class of the copy, BaseResponse if None.

        Raises:
            TypeError: `cls` is not a subclass of BaseResponse.
        """
        cls = cls or BaseResponse
        if not issubclass(cls, BaseResponse):
            raise TypeError(f'Not a subclass of BaseResponse: {cls!r}')
        copy = cls()
        transfer(self._state, copy._state)
        copy.body = ''
        return copy

    @property
    def body(self) -> Any:
        """What will be sent, as a handler would return it."""
        return self._state.body

    @body.setter
    def body(self, value: Any) -> None:
        self._state.body = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.body)

    def close(self) -> None:
        """Close the body if it can be closed."""
        if hasattr(self.body, 'close'):
            self.body.close()

    @property
    def status(self) -> Any:
        """The status line such as `404 Not Found`. May be set to a code, or to a code with a reason phrase.

        Raises:
            ValueError: on setting: see `status_line`.
        """
        return self._state.status_line

    @status.setter
    def status(self, value: int | str) -> None:
        state = self._state
        state.status_code, state.status_line = status_line(value)

    @property
    def status_line(self) -> str:
        """The status line such as `404 Not Found`."""
        return self._state.status_line

    @property
    def status_code(self) -> int:
        """The status code as a number (RFC 9110 section 15)."""
        return self._state.status_code

    @property
    def headers(self) -> HeaderDict:
        """The header fields, as a dict without case that keeps several values per name."""
        state = self._state
        if state.headers is None:
            state.headers = _header_dict({})
        return state.headers

    def __contains__(self, name: str) -> bool:
        headers = self._state.headers
        return headers is not None and name in headers

    def __delitem__(self, name: str) -> None:
        del self.headers[name]

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.headers[name] = value

    def get_header(self, name: str, default: Any = None) -> Any:
        """Return the newest value of a header field, or the default if it is not set."""
        headers = self._state.headers
        return default if headers is None else headers.get(name, default)

    def set_header(self, name: str, value: Any) -> None:
        """Set a header field and drop what was set for it before.

        Raises:
            ValueError: the name is not a token, or the value holds control characters (RFC 9110 section 5).
        """
        self.headers[name] = value

    def add_header(self, name: str, value: Any) -> None:
        """Add a header field to those of the same name.

        Raises:
            ValueError: the name is not a token, or the value holds control characters (RFC 9110 section 5).
        """
        self.headers.append(name, value)

    def iter_headers(self) -> Iterator[tuple[str, str]]:
        """Return an iterator over names and values as they are sent; those not allowed for the status are left out."""
        return iter(self.headerlist)

    @property
    def headerlist(self) -> list[tuple[str, str]]:
        """Names and values as they are sent: native strings (PEP 3333, "Unicode Issues")."""
        return wire_headers(self._state, self.default_content_type, self.bad_headers)

    @property
    def charset(self) -> str:
        """The charset that the `Content-Type` names; UTF-8 if it names none."""
        return charset_of(self.content_type)

    def set_cookie(
        self, name: str, value: str, secret: str | bytes | None = None, digestmod: Any = None, **options: Any
    ) -> None:
        """Set a cookie (RFC 6265 section 4.1).

        Parameters:
            name: its name.
            value: its text.
            secret: signs the cookie, so that the client can read it but not forge it; see `BaseRequest.get_cookie`.
            digestmod: the hash of the signature, SHA-256 if None.
            options: its attributes: `max_age` in seconds, `expires`, `domain`, `path`, `secure`, `httponly`,
                `samesite`; see `bottle.cookies.dump_cookie`.

        Raises:
            TypeError: the value is not text, or an option is unknown.
            ValueError: the cookie is too large, or a part of it cannot stand in a header field.
        """
        from bottle.cookies import dump_cookie, sign_cookie

        if not isinstance(value, str):
            raise TypeError(f'A cookie holds text, not {type(value).__name__}. Turn other values into JSON first.')
        content = sign_cookie(name, value, secret, digestmod) if secret else value
        cookie = dump_cookie(name, content, **options)
        state = self._state
        state.cookies = {**(state.cookies or {}), name: cookie}

    def delete_cookie(self, key: str, **kwargs: Any) -> None:
        """Let the client forget a cookie. Give the same `domain` and `path` as when it was set."""
        kwargs['max_age'] = -1
        kwargs['expires'] = 0
        self.set_cookie(key, '', **kwargs)

    def __repr__(self) -> str:
        return ''.join(f'{name}: {value}\n' for name, value in self.headerlist)


def _pairs(headers: Headers) -> Iterable[tuple[str, Any]]:
    if isinstance(headers, MultiDict):
        return headers.allitems()
    return headers.items() if isinstance(headers, Mapping) else headers


def transfer(source: ResponseState, target: ResponseState) -> None:
    """Make one response equal to another; fields and cookies are copied, so that later changes stay apart."""
    target.status_code = source.status_code
    target.status_line = source.status_line
    target.headers = None if source.headers is None else _copied(source.headers)
    target.cookies = None if source.cookies is None else dict(source.cookies)
    target.body = source.body


def _header_dict(fields: dict[str, list[str]]) -> HeaderDict:
    """Return a HeaderDict of fields that have been checked; its constructor is slow because it checks them."""
    headers = HeaderDict.__new__(HeaderDict)
    headers.dict = fields
    return headers


def _copied(headers: HeaderDict) -> HeaderDict:
    return _header_dict({name: values.copy() for name, values in headers.dict.items()})


def charset_of(content_type: str) -> str:
    """Return the charset that a `Content-Type` names (RFC 9110 section 8.3.2); UTF-8 if it names none."""
    _, found, rest = content_type.partition('charset=')
    return rest.partition(';')[0].strip().strip('"') if found else 'UTF-8'


#: The response that most programs build themselves.
Response = BaseResponse


class LocalResponse(BaseResponse):
    """The response to the request that is being handled, whichever thread, greenlet or task asks: `bottle.response`.

    The parameters are those of BaseResponse; `bind` is called with them if there are any.
    """

    def __init__(
        self, body: Any = '', status: int | str | None = None, headers: Headers | None = None, **more_headers: Any
    ) -> None:
        if body or status or headers or more_headers:
            self.bind(body, status, headers, **more_headers)

    @property
    def _state(self) -> ResponseState:
        return active_context()

    def bind(
        self, body: Any = '', status: int | str | None = None, headers: Headers | None = None, **more_headers: Any
    ) -> None:
        """Begin a new response in the current context; the parameters are those of BaseResponse."""
        context = current.get(None)
        if context is None:
            current.set(RequestContext({}))
        else:
            transfer(ResponseState(), context)
        self._fill(body, status, headers, more_headers)


response = LocalResponse()


class HTTPResponse(BaseResponse, BottleException):
    """A response that a handler returns or raises; it replaces what was set on `response`.

    The parameters are those of BaseResponse.
    """

    def apply(self, other: BaseResponse) -> None:
        """Make another response equal to this one."""
        transfer(self._state, other._state)


class HTTPError(HTTPResponse):
    """A response that the application's error handlers turn into a page.

    Parameters:
        status: the status, 500 if None.
        body: the text that tells what is wrong.
        exception: what went wrong, if it was an exception.
        traceback: its traceback as text; shown in debug mode only.
        more_headers: further header fields.
    """

    default_status = 500

    def __init__(
        self,
        status: int | str | None = None,
        body: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
        **more_headers: Any,
    ) -> None:
        self.exception = exception
        self.traceback = traceback
        super().__init__(body, status, **more_headers)

    @property
    def request_path(self) -> str:
        """The path of the request that failed; empty outside of a request."""
        context = current.get(None)
        environ = context.environ if context is not None else {}
        return f'{environ.get("SCRIPT_NAME", "")}{environ.get("PATH_INFO", "")}'

    @property
    def report(self) -> str:
        """What went wrong and where, as HTML, in debug mode; otherwise empty."""
        if not settings.debug or self.exception is None:
            return ''
        parts = [('Exception', repr(self.exception)), ('Traceback', self.traceback or '')]
        return ''.join(f'<h2>{title}:</h2>\n<pre>{html_escape(text)}</pre>\n' for title, text in parts if text)


def abort(code: int = 500, text: str = 'Unknown Error.') -> NoReturn:
    """Stop the handler and answer with an error.

    Parameters:
        code: the status code.
        text: what is wrong, for the error page.

    Raises:
        HTTPError: always.
    """
    raise HTTPError(code, text)


#: The default error page, a SimpleTemplate that needs nothing but the HTTPError `e`.
ERROR_PAGE_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<title>Error: {{e.status}}</title>
<style>
html {background-color: #eee; font-family: sans-serif}
body {background-color: #fff; border: 1px solid #ddd; padding: 15px; margin: 15px}
pre {background-color: #eee; border: 1px solid #ddd; padding: 5px; white-space: pre-wrap}
</style>
</head>
<body>
<h1>Error: {{e.status}}</h1>
<p>Sorry, the requested URL <code>{{e.request_path}}</code> caused an error:</p>
<pre>{{e.body}}</pre>
{{!e.report}}</body>
</html>
"""
_OWN_TEMPLATE = ERROR_PAGE_TEMPLATE


def error_page_is_replaced() -> bool:
    """Return whether a program has put a template of its own in the place of `ERROR_PAGE_TEMPLATE`."""
    return ERROR_PAGE_TEMPLATE is not _OWN_TEMPLATE


def error_page(error: HTTPError) -> str:
    """Return the default error page.

    It is filled in here, not by SimpleTemplate: an error page must not depend on machinery that may be what failed.
    """

    def field(match: re.Match[str]) -> str:
        text = str(getattr(error, match[2]))
        return text if match[1] else html_escape(text)

    return re.sub(r'\{\{(!?)e\.(\w+)\}\}', field, ERROR_PAGE_TEMPLATE)
