"""A conformance kit for WSGI servers: does a server adapter of Bottle keep its promises?

    pytest --pyargs bottle_conformance --bottle-server NAME

In the repository of an adapter, a subclass of `ServerSuite` runs the same tests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bottle_conformance.deviations import Deviation
    from bottle_conformance.suite import ServerSuite

__all__ = ['Deviation', 'ServerSuite']
__version__ = '1.0.0'

_MODULES = {'Deviation': f'{__name__}.deviations', 'ServerSuite': f'{__name__}.suite'}


def __getattr__(name: str) -> object:
    """Import what is asked for: the servers under test, which need no pytest, share this package (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_MODULES[name]), name)
