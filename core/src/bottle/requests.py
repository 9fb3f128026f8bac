"""The request: BaseRequest over a WSGI environ, and the proxy `request` for the one that is being handled."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from bottle._context import RequestContext, active_context, current
from bottle._util import DictProperty, json_loads
from bottle.bodies import BodyError, BodyTooLarge, Guarded, chunked_reader, length_reader, read_exactly, spool
from bottle.cookies import parse_cookies, unsign_cookie
from bottle.datastructures import FormsDict, WSGIHeaderDict, forms_dict
from bottle.httputil import from_wire, is_host, parse_auth, parse_qsl, path_shift, to_wire
from bottle.responses import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, KeysView
    from urllib.parse import SplitResult

_EXT = 'bottle.request.ext.'
_JSON_TYPES = frozenset(('application/json', 'application/json-rpc'))

# What is computed from which key of the environ, and so must be forgotten when the key is set.
_FORM_CACHES = ('post', 'forms', 'files', 'params', 'json')
_URL_CACHES = ('urlparts',)
_DEPENDENTS: dict[str, tuple[str, ...]] = {
    'wsgi.input': ('body', 'body_error', *_FORM_CACHES),
    'CONTENT_TYPE': _FORM_CACHES,
    'HTTP_COOKIE': ('headers', 'cookies'),
    'HTTP_HOST': ('headers', *_URL_CACHES),
    'QUERY_STRING': ('query', 'params', *_URL_CACHES),
    'SCRIPT_NAME': _URL_CACHES,
    'PATH_INFO': _URL_CACHES,
    'SERVER_NAME': _URL_CACHES,
    'SERVER_PORT': _URL_CACHES,
    'wsgi.url_scheme': _URL_CACHES,
}


class BaseRequest:
    """A request: a WSGI environ (PEP 3333) with everything that is known about it.

    Costly values are computed at first use and kept in the environ under `bottle.request.…`. Attributes that an
    application sets (`request.user = …`) are kept there, too, and each can be set only once.

    Parameters:
        environ: the WSGI environ; an empty one if None. It is not copied.

    Attributes:
        environ: the WSGI environ.
        MEMFILE_MAX: bytes of the body that stay in memory; a longer body moves to a temporary file. JSON, urlencoded
            forms and the text fields of multipart forms must fit: more is answered with 413.
        BODY_MAX: bytes that a body may have at all; 413 beyond it. None leaves that to the server.
        FORM_PARTS_MAX: parts that a multipart form may have; 413 beyond it.
        FORM_HEADERS_MAX: header fields that each part may have; 413 beyond it.
        FORM_HEADER_SIZE_MAX: bytes that each of these may have; 413 beyond it.
    """

    __slots__ = ('environ',)

    MEMFILE_MAX: ClassVar[int] = 102400
    BODY_MAX: ClassVar[int | None] = None
    FORM_PARTS_MAX: ClassVar[int] = 1000
    FORM_HEADERS_MAX: ClassVar[int] = 16
    FORM_HEADER_SIZE_MAX: ClassVar[int] = 4096

    environ: dict[str, Any]

    def __init__(self, environ: dict[str, Any] | None = None) -> None:
        self.environ = {} if environ is None else environ
        self.environ['bottle.request'] = self

    # What the application puts there while it handles the request

    @DictProperty('environ', 'bottle.app', read_only=True)
    def app(self) -> Any:
        """The application that handles the request.

        Raises:
            RuntimeError: none does.
        """
        raise RuntimeError('This request is not connected to an application.')

    @DictProperty('environ', 'bottle.route', read_only=True)
    def route(self) -> Any:
        """The Route that matches the request.

        Raises:
            RuntimeError: none does.
        """
        raise RuntimeError('This request is not connected to a route.')

    @DictProperty('environ', 'route.url_args', read_only=True)
    def url_args(self) -> Any:
        """The values of the route's wildcards by name.

        Raises:
            RuntimeError: no route matches the request.
        """
        raise RuntimeError('This request is not connected to a route.')

    # The request line

    @property
    def method(self) -> str:
        """The method in upper case (RFC 9110 section 9)."""
        method: str = self.environ.get('REQUEST_METHOD', 'GET')
        return method.upper()

    @property
    def path(self) -> str:
        """The path below the application with exactly one slash in front.

        The application has put it into the environ as text; the native string of the server is in `bottle.raw_path`.
        """
        path: str = self.environ.get('PATH_INFO', '')
        return '/' + path.lstrip('/')

    @property
    def script_name(self) -> str:
        """The path of the application itself, as text, with a slash at both ends."""
        name = from_wire(self.environ.get('SCRIPT_NAME', '')).strip('/')
        return f'/{name}/' if name else '/'

    @property
    def fullpath(self) -> str:
        """The whole path, `script_name` included."""
        return self.script_name + self.path.lstrip('/')

    @property
    def query_string(self) -> str:
        """What follows the `?` in the URL, undecoded."""
        return str(self.environ.get('QUERY_STRING', ''))

    @property
    def url(self) -> str:
        """The URL of the request, as far as it is known here: a proxy in front may have been asked another one."""
        return self.urlparts.geturl()

    @DictProperty('environ', 'bottle.request.urlparts', read_only=True)
    def urlparts(self) -> SplitResult:
        """The URL as `urllib.parse.SplitResult`; the fragment is never sent by clients.

        It is built from `wsgi.url_scheme`, `HTTP_HOST` (or `SERVER_NAME` and `SERVER_PORT`), the path and the query
        string (PEP 3333, "URL Reconstruction"). `X-Forwarded-…` fields are not looked at: anybody can send them.
        Servers that trust a proxy put what it says into these keys.

        Raises:
            HTTPError: 400 if `HTTP_HOST` is not a host; an application answers such a request before any handler runs.
        """
        from urllib.parse import SplitResult, quote

        scheme = self.environ.get('wsgi.url_scheme', 'http')
        path = quote(self.fullpath, encoding='utf8', errors='surrogateescape')
        return SplitResult(scheme, self._host(scheme), path, self.query_string, '')

    def _host(self, scheme: str) -> str:
        host: str = self.environ.get('HTTP_HOST', '')
        if not is_host(host):
            raise HTTPError(400, 'Invalid Host')
        if host:
            return host
        host = self.environ.get('SERVER_NAME', '127.0.0.1')
        port = str(self.environ.get('SERVER_PORT', ''))
        usual = '443' if scheme == 'https' else '80'
        return f'{host}:{port}' if port and port != usual else host

    def path_shift(self, shift: int = 1) -> None:
        """Move path segments from `path` to `script_name`; back if `shift` is negative.

        Raises:
            AssertionError: there are not enough segments.
        """
        # SCRIPT_NAME is the native string of the server, PATH_INFO is text already.
        path = to_wire(self.environ.get('PATH_INFO', '/'))
        self['SCRIPT_NAME'], path = path_shift(self.environ.get('SCRIPT_NAME', '/'), path, shift)
        self['PATH_INFO'] = from_wire(path)

    # Header fields

    @DictProperty('environ', 'bottle.request.headers', read_only=True)
    def headers(self) -> WSGIHeaderDict:
        """The header fields, a read-only dict without case."""
        return WSGIHeaderDict(self.environ)

    def get_header(self, name: str, default: Any = None) -> Any:
        """Return the value of a header field, or the default."""
        return self.headers.get(name, default)

    @DictProperty('environ', 'bottle.request.cookies', read_only=True)
    def cookies(self) -> FormsDict:
        """The cookies. Their values are what the client claims: see `get_cookie` for signed ones."""
        return forms_dict(parse_cookies(self.environ.get('HTTP_COOKIE', '')))

    def get_cookie(
        self, key: str, default: Any = None, secret: str | bytes | None = None, digestmod: Any = None
    ) -> Any:
        """Return the value of a cookie.

        Parameters:
            key: its name.
            default: what to return if it is missing, empty, or not signed as it should.
            secret: the secret that it was signed with; None for cookies that are not signed.
            digestmod: the hash of the signature, SHA-256 if None.
        """
        value = self.cookies.get(key)
        if secret and value:
            value = unsign_cookie(key, value, secret, digestmod)
        return value or default

    @property
    def content_type(self) -> str:
        """The `Content-Type` in lower case, or an empty string."""
        return str(self.environ.get('CONTENT_TYPE', '')).lower()

    @property
    def content_length(self) -> int:
        """The declared length of the body in bytes, or -1 if none is declared.

        Raises:
            HTTPError: 400 if it is not a number (RFC 9110 section 8.6), 413 if it is beyond all reason.
        """
        declared = self.environ.get('CONTENT_LENGTH') or ''
        if not declared:
            return -1
        if not (isinstance(declared, str) and declared.isascii() and declared.isdecimal()):
            raise HTTPError(400, 'Invalid Content-Length')
        if len(declared) > 18:
            raise HTTPError(413, 'Request entity too large')
        return int(declared)

    @property
    def chunked(self) -> bool:
        """True if the body was sent in chunks (RFC 9112 section 7.1); `body` is decoded in any case."""
        return 'chunked' in self.environ.get('HTTP_TRANSFER_ENCODING', '').lower()

    @property
    def is_xhr(self) -> bool:
        """True if a script sent the request and says so (`X-Requested-With: XMLHttpRequest`)."""
        return bool(self.environ.get('HTTP_X_REQUESTED_WITH', '').lower() == 'xmlhttprequest')

    @property
    def is_ajax(self) -> bool:
        """The older name of `is_xhr`."""
        return self.is_xhr

    @property
    def auth(self) -> tuple[str, str | None] | None:
        """User and password of Basic authentication (RFC 7617), unchecked.

        If there are none but the server has authenticated the user (REMOTE_USER), the user and None; otherwise None.
        """
        basic = parse_auth(self.environ.get('HTTP_AUTHORIZATION', ''))
        if basic:
            return basic
        user = self.environ.get('REMOTE_USER')
        return (user, None) if user else None

    @property
    def remote_route(self) -> list[str]:
        """The address of the client in a list, empty if it is not known.

        Bottle 0.13 believed `X-Forwarded-For`, which anybody can send. Servers that trust a proxy put the client's
        address into REMOTE_ADDR.
        """
        address = self.environ.get('REMOTE_ADDR')
        return [address] if address else []

    @property
    def remote_addr(self) -> str | None:
        """The address of the client, or None if it is not known; see `remote_route`."""
        return self.environ.get('REMOTE_ADDR') or None

    # Fields of the query string and of forms

    @DictProperty('environ', 'bottle.request.query', read_only=True)
    def query(self) -> FormsDict:
        """The fields of the query string."""
        return forms_dict(parse_qsl(self.environ.get('QUERY_STRING', '')))

    #: The name of PHP and others. It has nothing to do with the method.
    GET = query

    @DictProperty('environ', 'bottle.request.forms', read_only=True)
    def forms(self) -> FormsDict:
        """The text fields of a urlencoded or multipart form in the body.

        Raises:
            HTTPError: 400 if the body is malformed, 413 if it is too large.
        """
        return forms_dict((name, value) for name, value in self.POST.allitems() if not _is_file(value))

    @DictProperty('environ', 'bottle.request.files', read_only=True)
    def files(self) -> FormsDict:
        """The files (FileUpload) of a multipart form in the body.

        Raises:
            HTTPError: 400 if the body is malformed, 413 if it is too large.
        """
        return forms_dict((name, value) for name, value in self.POST.allitems() if _is_file(value))

    @DictProperty('environ', 'bottle.request.params', read_only=True)
    def params(self) -> FormsDict:
        """The fields of the query string, then the text fields of the form.

        Raises:
            HTTPError: 400 if the body is malformed, 413 if it is too large.
        """
        fields = forms_dict(self.query.allitems())
        for name, value in self.forms.allitems():
            fields.append(name, value)
        return fields

    @DictProperty('environ', 'bottle.request.post', read_only=True)
    def _post(self) -> FormsDict:
        """The text fields and the files of the form in the body; any type but multipart is read as urlencoded.

        Raises:
            HTTPError: 400 if the body is malformed, 413 if it is too large, 507 if the disk is full.
        """
        from bottle.forms import FormLimits, FormParser, parse_urlencoded

        if not self.content_type.startswith('multipart/'):
            return parse_urlencoded(self._small_body())
        limits = FormLimits(self.MEMFILE_MAX, self.FORM_PARTS_MAX, self.FORM_HEADERS_MAX, self.FORM_HEADER_SIZE_MAX)
        parser = FormParser(self.environ['CONTENT_TYPE'], limits)
        if 'bottle.request.body' not in self.environ:
            self.environ['bottle.request.body'] = self._fetch_body(parser.feed)
        body = self.body
        try:
            return parser.finish(body)
        finally:
            body.seek(0)

    #: The name of PHP and others. It has nothing to do with the method.
    POST = _post

    # The body

    @property
    def body(self) -> Any:
        """The body, decoded from any transfer coding, as a seekable file at its beginning.

        Raises:
            HTTPError: 400 if it is malformed or shorter than declared, 413 if it is too large, 507 if the disk is full.
        """
        body = self._body
        body.seek(0)
        return body

    @DictProperty('environ', 'bottle.request.body', read_only=True)
    def _body(self) -> Any:
        return self._fetch_body()

    def _fetch_body(self, tap: Callable[[bytes], object] | None = None) -> Any:
        environ = self.environ
        if 'bottle.request.body_error' in environ:
            raise HTTPError(*environ['bottle.request.body_error'])
        try:
            body = self._read_body(tap)
        except HTTPError as error:
            # The stream stands somewhere in the body now: nobody may take the rest of it for a body.
            environ['bottle.request.body_error'] = (error.status_code, error.body)
            raise
        # Whoever reads the environ after us (a mounted application) finds the decoded body and must not decode again.
        environ['wsgi.input'] = body
        environ['wsgi.input_terminated'] = True
        return body

    def _read_body(self, tap: Callable[[bytes], object] | None) -> Any:
        try:
            return self._buffered_body(self.content_length, tap)
        except BodyError as error:
            raise HTTPError(error.status, str(error), exception=error) from error
        except OSError as error:
            _refuse_disk(error)

    def _buffered_body(self, length: int, tap: Callable[[bytes], object] | None) -> Any:
        """Read the body, if there is one (RFC 9112 section 6.3)."""
        raw = self.environ.get('wsgi.input')
        if self.BODY_MAX is not None and length > self.BODY_MAX:
            raise BodyTooLarge('Request entity too large')
        if raw is None or length == 0:
            return io.BytesIO()
        stream = Guarded(raw)
        if self.environ.get('wsgi.input_terminated') and (length < 0 or self.chunked):
            source: Any = stream
        elif length > self.MEMFILE_MAX:
            source = length_reader(stream, length)
        elif length > 0:
            return io.BytesIO(read_exactly(stream, length))
        elif self.chunked:
            source = self._chunks(stream)
        else:
            return io.BytesIO()
        return spool(source, memory=self.MEMFILE_MAX, max_size=self.BODY_MAX, tap=tap)

    def _chunks(self, stream: Any) -> Any:
        if self.environ['HTTP_TRANSFER_ENCODING'].strip().lower() != 'chunked':
            raise HTTPError(501, 'Only the transfer coding chunked is known')
        return chunked_reader(stream)

    def _small_body(self) -> bytes:
        """Return the body as bytes.

        Raises:
            HTTPError: 413 if it is longer than MEMFILE_MAX; it is not read then, if it declares its length.
        """
        if self.content_length <= self.MEMFILE_MAX:
            body: bytes = self.body.read(self.MEMFILE_MAX + 1)
            if len(body) <= self.MEMFILE_MAX:
                return body
        raise HTTPError(413, 'Request entity too large')

    @DictProperty('environ', 'bottle.request.json', read_only=True)
    def json(self) -> Any:
        """The value of a JSON body; None if it is empty or its type is not `application/json` or `…/json-rpc`.

        Raises:
            HTTPError: 400 if it is not valid JSON (RFC 8259) or nested too deeply, 413 if it exceeds MEMFILE_MAX.
        """
        if self.content_type.partition(';')[0].strip() not in _JSON_TYPES:
            return None
        body = self._small_body()
        if not body:
            return None
        try:
            return json_loads(body)
        except (ValueError, RecursionError) as error:
            raise HTTPError(400, 'Invalid JSON', exception=error) from error

    # A request is a mapping, too: its environ

    def copy(self) -> BaseRequest:
        """Return a BaseRequest with a shallow copy of the environ."""
        environ = self.environ.copy()
        # This view would go on showing the original.
        environ.pop('bottle.request.headers', None)
        return BaseRequest(environ)

    def get(self, value: str, default: Any = None) -> Any:
        """Return the value of an environ key, or the default."""
        return self.environ.get(value, default)

    def keys(self) -> KeysView[str]:
        """Return the keys of the environ."""
        return self.environ.keys()

    def __getitem__(self, key: str) -> Any:
        return self.environ[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set an environ key and forget what was computed from it."""
        environ = self.environ
        if environ.get('bottle.request.readonly'):
            raise KeyError('The environ dictionary is read-only.')
        environ[key] = value
        for name in _DEPENDENTS.get(key) or (('headers',) if key.startswith('HTTP_') else ()):
            environ.pop(f'bottle.request.{name}', None)

    def __delitem__(self, key: str) -> None:
        self[key] = ''
        del self.environ[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {self.method} {self.url}>'

    # Attributes of applications

    def __getattr__(self, name: str) -> Any:
        # Tools probe for special methods, also outside of a request; `copy` and `pickle` begin without an environ.
        if name.startswith('__') or name == 'environ':
            raise AttributeError(name)
        try:
            value = self.environ[_EXT + name]
        except KeyError:
            raise AttributeError(f'Attribute {name!r} not defined.') from None
        return value.__get__(self) if hasattr(value, '__get__') else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == 'environ':
            object.__setattr__(self, name, value)
        elif hasattr(type(self), name) or _EXT + name in self.environ:
            raise AttributeError(f'Attribute already defined: {name}')
        else:
            self.environ[_EXT + name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self.environ[_EXT + name]
        except KeyError:
            raise AttributeError(f'Attribute not defined: {name}') from None


def _is_file(value: Any) -> bool:
    return not isinstance(value, str)


def _refuse_disk(error: OSError) -> NoReturn:
    """Answer a full disk, or a file that may not grow further, with 507; pass on any other error."""
    from errno import EDQUOT, EFBIG, ENOSPC

    if error.errno in (ENOSPC, EDQUOT, EFBIG):
        raise HTTPError(507, 'No space is left for the request body', exception=error) from error
    raise error


#: The request that programs build themselves.
Request = BaseRequest


class LocalRequest(BaseRequest):
    """The request that is being handled, whichever thread, greenlet or task asks. `request` is the instance.

    Parameters:
        environ: a WSGI environ that becomes the current one at once, see `bind`; an empty one if None.
    """

    __slots__ = ()

    def __init__(self, environ: dict[str, Any] | None = None) -> None:
        self.bind(environ)

    def bind(self, environ: dict[str, Any] | None = None) -> None:
        """Make this environ the request of the current context (thread, greenlet, task), with a fresh response."""
        environ = {} if environ is None else environ
        environ['bottle.request'] = self
        current.set(RequestContext(environ))

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environ of the request.

        Raises:
            RuntimeError: no request is being handled.
        """
        context = current.get(None)
        return active_context().environ if context is None else context.environ

    @environ.setter
    def environ(self, value: dict[str, Any]) -> None:
        active_context().environ = value

    def __repr__(self) -> str:
        return super().__repr__() if current.get(None) else f'<{type(self).__name__}: no request>'


# Binds an empty request to the thread that imports this module, as in Bottle 0.13: there, a test or a script can call a
# handler, or what handlers call (`redirect`, `response.set_cookie`), without a server. Other threads begin with none.
request = LocalRequest()
