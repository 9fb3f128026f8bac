"""Reading the values of the command's options; a `ValueError` says what is wanted.

What has a grammar of its own (names, hosts, URLs) is held to it here, so that nothing can break out of a file whatever
its language. What is free text (paths, the environment) holds anything but control characters: each target quotes it.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from bottle.errors import ServerOptionError
from bottle.serving import readers
from bottle.serving.addresses import UNIX_PREFIX, parse_bind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bottle_deploy.plan import Backend

_APPLICATION = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*)?', re.A)
_NAME = re.compile(r'[a-z][a-z0-9]*([-_][a-z0-9]+)*', re.A)
_LABEL = r'[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
_HOSTNAME = re.compile(rf'(\*\.)?{_LABEL}(\.{_LABEL})*', re.A | re.I)  # RFC 1123, section 2.1
_URL_PATH = re.compile(r'(/[\w.~!&*+,=:@-]+)+/?', re.A)  # RFC 3986, section 3.3, but for what some language takes amiss
_DOTS = re.compile(r'/\.{1,2}(/|\Z)')
_VARIABLE = re.compile(r'[^\W\d]\w*', re.A)
_IMAGE = re.compile(rf'({_LABEL}(\.{_LABEL})*(:\d+)?/)?[a-z0-9]+([._/-][a-z0-9]+)*(:[\w][\w.-]{{0,127}})?', re.A)
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')  # and what no file may hold


def application(value: str) -> str:
    """Read `MODULE:NAME`; a module alone means its `app`.

    Parameters:
        value: the text.
    """
    if not _APPLICATION.fullmatch(value):
        raise ValueError('MODULE:NAME, for example myapp:app')
    return value if ':' in value else f'{value}:app'


def name(value: str) -> str:
    """Read a name of a service, a server or a user.

    Parameters:
        value: the text.
    """
    if not _NAME.fullmatch(value) or len(value) > 63:
        raise ValueError('a name of small letters, digits and single dashes')
    return value


def printable(value: str) -> str:
    """Read a text that stays on its line.

    Parameters:
        value: the text.
    """
    if not value or _CONTROL.search(value):
        raise ValueError('a text without control characters')
    return value


def path(value: str) -> str:
    """Read a path and return it absolute, without a slash at its end.

    Parameters:
        value: the text; relative to the current folder.
    """
    if not value or _CONTROL.search(value):
        raise ValueError('a path without control characters')
    return os.path.abspath(value)  # noqa: PTH100  # resolving an interpreter would leave its environment


def socket_folder(value: str) -> str:
    """Read the path of a folder with unix sockets.

    Parameters:
        value: as `path` takes it.
    """
    if ',' in value:
        raise ValueError('a folder without a comma in its path, which --bind of the server takes for the end of one')
    return path(value)


def url_path(value: str) -> str:
    """Read the path of a URL.

    Parameters:
        value: the text, such as `/healthz`.
    """
    if not _URL_PATH.fullmatch(value) or _DOTS.search(value):
        raise ValueError('the path of a URL, such as /healthz')
    return value


def hostname(value: str) -> str:
    """Read a host name or an IP address.

    Parameters:
        value: the text, such as `example.com` or `*.example.com`.
    """
    if not _HOSTNAME.fullmatch(value) or len(value) > 253:
        raise ValueError('a host name, such as example.com')
    return value.lower()


def port(value: str) -> int:
    """Read a TCP port.

    Parameters:
        value: the text.
    """
    number = int(readers.whole_number(1)(value))
    if number > 65535:
        raise ValueError('a port from 1 to 65535')
    return number


def positive_seconds(value: str) -> float:
    """Read a length of time of at least a second.

    Parameters:
        value: the text.
    """
    number = readers.seconds(value)
    if number < 1:
        raise ValueError('a number of seconds from 1 up')
    return number


def listen(value: str) -> str:
    """Read where a web server listens.

    Parameters:
        value: `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.
    """
    host, number = _host_and_port(value)
    if host:
        _check_host(host)
    if not number:
        raise ValueError('HOST:PORT or :PORT; 0 is no port that anybody could find')
    return value


def backend(value: str) -> Backend:
    """Read where an instance listens.

    Parameters:
        value: `HOST:PORT`, `[IPv6]:PORT` or `unix:/path`.
    """
    from bottle_deploy.plan import Backend

    if value.startswith(UNIX_PREFIX):
        return Backend('', 0, path(value.removeprefix(UNIX_PREFIX)))
    host, number = _host_and_port(value)
    if not host or not number:
        raise ValueError('HOST:PORT or unix:/path of an instance')
    _check_host(host)
    return Backend(host, number, '')


def _host_and_port(value: str) -> tuple[str, int]:
    if '/' in value or not re.search(r':\d+\Z', value):
        raise ValueError('HOST:PORT, an IPv6 address in brackets')
    try:
        return parse_bind(value)
    except ServerOptionError as error:
        raise ValueError(f'HOST:PORT ({error})') from error


def _check_host(host: str) -> None:
    if ':' in host:
        ip_address(host)
    elif '*' in host:
        raise ValueError('one host, not a pattern')
    else:
        hostname(host)


def static(value: str) -> tuple[str, str]:
    """Read which folder is served below which URL.

    Parameters:
        value: `URL=DIR`, such as `/static=public`.
    """
    url, separator, folder = value.partition('=')
    if not separator:
        raise ValueError('URL=DIR, such as /static=public')
    return url_path(url).rstrip('/'), path(folder)


def variable(value: str) -> tuple[str, str]:
    """Read a variable of the environment.

    Parameters:
        value: `NAME=VALUE`.
    """
    name, separator, text = value.partition('=')
    if not separator or not _VARIABLE.fullmatch(name) or _CONTROL.search(text):
        raise ValueError('NAME=VALUE, without control characters')
    return name, text


def image(value: str) -> str:
    """Read the name of a container image.

    Parameters:
        value: the text, such as `registry.example.com/board:1`.
    """
    if not _IMAGE.fullmatch(value) or len(value) > 255:
        raise ValueError('the name of an image, such as registry.example.com/board:1')
    return value


def each(read: Callable[[str], Any]) -> Callable[[Sequence[str]], tuple[Any, ...]]:
    """Return a reader of several values, none of them twice.

    Parameters:
        read: the reader of one.
    """

    def read_all(texts: Sequence[str]) -> tuple[Any, ...]:
        found = tuple(read(text) for text in texts)
        if len(set(found)) < len(found):
            raise ValueError('each value once')
        return found

    return read_all
