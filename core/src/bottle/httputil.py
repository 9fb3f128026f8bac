"""Pure functions on the values of HTTP header fields, query strings and paths; the table of status codes.

Text that comes out of a WSGI environ is a *native string* (PEP 3333, "Unicode Issues"): bytes decoded as ISO-8859-1.
Where it stands for text, the functions here turn it into real text: UTF-8, with undecodable bytes kept as lone
surrogates (`surrogateescape`), so that no input is refused and none is lost.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 9110 section 15 and the IANA registry. The texts of 413, 414, 416 and 422 are those that Bottle always sent.
HTTP_CODES: dict[int, str] = {
    100: 'Continue',
    101: 'Switching Protocols',
    102: 'Processing',
    103: 'Early Hints',
    200: 'OK',
    201: 'Created',
    202: 'Accepted',
    203: 'Non-Authoritative Information',
    204: 'No Content',
    205: 'Reset Content',
    206: 'Partial Content',
    207: 'Multi-Status',
    208: 'Already Reported',
    226: 'IM Used',
    300: 'Multiple Choices',
    301: 'Moved Permanently',
    302: 'Found',
    303: 'See Other',
    304: 'Not Modified',
    305: 'Use Proxy',
    307: 'Temporary Redirect',
    308: 'Permanent Redirect',
    400: 'Bad Request',
    401: 'Unauthorized',
    402: 'Payment Required',
    403: 'Forbidden',
    404: 'Not Found',
    405: 'Method Not Allowed',
    406: 'Not Acceptable',
    407: 'Proxy Authentication Required',
    408: 'Request Timeout',
    409: 'Conflict',
    410: 'Gone',
    411: 'Length Required',
    412: 'Precondition Failed',
    413: 'Request Entity Too Large',
    414: 'Request-URI Too Long',
    415: 'Unsupported Media Type',
    416: 'Requested Range Not Satisfiable',
    417: 'Expectation Failed',
    418: "I'm a teapot",
    421: 'Misdirected Request',
    422: 'Unprocessable Entity',
    423: 'Locked',
    424: 'Failed Dependency',
    425: 'Too Early',
    426: 'Upgrade Required',
    428: 'Precondition Required',
    429: 'Too Many Requests',
    431: 'Request Header Fields Too Large',
    451: 'Unavailable For Legal Reasons',
    500: 'Internal Server Error',
    501: 'Not Implemented',
    502: 'Bad Gateway',
    503: 'Service Unavailable',
    504: 'Gateway Timeout',
    505: 'HTTP Version Not Supported',
    506: 'Variant Also Negotiates',
    507: 'Insufficient Storage',
    508: 'Loop Detected',
    510: 'Not Extended',
    511: 'Network Authentication Required',
}

HTTP_STATUS_LINES: dict[int, str] = {code: f'{code} {text}' for code, text in HTTP_CODES.items()}


# Names and values of header fields

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(r'[\x00-\x08\x0a-\x1f\x7f]')


def is_token(text: str) -> bool:
    """Tell whether `text` is a token (RFC 9110 section 5.6.2): not empty, no space, separator, control or non-ASCII."""
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def header_name(name: str) -> str:
    """Return the name of a header field as Bottle spells it: `content_type` becomes `Content-Type`.

    Raises:
        ValueError: it is not a token (RFC 9110 section 5.1).
    """
    if not is_token(name):
        raise ValueError(f'Not a valid header name: {name!r}')
    return name.replace('_', '-').title()


def header_value(value: object) -> str:
    """Return the value of a header field as text: bytes are decoded as UTF-8, None is empty, else `str()`.

    Raises:
        ValueError: it holds CR, LF, NUL or another control character except the tab (RFC 9110 section 5.5).
    """
    text = value if isinstance(value, str) else _to_text(value)
    if _FORBIDDEN_IN_VALUE.search(text):
        raise ValueError(f'Header value must not contain control characters: {text!r}')
    return text


def _to_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode('utf8', 'surrogateescape')
    return '' if value is None else str(value)


def to_wire(text: str) -> str:
    """Return text as a native string (PEP 3333): what is not ASCII is encoded as UTF-8 and read as ISO-8859-1."""
    return text if text.isascii() else text.encode('utf8', 'surrogateescape').decode('latin-1')


def from_wire(text: str) -> str:
    """Return a native string (PEP 3333) as text: its bytes are read as UTF-8 with `surrogateescape`."""
    return text if text.isascii() else _wire_bytes(text).decode('utf8', 'surrogateescape')


def _wire_bytes(text: str) -> bytes:
    try:
        return text.encode('latin-1')
    except UnicodeEncodeError:
        # Some servers put real text into the environ, against PEP 3333.
        return text.encode('utf8', 'surrogatepass')


# Hosts

# RFC 3986 section 3.2.2, but for the comma: servers join several fields with it, which RFC 9112 section 3.2 refuses.
_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?:[\w.~!$&'()*+;=-]|%[0-9A-Fa-f]{2}){1,255})(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
_MAX_KNOWN_HOSTS = 500

#: Hosts that have been found valid, so that the usual ones cost one look-up; bounded, because clients choose them.
known_hosts: set[str | None] = {None, ''}


def is_host(text: str | None) -> bool:
    """Tell whether a `Host` field is valid (RFC 9110 section 7.2): a host, perhaps with a port. Empty or None is."""
    if not text or text in known_hosts:
        return True
    match = _HOST.fullmatch(text)
    if match is None or int(match['port'] or 0) > 65535 or not (match['ipv6'] is None or _is_ipv6(match['ipv6'])):
        return False
    if len(known_hosts) > _MAX_KNOWN_HOSTS:
        known_hosts.clear()
    known_hosts.update((text, None, ''))
    return True


def _is_ipv6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


# Query strings and urlencoded forms


def parse_qsl(qs: str) -> list[tuple[str, str]]:
    """Split a query string or an urlencoded form (WHATWG URL section 5.1) into its fields.

    Parameters:
        qs: a native string (PEP 3333). Only `&` separates fields; `;` is data.

    Returns:
        Pairs of name and value in the order of the input. A field without `=` has an empty value.
    """
    parts = [field.partition('=') for field in qs.split('&') if field]
    if '%' not in qs and '+' not in qs and qs.isascii():
        return [(name, value) for name, _, value in parts]
    return [(_unquote_plus(name), _unquote_plus(value)) for name, _, value in parts]


def _unquote_plus(text: str) -> str:
    if '+' in text:
        text = text.replace('+', ' ')
    if '%' not in text:
        return from_wire(text)
    table = _escapes()
    head, *parts = _wire_bytes(text).split(b'%')
    # What is not two hexadecimal digits was not meant as an escape.
    decoded = [table[part[:2]] + part[2:] if part[:2] in table else b'%' + part for part in parts]
    return (head + b''.join(decoded)).decode('utf8', 'surrogateescape')


@cache
def _escapes() -> dict[bytes, bytes]:
    digits = '0123456789ABCDEFabcdef'
    return {(high + low).encode(): bytes.fromhex(high + low) for high in digits for low in digits}


# Dates (RFC 9110 section 5.6.7)

_DAYS = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')
_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')


def http_date(value: Any) -> str:
    """Return a date as IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.

    Parameters:
        value: seconds since 1970 as int or float, a `datetime` (naive means UTC), a `date`, a `time.struct_time` in
            UTC, or a string, which is returned as it is.

    Raises:
        TypeError: the value is none of these.
    """
    import time

    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        moment = time.gmtime(value)
    elif hasattr(value, 'timetuple'):
        moment = value.utctimetuple() if hasattr(value, 'utctimetuple') else value.timetuple()
    else:
        moment = time.struct_time(value)
    return (
        f'{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year:04d} '
        f'{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} GMT'
    )


def parse_date(ims: str | None) -> int | None:
    """Return the seconds since 1970 of a date in any of the three formats of HTTP, or None if it is not a date.

    Parameters:
        ims: the value of a header field such as `If-Modified-Since`; what follows a `;` is ignored. No zone means UTC.
    """
    from calendar import timegm
    from email.utils import parsedate_tz

    # No valid date is longer, and the parser must not be fed with kilobytes.
    if ims is None or len(ims) > 100:
        return None
    try:
        moment = parsedate_tz(ims.partition(';')[0])
        return None if moment is None else timegm((*moment[:8], 0)) - (moment[9] or 0)
    except (ValueError, IndexError, OverflowError, TypeError):
        return None


# Ranges, credentials, entity tags


def parse_range_header(header: str | None, maxlen: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a `Range` header field (RFC 9110 section 14.2), those that can be satisfied.

    Parameters:
        header: the value, such as `bytes=0-499,-500`; None and other units than bytes have no ranges. Nobody needs
            more than the first hundred.
        maxlen: the length of the whole in bytes.

    Yields:
        Start and end in bytes; the byte at `end` is not part of the range, unlike in the header.
    """
    unit, _, specs = (header or '').partition('=')
    if unit.strip().lower() != 'bytes':
        return
    for spec in specs.split(',', 100)[:100]:
        first, dash, last = spec.partition('-')
        if dash:
            span = _span(first.strip(' \t'), last.strip(' \t'), maxlen)
            if span is not None:
                yield span


def _span(first: str, last: str, maxlen: int) -> tuple[int, int] | None:
    if not (_is_number(first) or not first) or not (_is_number(last) or not last):
        return None
    if not first:
        start, end = (max(0, maxlen - int(last)), maxlen) if last else (0, 0)
    else:
        start, end = int(first), min(int(last) + 1, maxlen) if last else maxlen
    return (start, end) if 0 <= start < end <= maxlen else None


def _is_number(text: str) -> bool:
    """Tell whether it is 1*DIGIT; the length keeps `int()` away from absurd input."""
    return text.isascii() and text.isdecimal() and len(text) < 20


def parse_auth(header: str | None) -> tuple[str, str] | None:
    """Return user and password of an `Authorization` header field of the Basic scheme (RFC 7617), or None.

    Parameters:
        header: the value of the field; user and password are read as UTF-8.
    """
    from binascii import a2b_base64

    scheme, _, credentials = (header or '').strip().partition(' ')
    if scheme.lower() != 'basic':
        return None
    try:
        user, colon, password = a2b_base64(credentials.strip(), strict_mode=True).decode('utf8').partition(':')
    except ValueError:
        return None
    return (user, password) if colon else None


def etag_matches(header: str, etag: str) -> bool:
    """Tell whether an `If-None-Match` value lists an entity tag, by weak comparison (RFC 9110 section 13.1.2).

    Parameters:
        header: the value of the field: `*` or a list of tags.
        etag: the tag of the current representation, quotes included; empty if it has none.
    """
    if header.strip() == '*':
        return True
    wanted = etag.removeprefix('W/')
    return bool(wanted) and any(tag.strip().removeprefix('W/') == wanted for tag in header.split(','))


# Paths


def path_shift(script_name: str, path_info: str, shift: int = 1) -> tuple[str, str]:
    """Move path segments between SCRIPT_NAME and PATH_INFO (PEP 3333, "environ Variables").

    Parameters:
        script_name: the part of the path that belongs to the application.
        path_info: the part below it.
        shift: how many segments go from `path_info` to `script_name`; back if negative.

    Returns:
        The new `script_name` and `path_info`.

    Raises:
        AssertionError: there are not enough segments.
    """
    if shift == 0:
        return script_name, path_info
    left, right = _segments(script_name), _segments(path_info)
    giver, name = (right, 'PATH_INFO') if shift > 0 else (left, 'SCRIPT_NAME')
    if abs(shift) > len(giver):
        raise AssertionError(f'Cannot shift. Nothing left from {name}')
    cut = len(left) + shift
    segments = left + right
    new_path = '/' + '/'.join(segments[cut:])
    if path_info.endswith('/') and segments[cut:]:
        new_path += '/'
    return '/' + '/'.join(segments[:cut]), new_path


def _segments(path: str) -> list[str]:
    inner = path.strip('/')
    return inner.split('/') if inner else []
