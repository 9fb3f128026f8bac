"""Routes: the Router finds the target of a request, a Route is a rule with its callback and plugins."""

from __future__ import annotations

from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar

from bottle._util import settings
from bottle.errors import RouteBuildError
from bottle.responses import HTTPError
from bottle.routetree import RouteTree
from bottle.rules import RULE_SYNTAX, SEGMENT, Rule, Wildcard, parse

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from bottle.applications import Bottle
    from bottle.config import ConfigDict
    from bottle.rules import Filter

    Table = tuple[dict[str, Any], RouteTree | None]


def _float_text(value: Any) -> str:
    """Return a number as the filter `float` reads it: without an exponent."""
    text = str(float(value))
    if 'e' not in text:
        return text
    from decimal import Decimal

    return format(Decimal(text), 'f')


class Router:
    """Finds the target for a method and a path.

    The methods `PROXY` and `ANY` stand for all methods, before and after the request's own. Within a method static
    rules win over those with wildcards; among these the one that was added first wins.

    Parameters:
        strict: static rules, too, are tried in the order in which they were added.

    Attributes:
        default_pattern: the expression of a wildcard without one.
        default_filter: the filter of a wildcard that names none.
        rule_syntax: the expression of a wildcard in a rule.
        filters: by name, functions that turn a filter's configuration into an expression, a reader and a writer.
        builder: by rule and by name of a route, the pieces a URL is built of.
    """

    default_pattern: ClassVar[str] = SEGMENT
    default_filter: ClassVar[str] = 're'
    rule_syntax: ClassVar[re.Pattern[str]] = RULE_SYNTAX

    def __init__(self, strict: bool = False) -> None:
        self.strict_order = strict
        self.builder: dict[str, list[str | Wildcard]] = {}
        self.filters: dict[str, Filter] = {
            're': lambda config: (config or self.default_pattern, None, None),
            'int': lambda _config: (r'-?\d+', int, lambda value: str(int(value))),
            'float': lambda _config: (r'-?[\d.]+', float, _float_text),
            'path': lambda _config: ('.+?', None, None),
        }
        self._static: dict[str, dict[str, Any]] = {}
        self._trees: dict[str, RouteTree] = {}
        self._tables: dict[str, list[Table]] = {}

    def add_filter(self, name: str, func: Filter) -> None:
        """Add a filter for wildcards, or replace one.

        Parameters:
            name: its name in rules.
            func: takes the configuration in the rule (None if there is none) and returns three things: a regular
                expression, a function from the text in a path to a value or None, one from a value to text or None.
        """
        self.filters[name] = func

    def add(self, rule: str, method: str, target: Any, name: str | None = None) -> None:
        """Add a rule, or replace the target of an equal one.

        Parameters:
            rule: the rule.
            method: the HTTP method in capitals, `ANY` or `PROXY`.
            target: what `match` returns.
            name: a further name for `build`.

        Raises:
            RouteSyntaxError: the rule cannot be understood.
            RouterUnknownModeError: it names an unknown filter.
        """
        parsed = parse(rule, self.filters, self.default_filter)
        self.builder[rule] = parsed.pieces
        if name:
            self.builder[name] = parsed.pieces
        literal = parsed.literal
        if literal is None or self.strict_order:
            self._add_dynamic(parsed, method, target)
        else:
            self._static.setdefault(method, {})[literal] = target
        self._tables.clear()

    def _add_dynamic(self, rule: Rule, method: str, target: Any) -> None:
        replaced = self._trees.setdefault(method, RouteTree()).add(rule, target)
        if replaced and settings.debug:
            import warnings

            message = f'Route <{method} {rule.text}> overwrites a previously defined route'
            warnings.warn(message, RuntimeWarning, stacklevel=4)

    def build(self, _name: str, *anons: Any, **query: Any) -> str:
        """Return the URL of a route.

        Parameters:
            _name: the name of the route, or its rule.
            anons: the values of wildcards without a name.
            query: the values of the others; what is left over becomes the query string.

        Raises:
            RouteBuildError: there is no such route, or a value is missing.
        """
        pieces = self.builder.get(_name)
        if pieces is None:
            raise RouteBuildError('No route with that name.', _name)
        query.update({f'anon{index}': value for index, value in enumerate(anons)})
        try:
            url = ''.join(p if isinstance(p, str) else p.writer(query.pop(p.name)) for p in pieces)
        except KeyError as error:
            raise RouteBuildError(f'Missing URL argument: {error.args[0]!r}') from None
        if not query:
            return url
        from urllib.parse import urlencode

        return f'{url}?{urlencode(query, doseq=True)}'

    def match(self, environ: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Find the target for a request.

        Parameters:
            environ: its WSGI environ; `PATH_INFO` is text, not a native string.

        Returns:
            The target and the values of the wildcards by name.

        Raises:
            HTTPError: 404 if no rule matches, 405 with the field `Allow` if one does for other methods (RFC 9110
                section 15.5.6), 400 if a filter refuses a value.
        """
        verb = environ['REQUEST_METHOD']
        path = environ.get('PATH_INFO') or '/'
        for static, tree in self._tables.get(verb) or self._prepare(verb):
            if path in static:
                return static[path], {}
            if tree is not None:
                segments = path.split('/')
                leaf = tree.find(segments)
                if leaf is not None:
                    try:
                        return leaf.target, leaf.arguments(segments)
                    except ValueError:
                        raise HTTPError(400, 'Path has wrong format.') from None
        raise self._refusal(verb.upper(), path)

    def _methods(self, verb: str) -> list[str]:
        return ['PROXY', verb, *(['GET'] if verb == 'HEAD' else []), 'ANY']

    def _prepare(self, verb: str) -> list[Table]:
        """Return the tables to search for a method; they are kept only if clients cannot fill the memory so."""
        upper = verb.upper()
        known = [m for m in self._methods(upper) if m in self._static or m in self._trees]
        tables: list[Table] = [(self._static.get(m, {}), self._trees.get(m)) for m in known]
        if verb in known or verb in {'HEAD', 'GET'}:
            self._tables[verb] = tables
        return tables

    def _refusal(self, verb: str, path: str) -> HTTPError:
        others = (self._static.keys() | self._trees.keys()).difference(self._methods(verb))
        allowed = sorted(method for method in others if self._has(method, path))
        if allowed:
            return HTTPError(405, 'Method not allowed.', Allow=','.join(allowed))
        return HTTPError(404, f'Not found: {path!r}')

    def _has(self, method: str, path: str) -> bool:
        tree = self._trees.get(method)
        return path in self._static.get(method, {}) or (tree is not None and tree.find(path.split('/')) is not None)


class Route:
    """A rule with its callback, its plugins and its configuration. Applications make them; see `Bottle.route`.

    Parameters:
        app: the application it belongs to.
        rule: the rule.
        method: the HTTP method in capitals.
        callback: the undecorated handler.
        name: its name for `Bottle.get_url`.
        plugins: further plugins of this route only.
        skiplist: plugins that are not applied: instances, classes, names, or True for all.
        config: configuration of this route; the application's shows through.
    """

    config: ConfigDict

    def __init__(
        self,
        app: Bottle,
        rule: str,
        method: str,
        callback: Callable[..., Any],
        name: str | None = None,
        plugins: list[Any] | None = None,
        skiplist: list[Any] | None = None,
        **config: Any,
    ) -> None:
        self.app = app
        self.rule = rule
        self.method = method
        self.callback = callback
        self.name = name or None
        self.plugins: list[Any] = plugins or []
        self.skiplist: list[Any] = skiplist or []
        self.config = app.config._make_overlay()
        if config:
            self.config.load_dict(config)

    @cached_property
    def call(self) -> Callable[..., Any]:
        """The callback with all plugins applied; built at the first use and kept until `reset`."""
        callback = self.callback
        for plugin in self.all_plugins():
            callback = plugin.apply(callback, self) if hasattr(plugin, 'apply') else plugin(callback)
            if callback is not self.callback:
                update_wrapper(callback, self.callback)
        return callback

    def reset(self) -> None:
        """Forget the decorated callback; it is built anew at the next request."""
        self.__dict__.pop('call', None)

    def prepare(self) -> None:
        """Build the decorated callback now, not at the first request."""
        _ = self.call

    def all_plugins(self) -> Iterator[Any]:
        """Yield all plugins that apply to this route, in the order of their application: the route's own first."""
        unique = set()
        for plugin in reversed(self.app.plugins + self.plugins):
            if True in self.skiplist:
                break
            name = getattr(plugin, 'name', False)
            if name and (name in self.skiplist or name in unique):
                continue
            if plugin in self.skiplist or type(plugin) in self.skiplist:
                continue
            if name:
                unique.add(name)
            yield plugin

    def get_undecorated_callback(self) -> Callable[..., Any]:
        """Return the callback; if decorators wrapped it, the function that they wrapped, as far as it can be found."""
        func = self.callback
        while (inner := _wrapped(func)) is not None:
            func = inner
        return func

    def get_callback_args(self) -> list[str]:
        """Return the names of the parameters that the undecorated callback takes by position or name."""
        from inspect import getfullargspec

        return getfullargspec(self.get_undecorated_callback()).args

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return a value of the route's configuration, else of the application's, else the default."""
        return self.config.get(key, self.app.config.get(key, default))

    def __repr__(self) -> str:
        callback = self.get_undecorated_callback()
        return f'<{self.method} {self.rule} -> {callback.__module__}:{getattr(callback, "__name__", callback)}>'


def _wrapped(func: Any) -> Any:
    """Return the function behind a method or a decorator's wrapper, or None if there is none."""
    inner = getattr(func, '__func__', None) or getattr(func, '__wrapped__', None)
    if inner is not None:
        return inner
    # A wrapper made without functools.wraps refers to what it wraps by its closure.
    cells = [cell.cell_contents for cell in getattr(func, '__closure__', None) or () if _filled(cell)]
    return next((content for content in cells if callable(content) and hasattr(content, '__code__')), None)


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def yieldroutes(func: Callable[..., Any]) -> Iterator[str]:
    """Yield the rules that fit the name and the parameters of a function.

    Two underscores in the name become a slash, each parameter a wildcard; those with a default may be left out:
    `def view__item(id, page=1)` gives `/view/item/<id>` and `/view/item/<id>/<page>`.
    """
    from inspect import getfullargspec

    spec = getfullargspec(func)
    required = len(spec.args) - len(spec.defaults or ())
    path = '/' + func.__name__.replace('__', '/').lstrip('/')
    for count in range(required, len(spec.args) + 1):
        yield path + ''.join(f'/<{name}>' for name in spec.args[:count])
