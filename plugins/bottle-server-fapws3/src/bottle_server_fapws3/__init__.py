"""The server `fapws3`: libev on Python 2.7, in a child process; the application runs here, one request at a time."""

from __future__ import annotations

from pathlib import Path

from bottle.serving import Capabilities, ServerAdapter, hookimpl
from bottle.serving.bridge import BridgedAdapter


class Fapws3Server(BridgedAdapter):
    """fapws3, which answers one request after the other, on HTTP/1.0, when a response is complete."""

    name = 'fapws3'
    requirement = 'fapws3==0.11.dev0'
    module = 'fapws._evwsgi'
    program = Path(__file__).with_name('child.py27')
    native_call = 'fapws._evwsgi.run'
    capabilities = Capabilities(
        concurrency='event-loop',
        prebound_sockets=True,
        unix_sockets=True,
        ipv6=True,
        graceful_drain=True,
        file_wrapper=True,
    )


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return Fapws3Server
