"""Names for the types of PEP 3333 that the serving wing passes around."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
WSGIApplication: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
