"""What the metadata of installed distributions says, read without importing any of them."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importlib_metadata import Distribution, EntryPoint

CORE = 'bottle'


class Source(NamedTuple):
    """Where a plugin comes from.

    Parameters:
        name: the name of its entry point.
        distribution: the name of the distribution that offers it.
        version: the version of that distribution; empty when it is not installed as one.
        entry_point: what to load; None for what is built in.
        requires: what the distribution requires, one requirement (PEP 508) each.
    """

    name: str
    distribution: str
    version: str = ''
    entry_point: EntryPoint | None = None
    requires: tuple[str, ...] = ()

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
    return list(_sources(group, _places()))


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, or an empty string when it is not installed.

    Parameters:
        distribution: its name on the package index.
    """
    from importlib_metadata import distributions

    path = [place for place, _ in _places()]
    versions = (_field(_header(each), 'Version') for each in distributions(name=distribution, path=path))
    return next(filter(None, versions), '')  # a folder that an uninstallation has left behind has none


def requirement(source: Source, distribution: str) -> str:
    """Return how a plugin's metadata requires a distribution, for example `gevent>=25.4.1`; else its mere name.

    Parameters:
        source: the plugin.
        distribution: the required distribution.
    """
    for each in source.requires:
        specification = each.partition(';')[0].strip()
        name = re.match(r'[\w.-]+', specification)
        if name and _normalized(name[0]) == _normalized(distribution):
            return specification.replace(' ', '')
    return distribution


def _places() -> tuple[tuple[str, int], ...]:
    """Return the folders and archives on the path that exist, each with the time when something was added or removed.

    What does not exist costs most: importlib_metadata takes it for an archive, and imports what opens one.
    """
    places = []
    for each in sys.path:
        with suppress(OSError):
            places.append((each, os.stat(each or '.').st_mtime_ns))
    return tuple(places)


@lru_cache(maxsize=8)
def _sources(group: str, places: tuple[tuple[str, int], ...]) -> list[Source]:
    """Return the entry points of a group; read anew when something was installed or uninstalled.

    As on import, the first distribution of a name on the path hides others of the same name.
    """
    from importlib_metadata import distributions

    found: dict[str, list[Source]] = {}
    for each in distributions(path=[place for place, _ in places]):
        text = _text(each, 'entry_points.txt')
        if group in text:
            header = _header(each)
            found.setdefault(_normalized(_field(header, 'Name')), list(_offered(text, group, header)))
    return sorted((one for offered in found.values() for one in offered), key=lambda one: one.name)


def _offered(text: str, group: str, header: str) -> Iterator[Source]:
    from importlib_metadata import EntryPoint

    name, version = _field(header, 'Name'), _field(header, 'Version')
    requires = tuple(_fields(header, 'Requires-Dist'))
    for key, value in _entries(text, group):
        yield Source(key, name or value, version, EntryPoint(key, value, group), requires)


def _entries(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Return the names and values of a group in an entry_points.txt.

    Here, because importlib_metadata raises at a line that it cannot read: one distribution would hide all others.
    """
    section = ''
    for line in map(str.strip, text.splitlines()):
        name, separator, value = line.partition('=')
        if line.startswith('['):
            section = line.strip('[]').strip()
        elif section == group and separator and not line.startswith(('#', ';')):
            yield name.strip(), value.strip()


def _header(distribution: Distribution) -> str:
    """Return the fields of the core metadata.

    Parsing them as an e-mail message would take a hundred times as long.
    """
    text = _text(distribution, 'METADATA') or _text(distribution, 'PKG-INFO')
    return text.partition('\n\n')[0]


def _field(header: str, field: str) -> str:
    return next(iter(_fields(header, field)), '')


def _fields(header: str, field: str) -> list[str]:
    return re.findall(rf'^{field}:[ \t]*(.+?)\s*$', header, re.MULTILINE)


def _text(distribution: Distribution, file: str) -> str:
    try:
        return distribution.read_text(file) or ''
    except UnicodeDecodeError:
        return ''


def _normalized(distribution: str) -> str:
    return re.sub(r'[-_.]+', '-', distribution).lower()
