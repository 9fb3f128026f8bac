"""Every server of ours for `pserve` and whatever else reads Paste Deploy's files: `use = egg:bottle-server-NAME`.

A distribution publishes `bottle.serving.paste_runner:NAME` in the group `paste.server_runner`; the functions of all
names are made here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bottle.serving import readers
from bottle.serving.configuration import ADDRESS
from bottle.serving.options import portable_options
from bottle.serving.runner import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving.types import WSGIApplication


def serve(server: str, app: WSGIApplication, global_conf: object = None, /, **settings: Any) -> int:
    """Serve an application until it is told to stop, with the settings of a section `[server:main]`.

    Parameters:
        server: the server's name.
        app: the WSGI application.
        global_conf: what the file holds besides; of no effect.
        settings: portable options, and options of the backend with values in the notation of TOML; texts, all of them.

    Returns:
        0, the exit code.

    Raises:
        ServerError: the server cannot be found, configured or bound; one subclass for each cause.
    """
    del global_conf
    ours = {*portable_options(), *ADDRESS}
    run(
        app,
        server=server,
        **{name: value if name in ours else readers.literal(value) for name, value in settings.items()},
    )
    return 0


def __getattr__(name: str) -> Callable[..., int]:
    """Return the runner of a server (PEP 562).

    Parameters:
        name: the server's name.
    """
    if name.startswith('_'):
        raise AttributeError(name)
    return partial(serve, name)
