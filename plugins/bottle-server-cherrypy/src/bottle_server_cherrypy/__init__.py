"""The server `cherrypy`: CherryPy hosts the application, beside its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bottle.serving import Backend, ServerAdapter, hookimpl
from bottle_server_cheroot import CherootServer, fed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from socket import socket

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

OPTIONS = {'accepted_queue_size', 'accepted_queue_timeout', 'socket_timeout', 'thread_pool', 'thread_pool_max'}


class CherryPyServer(CherootServer):
    """CherryPy's tree, engine and server; the core accepts the connections and hears the signals."""

    name = 'cherrypy'
    backend = Backend('CherryPy', 'cherrypy')
    native_call = 'cherrypy.tree.graft'
    native_names: ClassVar = {'threads': 'thread_pool'}

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Start CherryPy's engine, serve until stopped, by the engine or from outside, and stop the engine."""
        import cherrypy
        from cherrypy._cpserver import Server
        from cherrypy._cpwsgi_server import CPWSGIServer

        engine, settings = cherrypy.engine, Server()
        vars(settings).update(self.options)
        server = fed(CPWSGIServer)(settings)
        server.bind_addr, server.server_name = '', server.version
        cherrypy.log.screen = not self.quiet
        for ours in (engine.autoreload, cherrypy.server):  # the core watches files, and listens
            ours.unsubscribe()
        engine.subscribe('stop', self.stop)
        is_first = engine.state != engine.states.STARTED
        if is_first:
            engine.start()
        try:
            self.feed(server, _hosted(handler), sockets)
        finally:
            engine.unsubscribe('stop', self.stop)
            if is_first:
                engine.exit()

    def native_options(self) -> Collection[str]:
        """Return the attributes of CherryPy's server that may be set."""
        return OPTIONS


def _hosted(handler: WSGIApplication) -> WSGIApplication:
    """Return CherryPy's tree with the application at its root."""
    import cherrypy

    tree = cherrypy._cptree.Tree()
    tree.apps = {**cherrypy.tree.apps, '': handler}

    def host(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        is_ours = tree.script_name(environ['PATH_INFO']) == ''
        application: Any = handler if is_ours else tree  # which would make one slash of two
        found: Iterable[bytes] = application(environ, start_response)
        return found

    return host


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return CherryPyServer
