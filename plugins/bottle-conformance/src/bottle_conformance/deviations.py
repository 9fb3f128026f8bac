"""Known deviations: data with a reason, beside the module of the adapter that they are about."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bottle.serving import ServerAdapter

FILE = 'deviations.toml'


@dataclass(frozen=True)
class Deviation:
    """A test that a server is known not to pass.

    Parameters:
        reason: why, in a sentence.
        reference: where the backend's authors say so, or where in its source it can be seen; an address or a path.
        by_chance: whether it passes in some runs, because it depends on how packets arrive or on what lies in memory;
            it is a deviation then as well.
        by_hand: why the backend passes when it is started by hand, and is no better for that.
    """

    reason: str
    reference: str = ''
    by_chance: bool = False
    by_hand: str = ''

    def __str__(self) -> str:
        return f'{self.reason} ({self.reference})' if self.reference else self.reason


def known_deviations(adapter: type[ServerAdapter]) -> dict[str, Deviation]:
    """Return the deviations of an adapter, by the name of the test.

    They stand in a file `deviations.toml` beside the adapter's module, in a table for each server:

        [gevent.test_something]
        reason = "gevent does something else"
        reference = "https://…"
        by_chance = true

    Parameters:
        adapter: the adapter class.

    Raises:
        ValueError: the file is not as it should be; the text names it.
    """
    path = Path(inspect.getfile(adapter)).with_name(FILE)
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding='utf-8')).get(adapter.name, {})
        return {test: Deviation(**table) for test, table in tables.items()}
    except (TypeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f'{path}: {error}') from error


def as_deviations(given: Mapping[str, str | Deviation]) -> dict[str, Deviation]:
    """Return deviations that an author may have written as mere reasons.

    Parameters:
        given: reasons, or deviations, by the name of the test.
    """
    return {test: Deviation(each) if isinstance(each, str) else each for test, each in given.items()}
