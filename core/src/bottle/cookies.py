"""Cookies: reading the `Cookie` field, writing `Set-Cookie`, and signing (RFC 6265).

The functions are pure. `http.cookies` is not used: it is slow, it drops all cookies because of a malformed one, and its
checks against injection depend on the patch level of the interpreter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bottle._util import json_dumps, json_lds, tob
from bottle.httputil import from_wire, http_date, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 6265 section 4.1.1: what a value may hold as it is; the rest is quoted and escaped.
_PLAIN_VALUE = re.compile(r'[!#-+\--:<-\[\]-~]*')
_REFUSED_IN_VALUE = re.compile(r'[\x00-\x1f\x7f;]')
# Attribute values end at a semicolon; a comma would end the field for those who join or split fields.
_REFUSED_IN_ATTRIBUTE = re.compile(r'[^\x20-\x7e]|[;,]')
_ESCAPED = re.compile(r'\\(?:([0-3][0-7][0-7])|(.))')

MAX_SIZE = 3800
"""How many bytes the name and the value of a cookie may have together; browsers guarantee 4096 with all attributes."""


# Reading


def parse_cookies(header: str) -> list[tuple[str, str]]:
    """Split a `Cookie` header field (RFC 6265 section 5.4) into names and values.

    Parameters:
        header: the value of the field, a native string (PEP 3333).

    Returns:
        Pairs in the order of the field. Quoted values are unquoted, text is UTF-8 with `surrogateescape`. A part
        without a name or without `=` is left out.
    """
    pairs = []
    for part in header.split(';'):
        name, equals, value = part.partition('=')
        name = name.strip(' \t')
        if equals and name:
            pairs.append((from_wire(name), from_wire(_unquote(value.strip(' \t')))))
    return pairs


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    inner = value[1:-1]
    return _ESCAPED.sub(_unescape, inner) if '\\' in inner else inner


def _unescape(match: re.Match[str]) -> str:
    octal, plain = match.groups()
    return chr(int(octal, 8)) if octal else plain


# Writing


def dump_cookie(name: str, value: str, **options: Any) -> str:
    """Return the value of a `Set-Cookie` header field (RFC 6265 section 4.1).

    Parameters:
        name: the name, a token.
        value: the text. What a cookie cannot hold as it is (blank, comma, quote, backslash, anything not ASCII) is
            escaped within quotes; `parse_cookies` reads it back.
        options: attributes. `max_age` (seconds, or a `timedelta`; also `maxage`), `expires` (a `datetime`, a `date`,
            seconds since 1970, or a string), `domain`, `path`, `secure` and `httponly` (bool), `samesite` (also
            `same_site`: `lax`, `strict` or `none`), `partitioned` (bool). An attribute that is None or, where it is a
            bool, false, is left out; `samesite=None` means `none`, as in Bottle.

    Raises:
        ValueError: a part holds what would end it or a control character, or the cookie is too large.
        TypeError: an option is unknown.
    """
    if not is_token(name):
        raise ValueError(f'Not a valid cookie name: {name!r}')
    if _REFUSED_IN_VALUE.search(value):
        raise ValueError(f'Cookie value must not contain semicolons or control characters: {value!r}')
    quoted = _quote(value)
    if len(name) + len(quoted) > MAX_SIZE:
        raise ValueError('Content does not fit into a cookie.')
    attributes = [_attribute(option.replace('_', '').lower(), setting) for option, setting in options.items()]
    return '; '.join([f'{name}={quoted}', *filter(None, attributes)])


def set_cookie_value(
    name: str, value: Any, secret: str | bytes | None = None, digestmod: Any = None, **options: Any
) -> str:
    """Return the value of a `Set-Cookie` header field, signed if there is a secret.

    Parameters:
        name: the name, a token.
        value: the text.
        secret: the secret to sign with, see `sign_cookie`; None leaves the value plain.
        digestmod: a constructor of `hashlib`, or its name; SHA-256 if None.
        options: attributes, see `dump_cookie`.

    Raises:
        TypeError: the value is not a string, or an option is unknown.
        ValueError: a part cannot stand in a cookie, or the cookie is too large.
    """
    if not isinstance(value, str):
        raise TypeError('The value of a cookie must be a string. Turn other values into JSON first.')
    return dump_cookie(name, sign_cookie(name, value, secret, digestmod) if secret else value, **options)


def _quote(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = ''.join(map(_escape, value.encode('utf8', 'surrogateescape')))
    return f'"{escaped}"'


def _escape(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return '\\' + char
    return char if char == ' ' or _PLAIN_VALUE.fullmatch(char) else f'\\{byte:03o}'


def _attribute(option: str, setting: Any) -> str | None:
    writer = _ATTRIBUTES.get(option)
    if writer is None:
        raise TypeError(f'Unknown cookie option {option!r}; known are {", ".join(sorted(_ATTRIBUTES))}')
    return writer(setting)


def _max_age(setting: Any) -> str | None:
    if setting is None:
        return None
    seconds = setting.total_seconds() if hasattr(setting, 'total_seconds') else setting
    return f'Max-Age={int(seconds)}'


def _expires(setting: Any) -> str | None:
    return None if setting is None else _text('expires', http_date(setting), _REFUSED_IN_VALUE)


def _domain(setting: Any) -> str | None:
    return None if setting is None else _text('Domain', setting)


def _path(setting: Any) -> str | None:
    return None if setting is None else _text('Path', setting)


def _text(name: str, setting: Any, refused: re.Pattern[str] = _REFUSED_IN_ATTRIBUTE) -> str:
    if not isinstance(setting, str):
        raise TypeError(f'The cookie option {name} must be a string, not {setting!r}')
    if refused.search(setting):
        raise ValueError(f'Cookie option {name} must not contain separators or control characters: {setting!r}')
    return f'{name}={setting}'


def _same_site(setting: Any) -> str:
    policy = str(setting or 'none').lower()
    if policy not in ('lax', 'strict', 'none'):
        raise ValueError(f'The cookie option SameSite must be lax, strict or none, not {setting!r}')
    return f'SameSite={policy}'


def _flag(name: str) -> Callable[[Any], str | None]:
    return lambda setting: name if setting else None


_ATTRIBUTES: dict[str, Callable[[Any], str | None]] = {
    'maxage': _max_age,
    'expires': _expires,
    'domain': _domain,
    'path': _path,
    'secure': _flag('Secure'),
    'httponly': _flag('HttpOnly'),
    'samesite': _same_site,
    'partitioned': _flag('Partitioned'),
}


# Signing


def cookie_encode(data: str, key: str | bytes, digestmod: Any = None) -> bytes:
    """Return text with a signature (HMAC, RFC 2104): `!`, the signature, `?`, the text, both in Base64.

    Parameters:
        data: the text to sign. It is readable for everybody.
        key: the secret.
        digestmod: a constructor of `hashlib`, or its name; SHA-256 if None.

    Raises:
        TypeError: `data` is not a string. Bottle 0.13 pickled other objects: who knew the secret could run code.
    """
    if not isinstance(data, str):
        raise TypeError('Only strings can be signed. Turn other values into JSON first.')
    from binascii import b2a_base64

    message = b2a_base64(data.encode('utf8'), newline=False)
    return b'!%b?%b' % (b2a_base64(_signature(message, key, digestmod), newline=False), message)


def cookie_decode(data: str | bytes, key: str | bytes, digestmod: Any = None) -> str | None:
    """Return the text that `cookie_encode` signed, or None if the signature does not fit.

    Parameters:
        data: the signed text.
        key: the secret.
        digestmod: as given to `cookie_encode`.
    """
    from binascii import a2b_base64
    from hmac import compare_digest

    try:
        data = tob(data)
        if not cookie_is_encoded(data):
            return None
        signature, _, message = data[1:].partition(b'?')
        if not compare_digest(a2b_base64(signature, strict_mode=True), _signature(message, key, digestmod)):
            return None
        return a2b_base64(message, strict_mode=True).decode('utf8')
    except ValueError:
        # Neither Base64 nor UTF-8: also what a validly signed pickle of Bottle 0.13 ends as.
        return None


def cookie_is_encoded(data: str | bytes) -> bool:
    """Tell whether it looks like the output of `cookie_encode`; the signature is not checked."""
    data = tob(data)
    return data.startswith(b'!') and b'?' in data


def sign_cookie(name: str, value: str, secret: str | bytes, digestmod: Any = None) -> str:
    """Return the signed value of a cookie; the signature covers its name, so that no other cookie can take the value.

    Parameters:
        name: the name of the cookie.
        value: the text.
        secret: the secret.
        digestmod: a constructor of `hashlib`, or its name; SHA-256 if None.

    Raises:
        TypeError: the value is not a string.
    """
    if not isinstance(value, str):
        raise TypeError('Only strings can be signed. Turn other values into JSON first.')
    return cookie_encode(json_dumps([name, value]), secret, digestmod).decode('ascii')


def unsign_cookie(name: str, data: str | bytes, secret: str | bytes, digestmod: Any = None) -> str | None:
    """Return the value that `sign_cookie` signed for a cookie of this name with this secret, or None.

    Parameters:
        name: the name of the cookie.
        data: the signed value.
        secret: the secret.
        digestmod: as given to `sign_cookie`.
    """
    content = cookie_decode(data, secret, digestmod)
    try:
        found = json_lds(content) if content is not None else None
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 2 and found[0] == name and isinstance(found[1], str):
        return found[1]
    return None


def _signature(message: bytes, key: str | bytes, digestmod: Any) -> bytes:
    import hmac

    return hmac.digest(tob(key), message, digestmod or 'sha256')
