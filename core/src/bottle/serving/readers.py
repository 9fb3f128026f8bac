"""Reading the values of options, whether they are texts or Python values; a `ValueError` says what is wanted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from bottle.serving.addresses import parse_bind

Reader: TypeAlias = Callable[[Any], Any]

NOBODY = 'nobody'  # who is trusted where forwarded headers are removed, and none is believed
UNITS = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
LONGEST_NUMBER = (
    18  # digits: nothing that is counted here needs more, and `int` refuses very long texts in its own words
)


def whole_number(least: int) -> Reader:
    """Return a reader of whole numbers.

    Parameters:
        least: the smallest number that is accepted.
    """

    def read(value: Any) -> int:
        digits = str(value)
        if isinstance(value, bool | float) or not _is_number(digits) or int(digits) < least:
            raise ValueError(f'a whole number from {least} up')
        return int(digits)

    return read


def seconds(value: Any) -> float:
    """Read a length of time.

    Parameters:
        value: a number, or its text.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError('a number of seconds from 0 up')
    return number


def size(value: Any) -> int:
    """Read a number of bytes.

    Parameters:
        value: a number, or a text such as `1048576`, `1M` or `2G`.
    """
    text = str(value).upper()
    digits, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    if isinstance(value, bool | float) or not _is_number(digits):
        raise ValueError('a number of bytes, such as 1048576, 1M or 2G')
    return int(digits) * unit


def mode(value: Any) -> int:
    """Read the permissions of a file.

    Parameters:
        value: a number such as `0o660`, or octal digits such as `660`.
    """
    try:
        number = value if isinstance(value, int) and not isinstance(value, bool) else int(str(value), 8)
    except ValueError:
        number = -1
    if not 0 <= number <= 0o777:
        raise ValueError('octal permissions, such as 660')
    return number


def flag(value: Any) -> bool:
    """Read a yes or a no.

    Parameters:
        value: a bool, or one of the words true, yes, on, 1, false, no, off, 0.
    """
    words = {'true': True, 'yes': True, 'on': True, '1': True, 'false': False, 'no': False, 'off': False, '0': False}
    word = str(value).lower()
    if word not in words:
        raise ValueError('true or false')
    return words[word]


def text(value: Any) -> str:
    """Read a text that is not empty, or a path.

    Parameters:
        value: the text, or what has a file system path.
    """
    result = value.__fspath__() if hasattr(value, '__fspath__') else value
    if not isinstance(result, str) or not result or '\0' in result:
        raise ValueError('a text')
    return result


def host(value: Any) -> str:
    """Read a host.

    Parameters:
        value: a host name, an IPv4 or IPv6 address, `unix:/path`, `fd://N`; empty for every interface.
    """
    return text(value) if value != '' else ''


def url_path(value: Any) -> str:
    """Read the path of a URL (RFC 3986, section 3.3).

    Parameters:
        value: the path, such as `/healthz`, without a query and without escapes.
    """
    if not isinstance(value, str) or not re.fullmatch(r"(/[\w.~!$&'()*+,;=:@-]*)+", value, re.A):
        raise ValueError('the path of a URL, such as /healthz')
    return value


def literal(value: str) -> Any:
    """Read a value where everything is text: a number, true, false, or what else JSON has; any other text is itself.

    Parameters:
        value: the text.
    """
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def one_of(*choices: str) -> Reader:
    """Return a reader of one among some words.

    Parameters:
        choices: the words.
    """

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f'one of {", ".join(choices)}')
        return str(value)

    return read


def texts(value: Any) -> tuple[str, ...]:
    """Read several texts.

    Parameters:
        value: an iterable of texts, or one text with commas between them.
    """
    several: Any = value.split(',') if isinstance(value, str) else value
    try:
        return tuple(text(each.strip() if isinstance(each, str) else each) for each in several)
    except TypeError as error:
        raise ValueError('texts, with commas between them') from error


def binds(value: Any) -> tuple[str, ...]:
    """Read one or more addresses to listen on.

    Parameters:
        value: addresses as `parse_bind` takes them, in an iterable or in one text with commas between them.
    """
    addresses = texts(value)
    for each in addresses:
        parse_bind(each)
    if not addresses:
        raise ValueError('at least one address, such as 127.0.0.1:8080')
    if len(set(addresses)) < len(addresses):
        raise ValueError('different addresses; one is given twice')
    return addresses


def networks(value: Any) -> tuple[str, ...]:
    """Read the addresses of trusted proxies.

    Parameters:
        value: IP addresses, networks in CIDR notation, or the word `unix` for peers on a unix socket; in an iterable
            or in one text with commas between them. Or the word `nobody` alone.
    """
    from ipaddress import ip_network  # rarely needed, and slow to import

    addresses = texts(value)
    if addresses == (NOBODY,):
        return addresses
    for each in addresses:
        try:
            each == 'unix' or ip_network(each)
        except ValueError as error:
            raise ValueError(f'addresses or networks such as 10.0.0.0/8, unix, or nobody ({error})') from error
    return addresses


def backend_options(value: Any) -> Mapping[str, Any]:
    """Read the options of the backend.

    Parameters:
        value: a mapping of names to values.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError('names with values')
    return dict(value)


def _is_number(digits: str) -> bool:
    return len(digits) <= LONGEST_NUMBER and digits.isascii() and digits.isdigit()
