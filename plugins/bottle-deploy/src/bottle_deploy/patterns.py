"""Regular expressions that web servers read: plain enough for each of them, and without a backslash to be quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def literal(text: str) -> str:
    """Return what matches a text and nothing else.

    Parameters:
        text: a host name or the path of a URL, as `values` reads them.
    """
    return ''.join(each if each.isalnum() or each in '-/_' else f'[{each}]' for each in text)


def hosts(names: Iterable[str]) -> str:
    """Return what matches the `Host` of a request for a site, with or without a port.

    Parameters:
        names: host names; `*.` before one means anything below it.
    """
    each = (f'.+{literal(name[1:])}' if name.startswith('*') else literal(name) for name in names)
    return f'^({"|".join(each)})(:[0-9]+)?$'
