"""What the metadata of installed distributions says, read without importing any of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

CORE = 'bottle'


@dataclass(frozen=True, slots=True)
class Source:
    """Where a plugin comes from.

    Parameters:
        name: the name of its entry point.
        distribution: the name of the distribution that offers it.
        version: the version of that distribution; empty when it is not installed as one.
        entry_point: what to load; None for what is built in.
    """

    name: str
    distribution: str
    version: str = ''
    entry_point: EntryPoint | None = None

    def __str__(self) -> str:
        return f'{self.distribution} {self.version}'.strip()

    def is_from(self, distribution: str) -> bool:
        """Return whether this is the distribution of that name, however it is spelt."""
        return _normalized(self.distribution) == _normalized(distribution)


def core_source(name: str) -> Source:
    """Return the source of a plugin that is built into the core.

    Parameters:
        name: the server's name.
    """
    from bottle import __version__

    return Source(name, CORE, __version__)


def sources(group: str) -> list[Source]:
    """Return the entry points of a group, sorted by name.

    Parameters:
        group: for example `bottle.servers`.
    """
    from importlib_metadata import entry_points

    return sorted(map(_source, entry_points(group=group)), key=lambda each: each.name)


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, or an empty string when it is not installed.

    Parameters:
        distribution: its name on the package index.
    """
    from importlib_metadata import Distribution, PackageNotFoundError

    try:
        return _field(Distribution.from_name(distribution), 'Version')
    except PackageNotFoundError:
        return ''


def requirement(source: Source, distribution: str) -> str:
    """Return how a plugin's metadata requires a distribution, for example `gevent>=25.4.1`; else its mere name.

    Parameters:
        source: the plugin.
        distribution: the required distribution.
    """
    owner = source.entry_point.dist if source.entry_point is not None else None
    for each in (owner.requires or ()) if owner is not None else ():
        specification = each.partition(';')[0].strip()
        name = re.match(r'[\w.-]+', specification)
        if name and _normalized(name[0]) == _normalized(distribution):
            return specification.replace(' ', '')
    return distribution


def _source(entry_point: EntryPoint) -> Source:
    owner = entry_point.dist
    if owner is None:
        return Source(entry_point.name, entry_point.value, '', entry_point)
    return Source(entry_point.name, _field(owner, 'Name'), _field(owner, 'Version'), entry_point)


def _field(distribution: Any, field: str) -> str:
    """Return one field of the core metadata.

    Parsing the whole of it as an e-mail message would take a hundred times as long.
    """
    text = distribution.read_text('METADATA') or distribution.read_text('PKG-INFO') or ''
    match = re.search(rf'^{field}:\s*(.+?)\s*$', text.partition('\n\n')[0], re.MULTILINE)
    return match[1] if match else ''


def _normalized(distribution: str) -> str:
    return re.sub(r'[-_.]+', '-', distribution).lower()
