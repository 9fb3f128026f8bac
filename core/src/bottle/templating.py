"""Templates: the base class of all engines, SimpleTemplate, and the functions `template` and `view`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial, wraps
from typing import IO, TYPE_CHECKING, Any, ClassVar, ParamSpec

from bottle._util import cached_property, html_escape, settings, touni
from bottle.errors import TemplateError
from bottle.stpl import LocatedSyntaxError, StplParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import CodeType

__all__ = [
    'TEMPLATES',
    'TEMPLATE_PATH',
    'BaseTemplate',
    'SimpleTemplate',
    'template',
    'view',
]

P = ParamSpec('P')
Variables = Mapping[str, Any]

TEMPLATE_PATH: list[str] = ['./', './views/']
TEMPLATES: dict[Any, BaseTemplate] = {}

_NO_SETTINGS: dict[str, Any] = {}


class BaseTemplate:
    """Base class of the template engines: finds the source, keeps the settings.

    Parameters:
        source: the template as text, bytes or an open file.
        name: the name of a template file in one of the folders of `lookup`, with or without its extension.
        lookup: folders.
        encoding: of bytes and of files.
        settings: what `prepare` takes; added to the class's `settings`.

    Attributes:
        extensions: tried in this order if no file has exactly the name.
        settings: for all templates of the class; set them with `global_config`.
        defaults: variables that all templates of all engines know.

    Raises:
        TemplateError: there is no such file, or neither `source` nor `name` is given.
    """

    extensions: ClassVar[list[str]] = ['tpl', 'html', 'thtml', 'stpl']
    settings: dict[str, Any] = _NO_SETTINGS
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        source: str | bytes | IO[Any] | None = None,
        name: str | None = None,
        lookup: Iterable[str] | None = None,
        encoding: str = 'utf8',
        **settings: Any,
    ) -> None:
        self.name = name
        self.source: str | bytes | None = (
            source if source is None or isinstance(source, (str, bytes)) else source.read()
        )
        self.filename: str | None = getattr(source, 'filename', None)
        self.lookup = [_absolute(folder) for folder in lookup or ()]
        self.encoding = encoding
        self.settings = {**self.settings, **settings}
        if not self.source and name:
            self.filename = self.search(name, self.lookup)
            if not self.filename:
                raise TemplateError(f'Template {name!r} not found.')
        if not self.source and not self.filename:
            raise TemplateError('No template specified.')
        self.prepare(**self.settings)

    @classmethod
    def search(cls, name: str, lookup: Iterable[str] | None = None) -> str | None:
        """Find a template file.

        Parameters:
            name: relative to a folder of `lookup`, with or without one of the `extensions`; never leads out of it.
            lookup: folders, searched in this order.

        Returns:
            The absolute path of the first file found, or None.

        Raises:
            TemplateError: `lookup` is empty, or the name is an absolute path.
        """
        from pathlib import Path

        if not lookup:
            raise TemplateError(f'No folder to search for the template {name!r}: the template lookup path is empty.')
        if Path(name).is_absolute():
            raise TemplateError(f'Template {name!r} is an absolute path: use one relative to the template lookup path.')
        for folder in map(_absolute, lookup):
            inside = folder.rstrip(os.sep) + os.sep
            path = os.path.normpath(inside + name)
            if path.startswith(inside):
                for candidate in (path, *(f'{path}.{extension}' for extension in cls.extensions)):
                    if Path(candidate).is_file():
                        return candidate
        return None

    @classmethod
    def global_config(cls, key: str, *args: Any) -> Any:
        """Return a setting of the class, or, given a value, set it for all templates made from now on.

        Raises:
            KeyError: it is not set.
        """
        if not args:
            return cls.settings[key]
        cls.settings = {**cls.settings, key: args[0]}
        return None

    def prepare(self, **options: Any) -> None:
        """Get the template ready to be rendered; called once, with the settings. Each engine has its own."""
        raise NotImplementedError

    def render(self, /, *args: Variables, **kwargs: Any) -> str:
        """Render the template; may be called by several threads at once. Each engine has its own.

        Parameters:
            args: variables, as dicts.
            kwargs: more variables.

        Returns:
            The text.
        """
        raise NotImplementedError

    def _load(self) -> str:
        """Return the source, read from its file if need be.

        Raises:
            TemplateError: it is not valid in the template's encoding.
        """
        from pathlib import Path

        source = self.source or Path(self.filename or '').read_bytes()
        try:
            return touni(source, self.encoding)
        except UnicodeDecodeError as error:
            raise TemplateError(
                f'Template {self.name or self.filename!r} is not valid {self.encoding}: {error}'
            ) from error


def merged(args: Iterable[Variables], kwargs: Variables) -> dict[str, Any]:
    """Return the variables of several dicts as one; the later win."""
    variables: dict[str, Any] = {}
    for each in (*args, kwargs):
        variables.update(each)
    return variables


def _absolute(folder: str) -> str:
    from pathlib import Path

    return os.path.normpath(Path(folder).absolute())


class SimpleTemplate(BaseTemplate):
    """Bottle's own template engine: Python in lines that begin with `%`, expressions in double braces."""

    def prepare(
        self,
        escape_func: Callable[[str], str] = html_escape,
        noescape: bool = False,
        syntax: str | None = None,
        **_ignored: Any,
    ) -> None:
        """Take the settings of the engine.

        Parameters:
            escape_func: applied to the text of `{{expressions}}`.
            noescape: swap `{{expression}}`, which then is not escaped, and `{{!expression}}`, which then is.
            syntax: five tokens, as in `StplParser.default_syntax`.
        """
        self.cache: dict[str, SimpleTemplate] = {}
        self.syntax = syntax
        to_text = _text_maker(self.encoding)
        escape = _html_escaper(to_text) if escape_func is html_escape else lambda value: escape_func(to_text(value))
        self._str: Callable[[object], str] = escape if noescape else to_text
        self._escape: Callable[[object], str] = to_text if noescape else escape

    @cached_property
    def code(self) -> str:
        """The template translated to Python code.

        Raises:
            StplSyntaxError: the template is not valid.
            TemplateError: the source is not valid in the template's encoding.
        """
        try:
            return StplParser(self._load(), syntax=self.syntax).translate()
        except LocatedSyntaxError as error:
            error.filename = self.filename or error.filename
            raise

    @cached_property
    def co(self) -> CodeType:
        """The template compiled.

        Raises:
            StplSyntaxError: the template is not valid.
            TemplateError: the source is not valid in the template's encoding.
        """
        code = self.code
        try:
            return compile(code, self.filename or '<string>', 'exec', dont_inherit=True)
        except SyntaxError as error:
            raise LocatedSyntaxError(error.msg, error.lineno or 1, self._load(), self.filename) from error

    def render(self, /, *args: Variables, **kwargs: Any) -> str:
        """Render the template.

        Parameters:
            args: variables, as dicts.
            kwargs: more variables.

        Returns:
            The text.

        Raises:
            StplSyntaxError: the template is not valid.
            Exception: whatever the code in the template raises.
        """
        stdout: list[str] = []
        self.execute(stdout, merged(args, kwargs))
        return ''.join(stdout)

    def execute(self, _stdout: list[str], kwargs: Variables) -> dict[str, Any]:
        """Run the template.

        Parameters:
            _stdout: pieces of text are appended to it.
            kwargs: the variables.

        Returns:
            The name space of the template, with all that it defined.
        """
        env = {**self.defaults, **kwargs}
        env.update(
            _stdout=_stdout,
            _printlist=_stdout.extend,
            _str=self._str,
            _escape=self._escape,
            _rebase=None,
            include=partial(self._include, env),
            rebase=partial(self._rebase, env),
            get=env.get,
            setdefault=env.setdefault,
            defined=env.__contains__,
        )
        begin = len(_stdout)
        exec(self.co, env)  # noqa: S102 # a template is a program, as trusted as the application that it belongs to
        if not env['_rebase']:
            return env
        name, variables = env['_rebase']
        base = ''.join(_stdout[begin:])
        del _stdout[begin:]
        return self._include(env, name, **{**variables, 'base': base})

    def _include(self, env: dict[str, Any], name: str | None = None, /, **variables: Any) -> dict[str, Any]:
        if name not in self.cache:
            child = type(self)(name=name, lookup=self.lookup, encoding=self.encoding, **self.settings)
            # Shared by the whole family: a template that many include is compiled once.
            child.cache = self.cache
            self.cache[name or ''] = child
        return self.cache[name or ''].execute(env['_stdout'], {**env, **variables})

    def _rebase(self, env: dict[str, Any], name: str | None = None, /, **variables: Any) -> None:
        env['_rebase'] = (name, variables)


def _text_maker(encoding: str) -> Callable[[object], str]:
    def to_text(value: object) -> str:
        return value if value.__class__ is str else touni(value, encoding)

    return to_text


def _html_escaper(to_text: Callable[[object], str]) -> Callable[[object], str]:
    """Return what gives `html_escape(to_text(value))`, in half the time: rendering spends most of its time here."""

    def escape(value: Any) -> str:
        text: str = value
        if value.__class__ is not str:
            if value.__class__ is int:
                return str(value)
            text = to_text(value)
        if '&' in text:
            text = text.replace('&', '&amp;')
        if '<' in text:
            text = text.replace('<', '&lt;')
        if '>' in text:
            text = text.replace('>', '&gt;')
        if '"' in text:
            text = text.replace('"', '&quot;')
        if "'" in text:
            text = text.replace("'", '&#039;')
        return text

    return escape


def template(*args: Any, **kwargs: Any) -> str:
    """Render a template.

    Parameters:
        args: first the template: the name of a file, or the source itself (recognised by a line break or one of the
            characters `{`, `%`, `$` in it), or a template object. Then variables, as dicts.
        kwargs: more variables. Three names are taken: `template_adapter` is the engine's class, `template_lookup` the
            folders to search in place of `TEMPLATE_PATH`, `template_settings` a dict of settings for the engine.

    Returns:
        The text.

    Raises:
        TemplateError: there is no such template, or it is not valid.
    """
    for variables in args[1:]:
        kwargs.update(variables)
    adapter: type[BaseTemplate] = kwargs.pop('template_adapter', SimpleTemplate)
    lookup: Sequence[str] = kwargs.pop('template_lookup', TEMPLATE_PATH)
    options: Variables = kwargs.pop('template_settings', None) or {}
    tpl = args[0] if args else None
    if isinstance(tpl, BaseTemplate):
        if options:
            tpl.prepare(**options)
        return tpl.render(kwargs)
    key = (adapter, tpl, tuple(lookup), _frozen(options) if options else None)
    found = TEMPLATES.get(key)
    if found is None or settings.debug:
        found = TEMPLATES[key] = _make(adapter, tpl, lookup, options)
    return found.render(kwargs)


def _make(adapter: type[BaseTemplate], tpl: str | None, lookup: Sequence[str], options: Variables) -> BaseTemplate:
    if tpl and any(character in tpl for character in '\n{%$'):
        return adapter(source=tpl, lookup=lookup, **options)
    return adapter(name=tpl, lookup=lookup, **options)


def _frozen(value: Any) -> Any:
    """Return a hashable stand-in for the value of a setting."""
    if isinstance(value, Mapping):
        return tuple(sorted((key, _frozen(each)) for key, each in value.items()))
    return tuple(map(_frozen, value)) if isinstance(value, (list, set)) else value


def view(tpl_name: str, **defaults: Any) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Render a template with what the decorated callback returns.

    A dict holds variables for the template, None stands for an empty one; anything else is passed through unchanged.

    Parameters:
        tpl_name: as for `template`.
        defaults: variables for the template, and the three special names that `template` takes.

    Returns:
        The decorator.
    """

    def decorator(func: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
            result = func(*args, **kwargs)
            if result is None or isinstance(result, Mapping):
                return template(tpl_name, defaults, result or {})
            return result

        return wrapper

    return decorator
