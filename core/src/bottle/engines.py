"""Adapters for the template engines Mako, Cheetah and Jinja2, each imported when its first template is made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bottle._util import settings, touni
from bottle.templating import BaseTemplate, Variables, merged, template, view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    'CheetahTemplate',
    'Jinja2Template',
    'MakoTemplate',
    'cheetah_template',
    'cheetah_view',
    'jinja2_template',
    'jinja2_view',
    'mako_template',
    'mako_view',
]


def _engine(module: str, distribution: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f'{module}.'.startswith(f'{error.name}.'):
            raise
        message = f'The template engine {distribution} is not installed: pip install {distribution}'
        raise ModuleNotFoundError(message, name=error.name) from error


class MakoTemplate(BaseTemplate):
    """Adapter for Mako (https://www.makotemplates.org)."""

    def prepare(self, **options: Any) -> None:
        """Make the engine's template; `options` go to `mako.template.Template` and `mako.lookup.TemplateLookup`.

        Raises:
            ImportError: Mako is not installed.
        """
        options = {'format_exceptions': settings.debug, **options, 'input_encoding': self.encoding}
        lookup = _engine('mako.lookup', 'Mako').TemplateLookup(directories=self.lookup, **options)
        make = _engine('mako.template', 'Mako').Template
        if self.source:
            self.tpl = make(self.source, lookup=lookup, **options)
        else:
            self.tpl = make(uri=self.name, filename=self.filename, lookup=lookup, **options)

    def render(self, /, *args: Variables, **kwargs: Any) -> str:
        """Render the template with the variables of the dicts in `args` and those in `kwargs`; return the text."""
        return str(self.tpl.render(**merged((self.defaults, *args), kwargs)))


class CheetahTemplate(BaseTemplate):
    """Adapter for Cheetah (https://cheetahtemplate.org)."""

    def prepare(self, **options: Any) -> None:
        """Compile the template; `options` go to `Cheetah.Template.Template.compile`.

        Raises:
            ImportError: Cheetah is not installed.
        """
        self.tpl = _engine('Cheetah.Template', 'CT3').Template.compile(source=self._load(), **options)

    def render(self, /, *args: Variables, **kwargs: Any) -> str:
        """Render the template with the variables of the dicts in `args` and those in `kwargs`; return the text."""
        return str(self.tpl(searchList=[merged((self.defaults, *args), kwargs)]))


class Jinja2Template(BaseTemplate):
    """Adapter for Jinja (https://jinja.palletsprojects.com)."""

    def prepare(
        self,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        tests: Mapping[str, Callable[..., Any]] | None = None,
        globals: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Make the engine's template.

        Parameters:
            filters: added to those of the environment, by name.
            tests: added likewise.
            globals: added likewise.
            kwargs: go to `jinja2.Environment`.

        Raises:
            ImportError: Jinja is not installed.
        """
        jinja2 = _engine('jinja2', 'Jinja2')
        self.env = jinja2.Environment(loader=jinja2.FunctionLoader(self.loader), **kwargs)
        self.env.filters.update(filters or {})
        self.env.tests.update(tests or {})
        self.env.globals.update(globals or {})
        if self.source:
            self.tpl = self.env.from_string(touni(self.source, self.encoding))
        else:
            self.tpl = self.env.get_template(self.name)

    def render(self, /, *args: Variables, **kwargs: Any) -> str:
        """Render the template with the variables of the dicts in `args` and those in `kwargs`; return the text."""
        return str(self.tpl.render(merged((self.defaults, *args), kwargs)))

    def loader(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        """Find a template for the engine, as `jinja2.FunctionLoader` wants it.

        Returns:
            The source, the path, and whether it is up to date; None if there is no such template.
        """
        from pathlib import Path

        path = self.filename if name == self.filename else self.search(name, self.lookup)
        return (Path(path).read_text(self.encoding), path, lambda: False) if path else None


mako_template = partial(template, template_adapter=MakoTemplate)
cheetah_template = partial(template, template_adapter=CheetahTemplate)
jinja2_template = partial(template, template_adapter=Jinja2Template)

mako_view = partial(view, template_adapter=MakoTemplate)
cheetah_view = partial(view, template_adapter=CheetahTemplate)
jinja2_view = partial(view, template_adapter=Jinja2Template)
