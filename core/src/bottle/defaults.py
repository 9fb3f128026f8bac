"""The module-level functions that stand for the methods of the default application."""

from __future__ import annotations

from functools import wraps
from typing import Any, cast

from bottle.applications import Bottle, default_app


class _Deferred:
    """Gives functions that call a method of whichever application is the default one at that time."""

    def __getattr__(self, name: str) -> Any:
        @wraps(getattr(Bottle, name))
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return getattr(default_app(), name)(*args, **kwargs)

        return wrapper


# To a type checker these are the bound methods themselves, overloads included.
_default = cast('Bottle', _Deferred())

route = _default.route
get = _default.get
post = _default.post
put = _default.put
delete = _default.delete
patch = _default.patch
error = _default.error
mount = _default.mount
hook = _default.hook
install = _default.install
uninstall = _default.uninstall
url = _default.get_url
