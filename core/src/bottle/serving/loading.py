"""Importing the application that is to be served, with errors that name the line that is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bottle import _util as util
from bottle._util import load
from bottle.errors import ApplicationError, ServerOptionError
from bottle.serving.plugins import cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bottle.serving.types import WSGIApplication


def prepared(
    app: WSGIApplication | str | None, plugins: Iterable[Any] | None, config: Mapping[str, Any] | None
) -> WSGIApplication:
    """Return the application that is meant, with plugins installed and configured.

    Parameters:
        app: a WSGI application, or `module:name`; the default application when None.
        plugins: framework plugins to install in the application, or their `module:name`.
        config: configuration values for the application.

    Raises:
        ApplicationError: the application or a plugin cannot be imported, or is not callable.
        ServerOptionError: plugins or configuration values are meant for what is no Bottle application.
    """
    if app is None:
        from bottle.applications import default_app

        app = default_app()
    application: Any = load_application(app) if isinstance(app, str) else app
    if not callable(application):
        raise ApplicationError(
            f'the application {application!r} is not callable: give a Bottle instance or another WSGI application'
        )
    if (plugins or config) and not hasattr(application, 'install'):
        raise ServerOptionError(f'plugins and config need a Bottle application; {application!r} is another kind')
    for plugin in plugins or ():
        application.install(_imported(plugin, load, 'plugin') if isinstance(plugin, str) else plugin)
    if config:
        application.config.update(config)
    return application  # type: ignore[no-any-return]  # anything callable may be a WSGI application


def _imported(target: str, loader: Callable[[str], Any], what: str) -> Any:
    try:
        return loader(target)
    except (Exception, SystemExit) as error:
        raise ApplicationError(
            f'the {what} {target!r} cannot be imported: {cause(error)} {_remedy(error, target)}'
        ) from error


def load_application(target: str) -> WSGIApplication:
    """Return the WSGI application that a text names.

    Parameters:
        target: `module:name`, or `module` for the default application that the module adds its routes to.

    Raises:
        ApplicationError: it cannot be imported. The text names the module or the line that is at fault; the cause is
            chained.
    """
    from bottle.applications import load_app

    application: WSGIApplication = _imported(target, load_app, 'application')
    return application


def _remedy(error: BaseException, target: str) -> str:
    module = target.partition(':')[0]
    if not module:
        return '(give MODULE:NAME)'
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and (module == error.name or module.startswith(error.name + '.'))
    ):
        return '(check the spelling, and that it is in the current folder or installed)'
    if isinstance(error, AttributeError) and _place(error).startswith(f'{util.__file__}:'):  # raised by `load` itself
        return '(check the spelling of what stands behind the colon)'
    return f'({_place(error)})'


def _place(error: BaseException) -> str:
    """Return the file and line where an exception was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}:{error.lineno}'
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f'{place.tb_frame.f_code.co_filename}:{place.tb_lineno}' if place is not None else 'no traceback'
