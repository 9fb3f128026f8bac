"""From what the caller asks for to an adapter that can be started: chosen, made, and told all its options."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from bottle.errors import BackendMissing, ServerError, ServerNotFound, ServerOptionError
from bottle.serving import configuration, metadata, translation
from bottle.serving.adapter import AcceptingAdapter, ServerAdapter
from bottle.serving.addresses import format_bind
from bottle.serving.options import ServerOptions, portable_options
from bottle.serving.plugins import cause
from bottle.serving.registry import install_command, registry, require_allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bottle.serving.configuration import FileOptions

ADDRESS = ('host', 'port')
ServerLike: TypeAlias = 'str | type[ServerAdapter] | ServerAdapter'

THEIRS_IN_0_13 = ('backlog', 'certfile', 'keyfile', 'threads', 'workers')  # handed to the adapter like any other


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """How a server is asked for: by `run`, by `start` or on the command line.

    Parameters:
        server: the name of a server, an adapter class, or an instance; None leaves it to the files and the environment.
        given: portable options, `host` and `port`; None counts as not given.
        keywords: what else `run` was called with: portable options, and options of the backend.
        files: what configuration files give.
        environ: the environment; that of the process when None.
        spelling: how the caller writes the option of a name, for errors.
    """

    server: ServerLike | None
    given: Mapping[str, Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[FileOptions] = ()
    environ: Mapping[str, str] | None = None
    spelling: Callable[[str], str] = configuration.in_words


@dataclass(frozen=True)
class Ready:
    """A server that can be started.

    Parameters:
        adapter: the adapter, told all that it has to know.
        options: what it is started with.
        certificate: the files of a certificate that was made for this run, and of its key; else empty.
    """

    adapter: ServerAdapter
    options: ServerOptions
    certificate: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that errors call the server by."""
        return self.adapter.name or type(self.adapter).__name__


@dataclass(frozen=True)
class Chosen:
    """An adapter that was chosen, with options all of which the backend or the core can keep.

    Parameters:
        adapter: the adapter class, or the instance that the caller has made.
        options: what it is to be started with.
    """

    adapter: type[ServerAdapter] | ServerAdapter
    options: ServerOptions

    @property
    def adapter_class(self) -> type[ServerAdapter]:
        """The class of the adapter."""
        return self.adapter if isinstance(self.adapter, type) else type(self.adapter)


def choose(invocation: Invocation) -> Chosen:
    """Return the adapter that is asked for, with its options. The backend is not imported.

    Parameters:
        invocation: what is asked for.

    Raises:
        ServerError: one subclass for each cause.
    """
    server = invocation.server
    chosen = _with_instance(server, invocation) if isinstance(server, ServerAdapter) else _with_class(invocation)
    translation.refuse(chosen.adapter_class, chosen.options, _servers_with)
    return chosen


def make(chosen: Chosen, certificate: Sequence[str] = ()) -> Ready:
    """Return an adapter, made and told its options. The process has to be prepared for it already.

    Parameters:
        chosen: the adapter class and the options.
        certificate: the files of a certificate that a parent has made for this run, and of its key.

    Raises:
        ServerOptionError: two options contradict each other, or the certificate cannot be used.
    """
    adapter, options = chosen.adapter, chosen.options
    if isinstance(adapter, ServerAdapter):
        return Ready(_told(adapter, options), options)
    made: tuple[str, ...] = ()
    context = None
    if options.tls:
        from bottle.serving import tls  # slow to import

        made = tuple(certificate or tls.adhoc_certificate()) if options.cert else ()
        if made:
            options = replace(options, cert=None, certfile=made[0], keyfile=made[1])
        context = tls.server_context(options.certfile or '', options.keyfile)
    native = translation.native_options(adapter, options, context)
    instance = adapter(host=options.host, port=options.port, **native)
    if isinstance(instance, AcceptingAdapter):
        instance.ssl_context = context
    return Ready(_told(instance, options), options, made)


def require_backend(adapter: type[ServerAdapter]) -> None:
    """Make sure that the backend of an adapter can be imported.

    Parameters:
        adapter: the adapter class.

    Raises:
        BackendMissing: it is not installed, or cannot be imported; the text holds the command that mends it.
    """
    registry.require_backend(adapter)
    backend = adapter.backend
    if backend is None:
        return
    try:
        import_module(backend.module)
    except (Exception, SystemExit) as error:
        installed = f'{backend.distribution} {metadata.installed_version(backend.distribution)}'
        remedy = install_command(adapter, registry.sources().get(adapter.name, []))
        raise BackendMissing(
            f'the server {adapter.name!r} cannot import {installed}: {cause(error)}; try {remedy} --force-reinstall'
        ) from error


def _with_class(invocation: Invocation) -> Chosen:
    """Return the adapter class that is meant, and the options.

    The class decides which keywords are options of the backend, and may itself be named by a file or the environment.
    """
    server = invocation.server
    if server is None or isinstance(server, str):
        named = _resolved(invocation, {'server': server}).server
        adapter_class = _chosen(_resolved(invocation).quiet) if named == 'auto' else registry.load(named)
    elif isinstance(server, type) and issubclass(server, ServerAdapter):
        named, adapter_class = server.name or server.__name__, server
    else:
        raise ServerNotFound(
            f'{server!r} is no server: give a name that `python -m bottle --servers` lists, or a bottle.ServerAdapter'
        )
    legacy = adapter_class.serve is ServerAdapter.serve
    theirs = {
        name: value
        for name, value in invocation.keywords.items()
        if name not in portable_options() or (legacy and name in THEIRS_IN_0_13)
    }
    ours = {name: value for name, value in invocation.keywords.items() if name not in theirs}
    backend = {**(invocation.given.get('backend') or {}), **(ours.pop('backend', None) or {}), **theirs}
    return Chosen(adapter_class, _resolved(invocation, {**ours, 'server': named, 'backend': backend or None}))


def _with_instance(adapter: ServerAdapter, invocation: Invocation) -> Chosen:
    """Return an adapter that the caller has made, and options, none of which the adapter would have to be told."""
    bind = format_bind(adapter.host, adapter.port)
    given = {name: value for name, value in invocation.given.items() if name not in ADDRESS}
    if not adapter.is_legacy:  # those of Bottle 0.13 were given all kinds of things, to no effect
        _require_told(adapter, invocation)
    options = _resolved(replace(invocation, given=given), {**invocation.keywords, 'bind': bind})
    late = {each.option for each in translation.fates(type(adapter), options) if each.kind == 'native'}
    if options.tls or late - {'bind'}:
        names = ', '.join(sorted(late or {'certfile'}))
        raise ServerOptionError(f'{adapter!r} was made without {names}: give that to {type(adapter).__name__}(...)')
    return Chosen(adapter, options)


def _require_told(adapter: ServerAdapter, invocation: Invocation) -> None:
    """Refuse an address and options of the backend that an adapter which is made already does not have."""
    elsewhere = {
        name
        for name in ADDRESS
        if (value := invocation.given.get(name)) is not None and str(value) != str(getattr(adapter, name))
    }
    unknown = invocation.keywords.keys() - portable_options().keys()
    if names := ', '.join(sorted(elsewhere | unknown)):
        raise ServerOptionError(
            f'{adapter!r} was made without this {names}: give that to {type(adapter).__name__}(...)'
        )


def _resolved(invocation: Invocation, more: Mapping[str, Any] | None = None) -> ServerOptions:
    given = {**invocation.given, **(more or {})}
    return configuration.resolve(given, invocation.files, invocation.environ, invocation.spelling)


def _told(adapter: ServerAdapter, options: ServerOptions) -> ServerAdapter:
    """Return an adapter after it was told what is no option of its backend."""
    adapter.quiet = adapter.quiet or options.quiet
    adapter.logs_requests = adapter.logs_requests and options.access_log is None
    adapter.shares_sockets = (options.workers or 1) > 1
    return adapter


def _chosen(quiet: bool) -> type[ServerAdapter]:
    from bottle.serving.builtin import choose

    require_allowed('auto')
    choice = choose(registry)
    if not quiet and choice.adapter.capabilities.concurrency != 'per-request':
        print(f'auto chose {choice.adapter.name}: {choice.reason}', file=sys.stderr)
    return choice.adapter


def _servers_with(option: str) -> list[str]:
    """Return the names of the installed servers that have an option; one that is broken has none."""
    adapters = []
    for name in registry.names():
        try:
            adapters += [registry.load(name)] if name != 'auto' else []
        except ServerError:
            continue
    return translation.supporting(option, adapters)
