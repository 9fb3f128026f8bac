"""Believing what trusted proxies say about a request, and nobody else.

The framework reads REMOTE_ADDR, `wsgi.url_scheme` and `HTTP_HOST` alone. Here they get what a trusted proxy says; after
that, or if the peer is not trusted, no forwarding header is left in the environ that an application could believe by
accident.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from bottle.httputil import is_host
from bottle.serving.limits import refuse
from bottle.serving.options import portable_options, read_option
from bottle.serving.readers import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

Address: TypeAlias = IPv4Address | IPv6Address
T = TypeVar('T')

FORWARDED = 'HTTP_FORWARDED'
X_FORWARDED = 'HTTP_X_FORWARDED_'
SUFFIXES = ('FOR', 'HOST', 'PROTO', 'PORT', 'PREFIX', 'BY', 'SSL', 'SERVER', 'SCHEME', 'PROTOCOL')
HEADERS = (FORWARDED, 'HTTP_X_REAL_IP', *(X_FORWARDED + suffix for suffix in SUFFIXES))
PEER = 'bottle.peer'

MAX_LENGTH = 4096  # characters of one header
MAX_HOPS = 32
MAX_KNOWN = 1024  # addresses whose verdict is kept
UNIX_PEERS = ('', 'localhost')  # the latter is what waitress calls them; a TCP peer has an IP address
DEFAULT_PORTS = {'http': '80', 'https': '443'}

# RFC 7239, section 4; blanks are permitted around semicolons as they are around the commas of a list.
_WORD = r"[\w!#$%&'*+.^`|~-]+"
_PAIR = re.compile(rf'[ \t]*(?:({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*)?([;,]|\Z)', re.A)
_NODE = re.compile(r'(?:\[([0-9A-F]*:[0-9A-F:.]+)\]|([0-9.]+))(?::(?:([0-9]{1,5})|_[\w.-]+))?', re.A | re.I)
_OBFUSCATED = re.compile(r'(?:unknown|_[\w.-]+)(?::(?:[0-9]{1,5}|_[\w.-]+))?', re.A | re.I)
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[\w.~!$&'()*+;=:@-]+)*/?", re.A)
_PORT = re.compile(r'[1-9][0-9]{0,4}', re.A)
_CONTROL = re.compile(r'[^\t -~\x80-\xff]')


class _Malformed(ValueError):
    """What a trusted proxy has sent cannot be understood; the text says what, for the client."""


class Node(NamedTuple):
    """A client or proxy, as the one behind it has seen it.

    Parameters:
        address: its IP address; None if that is kept secret or not known.
        port: its TCP port, or an empty text.
    """

    address: str | None
    port: str


class Claims(NamedTuple):
    """What the outermost trusted proxy says; None where it says nothing.

    Parameters:
        client: who has asked it.
        proto: the scheme that it was asked with.
        host: the `Host` that it was asked for.
        port: the TCP port that it was asked on.
        prefix: the path below which it has the application.
    """

    client: Node | None
    proto: str | None
    host: str | None
    port: str | None = None
    prefix: str | None = None


def trusting(app: WSGIApplication, networks: Sequence[str]) -> WSGIApplication:
    """Let an application see requests as the client made them, where a trusted proxy tells.

    From right to left, each entry of `Forwarded` (RFC 7239) or else of `X-Forwarded-For` was written by the one to its
    right, so that the client is the right-most address that is not trusted; the left-most if all are. Host, scheme,
    port and prefix are taken from the same entry, or from the right-most one where their number is another. What stands
    further to the left is anybody's claim and not looked at. What cannot be understood is answered with 400.

    With `Forwarded`, no `X-Forwarded-` header is believed: a proxy that writes the standard one may well pass on the
    others as the client has sent them. It may also be the other way round, which is why both must name the same last
    hop where both are there. A trusted proxy has to set, or to remove, every other header of these that is not its own.

    The path of `X-Forwarded-Prefix` goes to `SCRIPT_NAME`, whether the proxy has removed it from the path or not: a
    path that begins with these segments loses them.

    `REMOTE_ADDR` is absent when the proxy keeps the client's address secret. The direct peer's is in `bottle.peer`.

    Parameters:
        app: the application.
        networks: the addresses of trusted proxies, networks in CIDR notation, or the word `unix` for peers on a unix
            socket; the word `nobody` alone removes what anybody claims.

    Returns:
        The wrapped application.

    Raises:
        ServerOptionError: this is no address, network or `unix`.
    """
    trusted = _judge(read_option(portable_options()['trusted_proxies'], networks))

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        peer = environ[PEER] = environ.get('REMOTE_ADDR') or ''
        said = {name: environ.pop(name) for name in HEADERS if name in environ}
        if said and trusted(peer):
            try:
                _believe(environ, said, trusted)
            except _Malformed as fault:
                return refuse(environ, start_response, '400 Bad Request', str(fault))
        return app(environ, start_response)

    return application


def _judge(networks: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether a REMOTE_ADDR is trusted."""
    unix = 'unix' in networks
    trusted = [_unmapped_network(each) for each in networks if each not in ('unix', NOBODY)]

    @lru_cache(MAX_KNOWN)
    def judge(peer: str) -> bool:
        if peer in UNIX_PEERS:
            return unix
        address = _address(peer.partition('%')[0])  # the zone of a link-local address
        return address is not None and any(address in network for network in trusted)

    return judge


def _unmapped_network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        return ip_network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def _address(text: str) -> Address | None:
    """Return an IP address; one of IPv4 also when it is written as one of IPv6 (RFC 4291, section 2.5.5.2)."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _believe(environ: Environ, headers: Mapping[str, str], trusted: Callable[[str], bool]) -> None:
    """Put into the environ what the headers of a trusted peer say."""
    for name, text in headers.items():
        if len(text) > MAX_LENGTH or _CONTROL.search(text):
            raise _Malformed(f'{name[5:].replace("_", "-").title()} is too long or holds control characters.')
    nodes = _entries(headers.get(X_FORWARDED + 'FOR', ''))
    elements = _elements(headers.get(FORWARDED, ''))
    claims = _standard(elements, nodes, trusted) if elements else _customary(nodes, headers, trusted)
    _set_client(environ, claims.client)
    _set_prefix(environ, claims.prefix)
    _set_host(environ, claims)


def _standard(elements: list[dict[str, str]], nodes: list[str], trusted: Callable[[str], bool]) -> Claims:
    """Return what `Forwarded` says, unless `X-Forwarded-For` contradicts it."""
    hops = [each.get('for', 'unknown') for each in elements]
    if nodes and _node(hops[-1]).address != _bare_node(nodes[-1]).address:
        raise _Malformed('Forwarded and X-Forwarded-For contradict each other.')
    index, client = _walk(hops, _node, trusted)
    return Claims(client, elements[index].get('proto'), elements[index].get('host'))


def _customary(nodes: list[str], headers: Mapping[str, str], trusted: Callable[[str], bool]) -> Claims:
    """Return what the `X-Forwarded-` headers say."""
    index, client = _walk(nodes, _bare_node, trusted) if nodes else (-1, None)

    def entry(suffix: str) -> str | None:
        entries = _entries(headers.get(X_FORWARDED + suffix, ''))
        return entries[index if len(entries) == len(nodes) else -1] if entries else None

    return Claims(client, entry('PROTO'), entry('HOST'), entry('PORT'), entry('PREFIX'))


def _walk(hops: list[str], read: Callable[[str], Node], trusted: Callable[[str], bool]) -> tuple[int, Node]:
    """Return the client and its place: the right-most hop that is not trusted, or else the first."""
    for index in reversed(range(len(hops))):
        node = read(hops[index])
        if node.address is None or not trusted(node.address):
            break
    return index, node


def _entries(text: str) -> list[str]:
    """Return the entries of a list; empty ones do not count (RFC 9110, section 5.6.1.2)."""
    return _few([entry for entry in (each.strip(' \t') for each in text.split(',')) if entry])


def _elements(text: str) -> list[dict[str, str]]:
    """Return the elements of a `Forwarded` header, each with its parameters by name."""
    elements: list[dict[str, str]] = [{}]
    position, end = 0, ';'
    while end:
        match = _PAIR.match(text, position)
        if match is None or (match[1] or '').lower() in elements[-1]:
            raise _Malformed('Forwarded is malformed.')
        name, token, quoted, end = match.groups()
        if name:
            elements[-1][name.lower()] = re.sub(r'\\(.)', r'\1', quoted) if token is None else token
        if end == ',':
            elements.append({})
        position = match.end()
    return _few([each for each in elements if each])


def _few(hops: list[T]) -> list[T]:
    if len(hops) > MAX_HOPS:
        raise _Malformed('The request has been forwarded too often.')
    return hops


@lru_cache(MAX_KNOWN)
def _node(text: str) -> Node:
    """Return the node that a text names (RFC 7239, section 6)."""
    if _OBFUSCATED.fullmatch(text):
        return Node(None, '')
    match = _NODE.fullmatch(text)
    address = _address(match[1] or match[2]) if match else None
    if match is None or address is None or int(match[3] or 0) > 65535:
        raise _Malformed('A client is forwarded for whose address is none.')
    return Node(str(address), match[3] or '')


def _bare_node(text: str) -> Node:
    """Return the node that an entry of `X-Forwarded-For` names: there, IPv6 usually has no brackets."""
    return _node(f'[{text}]' if text.count(':') > 1 and '[' not in text else text)


def _set_client(environ: Environ, client: Node | None) -> None:
    if client is None:
        return
    for name in ('REMOTE_ADDR', 'REMOTE_PORT', 'REMOTE_HOST'):
        environ.pop(name, None)
    if client.address is not None:
        environ['REMOTE_ADDR'] = client.address
    if client.port:
        environ['REMOTE_PORT'] = client.port


def _set_prefix(environ: Environ, prefix: str | None) -> None:
    if prefix is None:
        return
    if not _PREFIX.fullmatch(prefix):
        raise _Malformed('X-Forwarded-Prefix is no clean path.')
    prefix = prefix.rstrip('/')
    path = environ.get('PATH_INFO', '')
    if path == prefix or path.startswith(f'{prefix}/'):
        environ['PATH_INFO'] = path[len(prefix) :]
    environ['SCRIPT_NAME'] = prefix + environ.get('SCRIPT_NAME', '')


def _set_host(environ: Environ, claims: Claims) -> None:
    """Set scheme, host and port, so that each way to build a URL (PEP 3333, "URL Reconstruction") gives the same."""
    if claims.proto is claims.host is claims.port is None:
        return
    scheme = environ.get('wsgi.url_scheme', 'http') if claims.proto is None else claims.proto.lower()
    host = environ.get('HTTP_HOST', '') if claims.host is None else claims.host
    if scheme not in DEFAULT_PORTS:
        raise _Malformed('The forwarded scheme is neither http nor https.')
    if claims.host == '' or not is_host(host):
        raise _Malformed('The forwarded host is malformed.')
    if claims.port is not None and not (_PORT.fullmatch(claims.port) and int(claims.port) <= 65535):
        raise _Malformed('The forwarded port is malformed.')
    environ['wsgi.url_scheme'] = scheme
    _set_server(environ, scheme, host, claims.port)


def _set_server(environ: Environ, scheme: str, host: str, port: str | None) -> None:
    name, own_port = (host, '') if host.endswith(']') or ':' not in host else host.rsplit(':', 1)
    if not own_port and port not in (None, DEFAULT_PORTS[scheme]):
        host = f'{name}:{port}'
    if name:
        environ['HTTP_HOST'], environ['SERVER_NAME'] = host, name
    environ['SERVER_PORT'] = own_port or port or DEFAULT_PORTS[scheme]
