"""Servers that know nothing of Bottle, by the entry point that they publish for Paste Deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bottle.errors import ServerLoadError, ServerNotFound
from bottle.serving import metadata
from bottle.serving.adapter import Backend, ServerAdapter
from bottle.serving.plugins import cause

if TYPE_CHECKING:
    from bottle.serving.metadata import Source
    from bottle.serving.types import WSGIApplication

RUNNERS = 'paste.server_runner'
PREFIX = 'egg:'
DEFAULT = 'main'  # the entry point that is meant when none is named, as in Paste Deploy


class RunnerAdapter(ServerAdapter):
    """Serves with a function `(application, global_conf, **local_conf)`; made anew for each by `runner_adapter`."""

    source: Source

    def run(self, handler: WSGIApplication) -> None:
        """Call the function, which blocks; host and port are texts, as in the files that it is made for."""
        entry_point = self.source.entry_point
        if entry_point is None:
            raise ServerLoadError(f'{self.name} has nothing to load')
        try:
            entry_point.load()(handler, {}, host=self.host, port=str(self.port), **self.options)
        except ImportError as error:  # most need Paste Deploy, and do not require it
            raise ServerLoadError(
                f'{self.name} of {self.source} cannot start: {cause(error)}; try python -m pip install PasteDeploy'
            ) from error


def runner_adapter(name: str) -> type[ServerAdapter]:
    """Return an adapter for what a distribution publishes in the group `paste.server_runner`; nothing is imported.

    Parameters:
        name: `egg:DISTRIBUTION#NAME`, or `egg:DISTRIBUTION` for the entry point `main`.

    Raises:
        ServerNotFound: no installed distribution publishes it.
    """
    distribution, _, wanted = name.removeprefix(PREFIX).partition('#')
    published = metadata.sources(RUNNERS)
    for each in published:
        if each.is_from(distribution) and each.name == (wanted or DEFAULT):
            module = each.entry_point.value.partition(':')[0] if each.entry_point else ''
            members = {'name': name, 'source': each, 'backend': Backend(each.distribution, module)}
            return type('RunnerAdapter', (RunnerAdapter,), members)
    installed = ', '.join(f'{PREFIX}{each.distribution}#{each.name}' for each in published) or 'none'
    raise ServerNotFound(f'there is no {name!r} in the entry points {RUNNERS}. Installed: {installed}')
