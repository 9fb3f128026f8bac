"""The list behind `python -m bottle --servers`: what is installed, what is broken and why, and how to mend it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from bottle.errors import ServerError
from bottle.serving import metadata
from bottle.serving.registry import DISABLED_VARIABLE, choose_one, disabled, install_command

if TYPE_CHECKING:
    from bottle.serving.adapter import ServerAdapter
    from bottle.serving.metadata import Source
    from bottle.serving.registry import Registry

State: TypeAlias = Literal['ready', 'backend missing', 'broken', 'blocked', 'conflict']


class ServerInfo(NamedTuple):
    """What is known about one server name.

    Parameters:
        name: the server's name.
        distribution: the distribution that offers it; several, with commas, when they are in conflict.
        version: the version of that distribution.
        backend: the distribution of the server software behind it; empty when it needs none.
        backend_version: its installed version; empty when it is absent.
        concurrency: how requests are handled at the same time; empty when the plugin could not be loaded.
        state: `ready`, `backend missing`, `broken`, `blocked` or `conflict`.
        detail: the cause, in one line.
        remedy: what to type or to do; empty when ready.
    """

    name: str
    distribution: str
    version: str
    backend: str = ''
    backend_version: str = ''
    concurrency: str = ''
    state: State = 'ready'
    detail: str = ''
    remedy: str = ''


def describe(registry: Registry) -> list[ServerInfo]:
    """Return what is known about every server, by name. Each plugin is imported, no backend is, and no error gets out.

    Parameters:
        registry: where the servers are found.
    """
    return [_describe(registry, name, found) for name, found in sorted(registry.sources().items())]


def as_json(servers: list[ServerInfo]) -> str:
    """Return the list as a JSON array of objects, one for each server.

    Parameters:
        servers: what `describe` has returned.
    """
    return json.dumps([each._asdict() for each in servers], indent=2)


def as_table(servers: list[ServerInfo]) -> str:
    """Return the list as a table for the terminal, with a line below it for each remedy.

    Parameters:
        servers: what `describe` has returned.
    """
    rows = [('SERVER', 'DISTRIBUTION', 'BACKEND', 'CONCURRENCY', 'STATE'), *map(_row, servers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    remedies = [f'{each.name}: {each.remedy}' for each in servers if each.remedy]
    return '\n'.join([*lines, '', 'To mend:', *remedies] if remedies else lines)


def _row(server: ServerInfo) -> tuple[str, ...]:
    state = f'{server.state}: {server.detail}' if server.detail else server.state
    return (
        server.name,
        f'{server.distribution} {server.version}'.strip(),
        f'{server.backend} {server.backend_version}'.strip() or '-',
        server.concurrency or '-',
        state,
    )


def _describe(registry: Registry, name: str, sources: list[Source]) -> ServerInfo:
    names = ', '.join(each.distribution for each in sources)
    versions = ', '.join(each.version for each in sources)

    def problem(state: State, detail: str, remedy: str) -> ServerInfo:
        return ServerInfo(name=name, distribution=names, version=versions, state=state, detail=detail, remedy=remedy)

    if name in disabled():
        return problem(
            'blocked', f'listed in {DISABLED_VARIABLE}', f'take it out of the environment variable {DISABLED_VARIABLE}'
        )
    if len(sources) > 1:
        return problem('conflict', f'claimed by {" and ".join(map(str, sources))}', choose_one(sources))
    try:
        adapter = registry.load_only(sources)
    except ServerError as error:
        return problem('broken', str(error), _mend(name, names))
    return _describe_backend(name, sources[0], adapter)


def _mend(name: str, distribution: str) -> str:
    if name == 'auto':
        return 'mend the plugin that it names, or name another server with -s'
    return f'python -m pip install --upgrade {distribution}, or python -m pip uninstall {distribution}'


def _describe_backend(name: str, source: Source, adapter: type[ServerAdapter]) -> ServerInfo:
    backend = adapter.backend.distribution if adapter.backend else ''
    version = metadata.installed_version(backend) if backend else ''
    missing = bool(backend) and not version
    chosen = f'chooses {adapter.name}' if name == 'auto' else ''
    return ServerInfo(
        name=name,
        distribution=source.distribution,
        version=source.version,
        backend=backend,
        backend_version=version,
        concurrency=adapter.capabilities.concurrency,
        state='backend missing' if missing else 'ready',
        detail=f'{backend} is not installed' if missing else chosen,
        remedy=install_command(adapter, [source]) if missing else '',
    )
