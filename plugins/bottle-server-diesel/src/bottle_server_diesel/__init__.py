"""The server `diesel`: greenlets on Python 2.7, in a child process; the application runs here, in threads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bottle.serving import Capabilities, ServerAdapter, hookimpl
from bottle.serving.bridge import BridgedAdapter

if TYPE_CHECKING:
    from collections.abc import Collection


class DieselServer(BridgedAdapter):
    """diesel's HTTP server; it answers on HTTP/1.1 when a response is complete."""

    name = 'diesel'
    requirement = 'diesel==3.0.24'
    module = 'diesel.protocols.http'
    program = Path(__file__).with_name('child.py27')
    native_call = 'diesel.protocols.http.HttpServer'
    native_names: ClassVar = {'max_body': 'max_body'}
    capabilities = Capabilities(
        concurrency='threads',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        chunked_requests=True,
        keep_alive=True,
        graceful_drain=True,
        file_wrapper=True,
    )

    def native_options(self) -> Collection[str]:
        """Return the names of the options."""
        return ('python', 'max_body')


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return DieselServer
