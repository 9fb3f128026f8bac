"""Who listens on an address already: what Linux tells in /proc, for the error that says it is in use (proc(5))."""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from bottle.serving.addresses import UNIX_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Address, IPv6Address

Each = TypeVar('Each')

LIMIT = 0.25  # seconds: an error must come at once, on a machine with many processes too
PROC = Path('/proc')
# Number, local address and port, remote address, the state LISTEN, six fields, the inode.
_TCP = re.compile(r'\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A(?:\s+\S+){5}\s+(\d+)')
# Address, references, protocol, the flag of a listening socket (__SO_ACCEPTCON), type, state, inode, path.
_UNIX = re.compile(r'\S+ \S+ \S+ 00010000 \S+ \S+\s+(\d+) (.+)\n')
# As the resolver would have it, without asking one: that may take longer than somebody waits for an error.
_NUMERIC = {'': '0.0.0.0', 'localhost': '127.0.0.1'}  # compared with, never bound


def owner_of(port: int, host: str) -> str:
    """Return which process listens on an address, as far as this user may know.

    Parameters:
        port: the TCP port.
        host: an address, `localhost`, an empty string for every IPv4 interface, or `unix:/path`; no other name is
            looked up.

    Returns:
        For example `python (process 1234)`; empty if it cannot be known within a quarter of a second. Of several
        processes that share a socket it is the one with the lowest number, mostly the parent of the others. The
        arguments of the process are never told, they may hold secrets.
    """
    until = monotonic() + LIMIT
    # An absent or unreadable /proc is the usual case on other systems; an address that is none has been refused.
    with suppress(OSError, ValueError):
        unix = host.startswith(UNIX_PREFIX)
        inodes = _unix_inodes(host.removeprefix(UNIX_PREFIX), until) if unix else _tcp_inodes(port, host, until)
        return _holder({f'socket:[{inode}]' for inode in inodes}, until)
    return ''


def _in_time(items: Iterable[Each], until: float) -> Iterator[Each]:
    return takewhile(lambda _: monotonic() < until, items)


def _tcp_inodes(port: int, host: str, until: float) -> list[str]:
    """Return the listening sockets that stand in the way of an address, only those that come closest to it."""
    from ipaddress import ip_address

    wanted = ip_address(_NUMERIC.get(host, host.partition('%')[0]))
    found: dict[tuple[bool, bool], list[str]] = {}
    for address, number, inode in _listening(until):
        if number == port and _collide(address, wanted):
            found.setdefault((address != wanted, address.version != wanted.version), []).append(inode)
    return found[min(found)] if found else []


def _listening(until: float) -> Iterator[tuple[IPv4Address | IPv6Address, int, str]]:
    for name in ('tcp', 'tcp6'):
        with suppress(OSError), (PROC / 'net' / name).open() as lines:
            next(lines, '')  # the names of the columns
            for match in map(_TCP.match, _in_time(lines, until)):
                if match is None:
                    break  # listening sockets come first, and connections may be a million
                yield _address(match[1]), int(match[2], 16), match[3]


def _address(text: str) -> IPv4Address | IPv6Address:
    """Return the address that is written as words of 32 bits in the byte order of the machine."""
    from ipaddress import ip_address

    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    address = ip_address(b''.join(word.to_bytes(4, sys.byteorder) for word in words))
    return getattr(address, 'ipv4_mapped', None) or address


def _collide(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    """Return whether two sockets cannot both listen: `::` takes IPv4 too, unless that is switched off for it."""
    pairs = ((one, other), (other, one))
    return one == other or any(wild.is_unspecified and wild.version >= narrow.version for wild, narrow in pairs)


def _unix_inodes(path: str, until: float) -> list[str]:
    """Return the socket that listens on a path; none if two had it one after the other."""
    if not stat.S_ISSOCK(Path(path).stat().st_mode):
        return []
    names = {path, str(Path(path).resolve())}
    with (PROC / 'net' / 'unix').open(errors='surrogateescape') as lines:
        matches = filter(None, map(_UNIX.fullmatch, _in_time(lines, until)))
        found = [match[1] for match in matches if match[2] in names]
    return found if len(found) == 1 else []


def _holder(links: set[str], until: float) -> str:
    """Return the first process that has one of these sockets open."""
    if links:
        for pid in _in_time(sorted(int(each.name) for each in PROC.iterdir() if each.name.isdigit()), until):
            # It may have ended by now, or belong to another user.
            with suppress(OSError):
                if _has_open(pid, links, until):
                    return _named(pid)
    return ''


def _has_open(pid: int, links: set[str], until: float) -> bool:
    with os.scandir(f'{PROC}/{pid}/fd') as entries:
        return any(_target(entry.path) in links for entry in _in_time(entries, until))


def _target(path: str) -> str:
    with suppress(OSError):
        return os.readlink(path)  # noqa: PTH115  # of tens of thousands, and Path takes five times as long
    return ''


def _named(pid: int) -> str:
    """Return name and number; the name is the kernel's, of 15 bytes, and a process may have put anything there."""
    name = (PROC / str(pid) / 'comm').read_text(errors='replace').rstrip('\n')
    shown = ''.join(each if each.isprintable() else '?' for each in name)
    return f'{shown} ({"this process" if pid == os.getpid() else f"process {pid}"})'
