"""The plugins that every application begins with: JSON for dicts, templates for `route(template=…)`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bottle._util import json_dumps
from bottle.responses import HTTPResponse, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.applications import Bottle
    from bottle.routing import Route


class JSONPlugin:
    """Answers with JSON (RFC 8259) where a handler returns a dict, or an HTTPResponse whose body is one.

    Parameters:
        json_dumps: turns a dict into text; None switches the plugin off.

    An application's configuration may change it: `json.enable`, `json.ascii` (escape what is not ASCII), `json.indent`,
    and `json.dump_func`, which takes the place of `json_dumps` and of the other two.
    """

    name = 'json'
    api = 2

    def __init__(self, json_dumps: Callable[[Any], str] | None = json_dumps) -> None:
        self.json_dumps = json_dumps

    def setup(self, app: Bottle) -> None:
        """Define the configuration of an application that installs the plugin."""
        define = app.config._define
        define('json.enable', default=True, validate=bool, help='Turn dicts into JSON.')
        define('json.ascii', default=True, validate=bool, help='Escape what is not ASCII.')
        define('json.indent', default=False, validate=bool, help='Add white space for readers.')
        define('json.dump_func', default=None, help='Turns a dict into JSON; the other options no longer apply.')

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Return the handler, wrapped for dicts."""
        dumps = self._dumps(route)
        if dumps is None:
            return callback

        def answer_in_json(*args: Any, **kwargs: Any) -> Any:
            try:
                result = callback(*args, **kwargs)
            except HTTPResponse as raised:
                result = raised
            if isinstance(result, dict):
                # Before the header is set: an error must not be sent as JSON.
                text = dumps(result)
                response.set_header('Content-Type', 'application/json')
                return text
            if isinstance(result, HTTPResponse) and isinstance(result.body, dict):
                result.body = dumps(result.body)
                result.set_header('Content-Type', 'application/json')
            return result

        return answer_in_json

    def _dumps(self, route: Route) -> Callable[[Any], str] | None:
        config = route.config
        if self.json_dumps is None or not config.get('json.enable', True):
            return None
        if config.get('json.dump_func'):
            dump_func: Callable[[Any], str] = config['json.dump_func']
            return dump_func
        options: dict[str, Any] = {}
        if not config.get('json.ascii', True):
            options['ensure_ascii'] = False
        if config.get('json.indent'):
            options['indent'] = 2
        return partial(self.json_dumps, **options) if options else self.json_dumps


class TemplatePlugin:
    """Renders the dict that a handler returns if its route says `template='name'` or `template=('name', defaults)`."""

    name = 'template'
    api = 2

    def setup(self, app: Bottle) -> None:
        """Make the plugin known to the application, as Bottle does."""
        app.tpl = self

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Return the handler, decorated with `view` if the route names a template."""
        choice = route.config.get('template')
        if not choice:
            return callback
        from bottle.templating import view

        decorated: Callable[..., Any]
        if isinstance(choice, (tuple, list)) and len(choice) == 2:
            decorated = view(choice[0], **choice[1])(callback)
        else:
            decorated = view(choice)(callback)
        return decorated
