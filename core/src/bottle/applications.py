"""Applications: the class Bottle, the stack of default applications, and the functions that stand for its methods."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast, overload

from bottle._context import current
from bottle._util import depr, load, makelist, settings
from bottle.config import ResourceManager
from bottle.dispatching import Dispatcher, Handler
from bottle.mounting import mountpoint
from bottle.plugins import JSONPlugin, TemplatePlugin
from bottle.routing import Route, yieldroutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class Bottle(Dispatcher):
    """A WSGI application (PEP 3333): routes with their handlers, error handlers, hooks, plugins and a configuration.

    Parameters:
        kwargs: `catchall` sets the property of this name; everything else is ignored, as in Bottle 0.13.

    Attributes:
        resources: a ResourceManager for files that belong to the application.
        routes: the routes in the order of their addition.
        plugins: the installed plugins, the latest last.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self.resources = ResourceManager()
        self.routes: list[Route] = []
        self.plugins: list[Any] = []
        self.install(JSONPlugin())
        self.install(TemplatePlugin())
        if 'catchall' in kwargs:
            self.catchall = kwargs['catchall']

    # Plugins

    def install(self, plugin: Any) -> Any:
        """Apply a plugin to all routes, those to come included.

        Parameters:
            plugin: a decorator for handlers, or an object with a method `apply(callback, route)`. A method `setup(app)`
                is called first; one called `close` when the plugin is removed or the application closed.

        Returns:
            The plugin.

        Raises:
            TypeError: it is no plugin.
        """
        if hasattr(plugin, 'setup'):
            plugin.setup(self)
        if not callable(plugin) and not hasattr(plugin, 'apply'):
            raise TypeError('Plugins must be callable or implement .apply()')
        self.plugins.append(plugin)
        self.reset()
        return plugin

    def uninstall(self, plugin: Any) -> list[Any]:
        """Remove plugins.

        Parameters:
            plugin: an instance, a class, a name, or True for all.

        Returns:
            The plugins that were removed.
        """
        removed = [each for each in reversed(self.plugins) if _is_meant(each, plugin)]
        for each in removed:
            self.plugins.remove(each)
            if hasattr(each, 'close'):
                each.close()
        if removed:
            self.reset()
        return removed

    def reset(self, route: Route | int | None = None) -> None:
        """Apply the plugins anew.

        Parameters:
            route: the route, or its place in `routes`; all if None.
        """
        if isinstance(route, int):
            route = self.routes[route]
        for each in [route] if route else self.routes:
            each.reset()
            if settings.debug:
                each.prepare()
        self.trigger_hook('app_reset')

    def close(self) -> None:
        """Close all plugins that can be closed. The application is not used any more."""
        for plugin in self.plugins:
            if hasattr(plugin, 'close'):
                plugin.close()

    # Routes

    def add_route(self, route: Route) -> None:
        """Add a route that has been made elsewhere; it is not checked whose it is."""
        self.routes.append(route)
        self.router.add(route.rule, route.method, route, name=route.name)
        if settings.debug:
            route.prepare()

    def match(self, environ: WSGIEnvironment) -> tuple[Route, dict[str, Any]]:
        """Return the route for a request and the values of its wildcards; see `Router.match`."""
        return self.router.match(environ)

    def get_url(self, routename: str, **kargs: Any) -> str:
        """Return the path of a named route, SCRIPT_NAME of the current request included if there is one.

        Parameters:
            routename: the name of the route, or its rule.
            kargs: the values of its wildcards; what is left over becomes the query string.

        Raises:
            RouteBuildError: there is no such route, or a value is missing.
        """
        context = current.get(None)
        script_name = context.environ.get('SCRIPT_NAME', '').strip('/') if context else ''
        path = self.router.build(routename, **kargs).lstrip('/')
        return f'/{script_name}/{path}' if script_name else f'/{path}'

    @overload
    def route(self, path: Handler, /) -> Handler: ...
    @overload
    def route(
        self,
        path: str | Iterable[str] | None = None,
        method: str | Iterable[str] = 'GET',
        *,
        callback: Handler,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        **config: Any,
    ) -> Handler: ...
    @overload
    def route(
        self,
        path: str | Iterable[str] | None,
        method: str | Iterable[str],
        callback: Handler,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        **config: Any,
    ) -> Handler: ...
    @overload
    def route(
        self,
        path: str | Iterable[str] | None = None,
        method: str | Iterable[str] = 'GET',
        callback: str | None = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        **config: Any,
    ) -> Callable[[Handler], Handler]: ...
    def route(
        self,
        path: Any = None,
        method: str | Iterable[str] = 'GET',
        callback: Any = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        **config: Any,
    ) -> Any:
        """Bind a handler to one or several rules, as a decorator or directly.

        Parameters:
            path: a rule or a list of them; without any they follow from the name and parameters of the handler, see
                `yieldroutes`.
            method: the HTTP method or a list of them; `ANY` for all.
            callback: the handler, or `module:name` of it; if None, a decorator is returned.
            name: a name for `get_url`.
            apply: plugins for this route: one or a list.
            skip: plugins that are not applied: one or a list of instances, classes, names, or True for all.
            config: configuration of the route, for plugins.
        """
        if callable(path):
            path, callback = None, path
        plugins, skiplist = makelist(apply), makelist(skip)

        def decorator(handler: Any) -> Any:
            handler = load(handler) if isinstance(handler, str) else handler
            for rule in makelist(path) or yieldroutes(handler):
                for verb in makelist(method):
                    route = Route(self, rule, verb.upper(), handler, name, plugins, skiplist, **config)
                    self.add_route(route)
            return handler

        return decorator(callback) if callback else decorator

    def get(
        self, path: Any = None, method: str | Iterable[str] = 'GET', **options: Any
    ) -> Callable[[Handler], Handler]:
        """Like `route`, for the method GET."""
        decorator: Callable[[Handler], Handler] = self.route(path, method, **options)
        return decorator

    def post(
        self, path: Any = None, method: str | Iterable[str] = 'POST', **options: Any
    ) -> Callable[[Handler], Handler]:
        """Like `route`, for the method POST."""
        decorator: Callable[[Handler], Handler] = self.route(path, method, **options)
        return decorator

    def put(
        self, path: Any = None, method: str | Iterable[str] = 'PUT', **options: Any
    ) -> Callable[[Handler], Handler]:
        """Like `route`, for the method PUT."""
        decorator: Callable[[Handler], Handler] = self.route(path, method, **options)
        return decorator

    def delete(
        self, path: Any = None, method: str | Iterable[str] = 'DELETE', **options: Any
    ) -> Callable[[Handler], Handler]:
        """Like `route`, for the method DELETE."""
        decorator: Callable[[Handler], Handler] = self.route(path, method, **options)
        return decorator

    def patch(
        self, path: Any = None, method: str | Iterable[str] = 'PATCH', **options: Any
    ) -> Callable[[Handler], Handler]:
        """Like `route`, for the method PATCH."""
        decorator: Callable[[Handler], Handler] = self.route(path, method, **options)
        return decorator

    # Other applications

    def merge(self, routes: Bottle | Iterable[Route]) -> None:
        """Add the routes of another application, or a list of routes; they keep their own application's plugins."""
        for route in list(routes.routes if isinstance(routes, Bottle) else routes):
            self.add_route(route)

    def mount(self, prefix: str, app: Bottle | WSGIApplication, **options: Any) -> None:
        """Put another application below a path.

        The routes of a Bottle application are added to this one and keep their plugins; its hooks and error handlers
        are not used. With a prefix without a slash at its end (deprecated), with options, or mounted a second time, it
        is treated as any other WSGI application: it gets all requests below the prefix, with SCRIPT_NAME and PATH_INFO
        adjusted.

        Parameters:
            prefix: the path, with a slash at its beginning and at its end.
            app: the application.
            options: options of the route that is made for a WSGI application.

        Raises:
            ValueError: the prefix does not begin with a slash, or is `/` for a WSGI application.
        """
        if not prefix.startswith('/'):
            raise ValueError("Prefix must start with '/'")
        if not isinstance(app, Bottle):
            self._mount_wsgi(prefix, app, options)
        elif options or '_mount.app' in app.config:
            depr('A Bottle application is mounted with options or twice', 'Wrap it into a WSGI callable')
            self._mount_wsgi(prefix, app, options)
        elif not prefix.endswith('/'):
            depr("The prefix of mount does not end with '/'", 'Add the slash and, if needed, a redirect')
            self._mount_wsgi(prefix, app, options)
        else:
            self._mount_bottle(prefix, app)

    def _mount_bottle(self, prefix: str, app: Bottle) -> None:
        app.config['_mount.prefix'] = prefix
        app.config['_mount.app'] = self
        for route in app.routes:
            route.rule = prefix + route.rule.lstrip('/')
            self.add_route(route)

    def _mount_wsgi(self, prefix: str, app: WSGIApplication, options: dict[str, Any]) -> None:
        segments = [segment for segment in prefix.split('/') if segment]
        if not segments:
            raise ValueError('WSGI applications cannot be mounted to "/".')
        config: dict[str, Any] = {'mountpoint.prefix': prefix, 'mountpoint.target': app}
        options = {'method': 'PROXY', 'skip': True, **options, **config}
        handler = mountpoint(app, len(segments))
        path = '/' + '/'.join(segments)
        self.route(path + '/<:re:.*>', callback=handler, **options)
        if not prefix.endswith('/'):
            self.route(path, callback=handler, **options)

    def __enter__(self) -> Self:
        """Make this the default application within a `with` block."""
        default_app.push(self)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        default_app.pop()

    def run(self, **kwargs: Any) -> None:
        """Serve the application; the parameters are those of `bottle.run`."""
        from bottle.serving.runner import run

        run(self, **kwargs)


def _is_meant(plugin: Any, wanted: Any) -> bool:
    return wanted is True or wanted is plugin or wanted is type(plugin) or getattr(plugin, 'name', True) == wanted


class AppStack(list[Bottle]):
    """A stack of applications; calling it returns the default application, the topmost one."""

    def __call__(self) -> Bottle:
        """Return the default application; it is made if there is none yet."""
        return self.default

    @property
    def default(self) -> Bottle:
        """The topmost application; it is made if there is none yet."""
        return self[-1] if self else self.push()

    def push(self, value: Bottle | None = None) -> Bottle:
        """Make an application the default one and return it; a new one if `value` is no application."""
        app = value if isinstance(value, Bottle) else Bottle()
        self.append(app)
        return app

    new_app = push


apps = app = default_app = AppStack()


def load_app(target: str) -> Any:
    """Import an application from a module; see `load` for the target.

    While the module is imported `run` does nothing, and there is a new default application.

    Parameters:
        target: `module:name` of a WSGI application, or a module that adds its routes to the default application.

    Returns:
        What the target names, if that can be called, else the new default application.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such attribute.
    """
    norun, settings.norun = settings.norun, True
    fresh = default_app.push()
    try:
        found = load(target)
        return found if callable(found) else fresh
    finally:
        default_app.remove(fresh)
        settings.norun = norun


def debug(mode: bool = True) -> None:
    """Switch debug mode on or off: error pages with tracebacks, templates not cached, deprecations shown."""
    if mode:
        import warnings

        warnings.simplefilter('default')
    settings.debug = bool(mode)


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
