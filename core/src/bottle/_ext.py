"""`bottle.ext.<name>` is the module `bottle_<name>`: where plugins for the framework have always been found.

There is no file `ext.py`: the finder here answers for `bottle.ext` and everything below it.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_PACKAGE = 'bottle.ext'


class ExtensionFinder:
    """Finds `bottle.ext` and the modules in it (PEP 451)."""

    @classmethod
    def find_spec(
        cls, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `bottle.ext` or a module below it; None for all others."""
        loader: Any = cls()
        if fullname == _PACKAGE:
            return ModuleSpec(fullname, loader, is_package=True)
        return ModuleSpec(fullname, loader) if fullname.startswith(f'{_PACKAGE}.') else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return the module behind a name below `bottle.ext`; the default for the package itself.

        Raises:
            ImportError: the module `bottle_<name>` cannot be imported.
        """
        if spec.name == _PACKAGE:
            return None
        from importlib import import_module

        return import_module('bottle_' + spec.name.removeprefix(f'{_PACKAGE}.'))

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module has been run under its own name."""


def register() -> None:
    """Let the import system ask the finder last, unless it does already."""
    if ExtensionFinder not in sys.meta_path:
        sys.meta_path.append(ExtensionFinder)
