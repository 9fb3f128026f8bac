"""What a test stands for: a sentence of a specification, and the level of trust that depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving import Capabilities

LEVELS = {1: 'WSGI-correct', 2: 'safe behind a proxy', 3: 'safe when exposed', 4: 'operations'}
OPERATIONS = 4  # the level that only an adapter has: a backend started by hand makes none of its promises
MARKER = 'conformance'

Test = TypeVar('Test', bound='Callable[..., object]')


def rule(level: int, *sections: str, needs: str = '', thorough: bool = False) -> Callable[[Test], Test]:
    """Say what a test of the kit stands for.

    Parameters:
        level: the lowest level that a server does not reach when the test fails; see `LEVELS`.
        sections: the sections that the test follows, such as `RFC 9112, 6.3`.
        needs: the capabilities without which the test does not apply, with spaces between them. `http`,
            `listens` and `concurrency` stand for a server that speaks HTTP, for one that listens by itself, and for one
            that may serve several clients at once.
        thorough: whether the test takes long and is left out of a quick run.

    Returns:
        A decorator for the test.
    """
    if level not in LEVELS or not sections:
        raise ValueError('a rule has a level and names its section')

    def decorate(test: Test) -> Test:
        mark = pytest.mark.conformance(level=level, sections=sections, needs=needs, thorough=thorough)
        return cast('Test', mark(test))

    return decorate


def declares(capabilities: Capabilities, needed: str) -> bool:
    """Return whether a server declares what a test needs.

    Parameters:
        capabilities: what it declares.
        needed: the value of `needs` in the rule of the test.
    """
    special = {
        'http': capabilities.protocol == 'http',
        'listens': capabilities.protocol != 'cgi',
        'concurrency': capabilities.concurrency != 'sync',
    }
    return all(special[each] if each in special else getattr(capabilities, each) for each in needed.split())
