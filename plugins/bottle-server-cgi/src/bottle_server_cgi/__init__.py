"""The server `cgi`: one process a request, started by a web server (RFC 3875)."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any
from wsgiref.handlers import BaseCGIHandler, read_environ

from bottle.bodies import length_reader
from bottle.errors import ServerError
from bottle.serving import Capabilities, ServerAdapter, hookimpl
from bottle.serving.lifecycle import Drain
from bottle.serving.responses import strict

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from bottle.serving.types import WSGIApplication

LAST_WORDS = 30.0  # seconds that the application may go on once the web server wants nothing more of it
# A Proxy header would pass for the variable that configures proxies; the others have variables of their own.
DROPPED = ('HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH')


class CGIServer(ServerAdapter):
    """Answers the one request that the environment and standard input describe, and returns."""

    name = 'cgi'
    native_call = 'wsgiref.handlers.BaseCGIHandler'
    capabilities = Capabilities(
        concurrency='per-request', protocol='cgi', chunked_requests=True, streaming=True, file_wrapper=True
    )
    quiet = True  # standard output belongs to the response, and standard error to the web server's log

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Answer the request; what the application prints goes to standard error.

        Web servers send SIGTERM as soon as they have the last byte, or when the client has left. The application may
        still close what it has opened; one that goes on sending finds that nobody listens.
        """
        del sockets  # the web server holds them
        environ = _environ()
        output = sys.stdout.buffer  # the response alone may use it
        writer = _Writer(environ['wsgi.input'], output, sys.stderr, environ, multithread=False, multiprocess=True)
        writer.os_environ = {}  # else what was taken out of the environ would come back
        with redirect_stdout(sys.stderr), Drain(self.stop, bool, LAST_WORDS):
            writer.run(strict(handler))
        try:
            output.flush()
        except BrokenPipeError:  # the interpreter would try once more, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())

    def stop(self) -> None:
        """Do nothing: the process ends with its request."""

    def native_options(self) -> tuple[str, ...]:
        """Return no names: there is nothing to choose."""
        return ()


class _Writer(BaseCGIHandler):
    wsgi_run_once = True
    headers_sent: bool

    def finish_content(self) -> None:
        """Send the head if nothing else was sent; the length may be that of a body that HEAD does not have."""
        if not self.headers_sent:
            self.send_headers()


def _environ() -> dict[str, Any]:
    """Return the meta-variables of RFC 3875, section 4.1, as PEP 3333 wants them."""
    if 'REQUEST_METHOD' not in os.environ:
        raise ServerError("the server 'cgi' answers CGI requests alone: let a web server start this program")
    for name in DROPPED:
        os.environ.pop(name, None)
    environ: dict[str, Any] = read_environ()
    environ.setdefault('SCRIPT_NAME', '')
    environ.setdefault('PATH_INFO', '')
    if 'HTTP_TRANSFER_ENCODING' in environ:  # the web server has decoded the body and ends it
        del environ['HTTP_TRANSFER_ENCODING']
        environ.update({'wsgi.input': sys.stdin.buffer, 'wsgi.input_terminated': True})
        return environ
    length = environ.get('CONTENT_LENGTH') or '0'
    if not (length.isascii() and length.isdigit()):
        raise ServerError(f'the web server passed an invalid CONTENT_LENGTH: {length!r}')
    environ.update({'wsgi.input': length_reader(sys.stdin.buffer, int(length)), 'wsgi.input_terminated': True})
    return environ


@hookimpl
def bottle_server_adapter() -> type[ServerAdapter]:
    """Return the adapter."""
    return CGIServer
