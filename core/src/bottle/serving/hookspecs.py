"""The hooks that a plugin of Bottle may implement, specified for pluggy.

A server plugin is a module named by an entry point of the group `bottle.servers`; an extension is one of the group
`bottle.plugins`; a plugin of the group `bottle.commands` adds commands to `python -m bottle`. Each marks its
implementations with `bottle.serving.hookimpl`. An implementation may take fewer arguments than the specification names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.commands import CommandRegistry
    from bottle.serving.options import ServerOptions
    from bottle.serving.types import WSGIApplication

PROJECT = 'bottle'
SERVERS = 'bottle.servers'
EXTENSIONS = 'bottle.plugins'
COMMANDS = 'bottle.commands'

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def bottle_server_adapter() -> type[ServerAdapter]:  # type: ignore[empty-body]  # a specification has no body
    """Return the adapter class of this plugin.

    Called when the entry point of the group `bottle.servers` was just loaded, for this one plugin alone.

    Returns:
        A subclass of `ServerAdapter`. The backend must not be imported for it.

    .. versionadded:: 1.0
    """


@hookspec
def bottle_prepare_process(options: ServerOptions) -> None:
    """Prepare the process before the application is imported, for example by monkey-patching it.

    Called for the chosen server's plugin alone, when the command line starts a server. A program that calls `run()`
    itself has
    imported its application already: there the hook is not called.

    Parameters:
        options: the options that the server will be started with.

    .. versionadded:: 1.0
    """


@hookspec
def bottle_server_started(server: ServerAdapter) -> None:
    """Take note that a server listens.

    Called for the chosen server's plugin and for every extension, when the sockets are bound and before the first
    request.

    Parameters:
        server: the adapter; `server.url` is the real URL, with the real port.

    .. versionadded:: 1.0
    """


@hookspec
def bottle_server_stopped(server: ServerAdapter) -> None:
    """Take note that a server has drained and its sockets are closed.

    Called for the chosen server's plugin and for every extension.

    Parameters:
        server: the adapter that was given to `bottle_server_started`.

    .. versionadded:: 1.0
    """


@hookspec
def bottle_wrap_application(app: WSGIApplication, options: ServerOptions) -> WSGIApplication | None:
    """Wrap the WSGI application before it is served.

    Called for every extension in the order of their names, each with what the one before it has returned.

    Parameters:
        app: the WSGI application (PEP 3333).
        options: the options that the server will be started with.

    Returns:
        The application to serve instead, or None to leave it as it is.

    .. versionadded:: 1.0
    """


@hookspec
def bottle_register_command(registry: CommandRegistry) -> None:
    """Add commands to `python -m bottle NAME`.

    Called for the one plugin of the group `bottle.commands` whose entry point has the name that was typed.

    Parameters:
        registry: `registry.add(name, function, help)` adds a command.

    .. versionadded:: 1.0
    """
