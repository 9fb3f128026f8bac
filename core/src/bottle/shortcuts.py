"""What handlers call for common answers: redirect, static_file, auth_basic."""

from __future__ import annotations

import os
from functools import wraps
from stat import S_ISREG
from time import time
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from bottle.httputil import etag_matches, header_value, http_date, parse_date, parse_range_header
from bottle.requests import request
from bottle.responses import HTTPError, HTTPResponse, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Arguments = ParamSpec('Arguments')
Result = TypeVar('Result')

_CHUNK = 65536
_PRINTABLE = ''.join(map(chr, range(0x20, 0x7F)))


def redirect(url: str, code: int | None = None) -> NoReturn:
    """Stop the handler and send the client to another URL. Fields and cookies set on `response` go along.

    Parameters:
        url: the target, quoted, absolute or relative to the URL of the request. Text that comes from a client must be
            checked before: it can name any other site.
        code: the status code (RFC 9110 section 15.4); 303 if None, or 302 for clients of HTTP/1.0.

    Raises:
        HTTPResponse: always.
        ValueError: the URL holds control characters.
    """
    from urllib.parse import quote, urljoin

    if not code:
        code = 302 if request.get('SERVER_PROTOCOL', 'HTTP/1.0') == 'HTTP/1.0' else 303
    answer = response.copy(cls=HTTPResponse)
    answer.status = code
    answer.body = ''
    target = urljoin(request.url, header_value(url))
    # A URL is ASCII (RFC 3986). What is ASCII is left alone: whether a character means itself, only the caller knows.
    answer.set_header('Location', quote(target, safe=_PRINTABLE, errors='surrogateescape'))
    raise answer


def auth_basic(
    check: Callable[[str, str], Any], realm: str = 'private', text: str = 'Access denied'
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result | HTTPError]]:
    """Return a decorator that asks for user and password before the handler runs (RFC 7617).

    Parameters:
        check: called with user and password; a true result lets the request through.
        realm: what the password is for, shown by browsers.
        text: what the client is told otherwise, with status 401.
    """
    quoted = realm.replace('\\', '\\\\').replace('"', '\\"')

    def decorator(func: Callable[Arguments, Result]) -> Callable[Arguments, Result | HTTPError]:
        @wraps(func)
        def wrapper(*a: Arguments.args, **ka: Arguments.kwargs) -> Result | HTTPError:
            user, password = request.auth or (None, None)
            if user is None or not check(user, password or ''):
                return HTTPError(401, text, WWW_Authenticate=f'Basic realm="{quoted}"')
            return func(*a, **ka)

        return wrapper

    return decorator


# Static files


def static_file(
    filename: str,
    root: str | os.PathLike[str],
    mimetype: bool | str | None = True,
    download: bool | str = False,
    charset: str | None = 'UTF-8',
    etag: str | bool | None = None,
    headers: Mapping[str, Any] | None = None,
    *,
    follow_links: bool = False,
) -> HTTPResponse:
    """Return a response with a file, or an HTTPError: 403 or 404 if it cannot be had, 416 for an impossible range.

    Conditional requests (RFC 9110 section 13) and the first range of a range request (section 14) are served.

    Parameters:
        filename: the path below `root`.
        root: the folder that the file must be in. Symbolic links must not lead out of it, see `follow_links`.
        mimetype: the `Content-Type`; True guesses it from the name, False or None sets none.
        download: True lets browsers save the file instead of showing it, a string under this name.
        charset: added to `Content-Type` for text; None adds none.
        etag: the entity tag; None makes one from size and time of change, False sends none.
        headers: further header fields.
        follow_links: whether symbolic links may lead out of the folder.
    """
    try:
        path = resolve_below(filename, os.fspath(root), follow_links=follow_links)
        file, info = _open_regular(path)
    except HTTPError as error:
        return error
    fields = dict(headers or {})
    name = filename.replace('\\', '/').rstrip('/').rpartition('/')[2]
    fields.update(_describe(name, mimetype, download, charset))
    tag = _entity_tag(etag, info)
    if tag:
        fields['ETag'] = tag
    fields['Last-Modified'] = http_date(info.st_mtime)
    fields['Date'] = http_date(time())
    try:
        answer = _answer(file, info, fields)
    except BaseException:
        file.close()
        raise
    if answer.body is not file and not isinstance(answer.body, _FileRange):
        file.close()
    return answer


def resolve_below(filename: str, root: str, flavour: Any = os.path, *, follow_links: bool = False) -> str:
    """Return the real path of a file below a folder.

    Parameters:
        filename: the path below the folder as a client gave it. Slashes and backslashes at its ends are dropped.
        root: the folder.
        flavour: the module with the rules of the file system; `ntpath` shows on any system what Windows would do.
        follow_links: whether symbolic links may lead out of the folder; the path itself never may.

    Raises:
        HTTPError: 403 if the path leads out of the folder, 404 if no file can have such a name.
    """
    if '\0' in filename or (flavour.sep == '\\' and _is_special_on_windows(filename)):
        raise HTTPError(404, 'File does not exist.')
    try:
        base = flavour.abspath(root)
        path = flavour.abspath(flavour.join(base, filename.strip('/\\')))
        real = flavour.realpath(path)
        real_base = base if real == path else flavour.realpath(base)
    except (ValueError, OSError):
        # Not encodable in the file system, or a loop of links.
        raise HTTPError(404, 'File does not exist.') from None
    is_inside = follow_links or real.startswith(_with_slash(real_base, flavour.sep))
    if not (is_inside and path.startswith(_with_slash(base, flavour.sep))):
        raise HTTPError(403, 'Access denied.')
    return str(real)


def _with_slash(folder: str, slash: str) -> str:
    return folder if folder.endswith(slash) else folder + slash


def _is_special_on_windows(filename: str) -> bool:
    """Tell whether a part is a drive, a stream, a device, or a name that Windows would shorten to another one."""
    from bottle.uploads import is_device_name

    parts = [part for part in filename.replace('\\', '/').split('/') if part not in ('.', '..')]
    return ':' in filename or any(part.rstrip('. ') != part or is_device_name(part) for part in parts)


def _open_regular(path: str) -> tuple[Any, os.stat_result]:
    # Without O_NONBLOCK a named pipe would hold the request until somebody writes into it.
    flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0) | getattr(os, 'O_CLOEXEC', 0)
    try:
        descriptor = os.open(path, flags)
    except PermissionError:
        raise HTTPError(403, 'You do not have permission to access this file.') from None
    except (OSError, ValueError):
        raise HTTPError(404, 'File does not exist.') from None
    info = os.fstat(descriptor)
    if not S_ISREG(info.st_mode):
        os.close(descriptor)
        raise HTTPError(404, 'File does not exist.')
    return os.fdopen(descriptor, 'rb'), info


def _describe(name: str, mimetype: bool | str | None, download: bool | str, charset: str | None) -> dict[str, str]:
    fields = {}
    if mimetype is True:
        mimetype = _guess_type(download if isinstance(download, str) else name)
    if mimetype:
        is_text = mimetype.startswith('text/') or mimetype == 'application/javascript'
        if is_text and charset and 'charset' not in mimetype:
            mimetype = f'{mimetype}; charset={charset}'
        fields['Content-Type'] = mimetype
    if download:
        fields['Content-Disposition'] = _disposition(name if download is True else download)
    return fields


def _guess_type(name: str) -> str | None:
    from mimetypes import guess_type

    kind, encoding = guess_type(name)
    if encoding == 'gzip':
        return 'application/gzip'
    return f'application/x-{encoding}' if encoding else kind


def _disposition(name: str) -> str:
    """Return a `Content-Disposition` that saves under a name (RFC 6266)."""
    from urllib.parse import quote

    plain = ''.join(char if ' ' <= char <= '~' and char not in '"\\' else '_' for char in name)
    field = f'attachment; filename="{plain}"'
    if name.isascii():
        return field
    return f"{field}; filename*=UTF-8''{quote(name, safe='', errors='surrogateescape')}"


def _entity_tag(etag: str | bool | None, info: os.stat_result) -> str | None:
    if etag is None or etag is True:
        return f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
    if not etag:
        return None
    return etag if etag.endswith('"') else f'"{etag}"'


def _answer(file: Any, info: os.stat_result, fields: dict[str, Any]) -> HTTPResponse:
    environ = request.environ
    size = info.st_size
    if _is_unchanged(environ, int(info.st_mtime), fields.get('ETag', '')):
        return HTTPResponse(status=304, headers=fields)
    fields['Accept-Ranges'] = 'bytes'
    is_head = request.method == 'HEAD'
    wanted = None if is_head else _wanted_range(environ, size, fields)
    if wanted == (0, 0):
        return HTTPError(416, 'Requested Range Not Satisfiable', Content_Range=f'bytes */{size}')
    if wanted is None:
        fields['Content-Length'] = str(size)
        return HTTPResponse('' if is_head else file, headers=fields)
    start, end = wanted
    fields['Content-Range'] = f'bytes {start}-{end - 1}/{size}'
    fields['Content-Length'] = str(end - start)
    return HTTPResponse(_FileRange(file, start, end - start), 206, headers=fields)


def _is_unchanged(environ: dict[str, Any], modified: int, etag: str) -> bool:
    """Evaluate the preconditions; a date counts only if no tags are sent (RFC 9110 section 13.2.2)."""
    tags = environ.get('HTTP_IF_NONE_MATCH')
    if tags is not None:
        return etag_matches(tags, etag)
    date = environ.get('HTTP_IF_MODIFIED_SINCE')
    since = parse_date(date) if date else None
    return since is not None and since >= modified


def _wanted_range(environ: dict[str, Any], size: int, fields: dict[str, Any]) -> tuple[int, int] | None:
    """Return the first range that is asked for, None for the whole, (0, 0) if none can be served."""
    header = environ.get('HTTP_RANGE', '')
    # Other units are unknown, and unknown ranges are ignored (RFC 9110 section 14.2).
    if not header.lower().startswith('bytes='):
        return None
    condition = environ.get('HTTP_IF_RANGE')
    if condition is not None and condition.strip() not in (fields.get('ETag'), fields['Last-Modified']):
        return None
    return next(parse_range_header(header, size), (0, 0))


class _FileRange:
    """The body of a partial response: some bytes of an open file, which is closed with it."""

    def __init__(self, file: Any, offset: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(offset)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0 and (data := self._file.read(min(self._left, _CHUNK))):
            self._left -= len(data)
            yield data

    def close(self) -> None:
        self._file.close()
