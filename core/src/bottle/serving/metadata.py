"""What the metadata of installed distributions says, read without importing any of them."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from importlib_metadata import EntryPoint

CORE = 'bottle'
FIELD = re.compile(r'^(Name|Version|Requires-Dist):[ \t]*(.+?)\s*$', re.MULTILINE)


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
    versions = (_fields(each)['Version'] for each in distributions(name=distribution, path=path))
    return next(chain.from_iterable(versions), '')  # a folder that an uninstallation has left behind has none


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
            places.append((each, Path(each).stat().st_mtime_ns))
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
            offered = [*_offered(text, group, _fields(each))]
            if offered:
                found.setdefault(_normalized(offered[0].distribution), offered)
    return sorted((one for offered in found.values() for one in offered), key=lambda one: (one.name, one.distribution))


def _offered(text: str, group: str, fields: Mapping[str, list[str]]) -> Iterator[Source]:
    from importlib_metadata import EntryPoint

    for name, value in _entries(text, group):
        distribution, version = ''.join(fields['Name'][:1]) or value, ''.join(fields['Version'][:1])
        yield Source(name, distribution, version, EntryPoint(name, value, group), tuple(fields['Requires-Dist']))


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


def _fields(distribution: Any) -> Mapping[str, list[str]]:
    """Return what stands in the core metadata in these three fields.

    Parsing all of it as an e-mail message would take a hundred times as long.
    """
    text = _text(distribution, 'METADATA') or _text(distribution, 'PKG-INFO')
    fields: dict[str, list[str]] = {'Name': [], 'Version': [], 'Requires-Dist': []}
    for field, value in FIELD.findall(text.partition('\n\n')[0]):
        fields[field].append(value)
    return fields


def _text(distribution: Any, file: str) -> str:
    try:
        return distribution.read_text(file) or ''
    except UnicodeDecodeError:
        return ''


def _normalized(distribution: str) -> str:
    return re.sub(r'[-_.]+', '-', distribution).lower()
