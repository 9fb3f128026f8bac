"""What a server can do, found out from outside: a `Capabilities` to hold against the one that its adapter declares."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from bottle import start
from bottle.errors import ServerOptionError
from bottle.serving import Capabilities
from bottle.serving.lifecycle import RunningServer
from tests.support.processes import run
from tests.support.requirements import require_program, unavailable

WAIT = 5.0  # seconds for anything that should come at once
MEETING = 0.5  # seconds; a server without threads is blocked for that long
CHUNKED = b'Transfer-Encoding: chunked\r\n'
HTTP2_START = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, 3.4: and SETTINGS


class Probe:
    """A WSGI application that runs in the process of the test, so that the test can hold its responses."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.meeting = threading.Barrier(2)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer: Callable[[dict[str, Any]], Iterable[bytes]] = getattr(self, environ['PATH_INFO'].strip('/*') or 'about')
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return answer(environ)

    def about(self, environ: dict[str, Any]) -> Iterable[bytes]:
        return [json.dumps({'pid': os.getpid(), 'wrapper': 'wsgi.file_wrapper' in environ}).encode()]

    def echo(self, environ: dict[str, Any]) -> Iterable[bytes]:
        length = environ.get('CONTENT_LENGTH')
        return [environ['wsgi.input'].read(*([int(length)] if length else []))]

    def held(self, environ: dict[str, Any]) -> Iterator[bytes]:
        yield b'first'
        yield b'second' if self.gate.wait(WAIT) else b'too late'

    def meet(self, environ: dict[str, Any]) -> Iterable[bytes]:
        with suppress(threading.BrokenBarrierError):
            self.meeting.wait(MEETING)
            return [b'met']
        return [b'alone']


def connected(url: str) -> socket.socket:
    """Return a socket connected to `http://HOST:PORT/` or `unix:/path`; close it."""
    if url.startswith('unix:'):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(WAIT)
        connection.connect(url.removeprefix('unix:'))
        return connection
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=WAIT)


def until(connection: socket.socket, end: bytes) -> bytes:
    """Return what arrives up to some bytes, or up to the end of the connection."""
    received = b''
    while end not in received and (piece := connection.recv(65536)):
        received += piece
    return received


def ask(url: str, path: str, *, headers: bytes = b'', body: bytes = b'', method: str = 'GET') -> bytes:
    """Return the whole response to one request, the head included."""
    with closing(connected(url)) as connection:
        head = f'{method} {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n'.encode()
        connection.sendall(head + headers + b'\r\n' + body)
        return until(connection, b'no end but that of the connection')


def has_ipv6() -> bool:
    """Return whether this machine has the address ::1."""
    with closing(socket.socket(socket.AF_INET6)) as probe, suppress(OSError):
        probe.bind(('::1', 0))
        return True
    return False


Wrap: TypeAlias = Callable[[socket.socket], socket.socket]


def serves(name: str, host: str = '127.0.0.1', wrap: Wrap | None = None, **options: Any) -> bool:
    """Return whether a server that is bound to an address answers a request there."""
    with start(Probe(), name, host, 0, **options) as server, closing(connected(server.url)) as plain:
        connection = wrap(plain) if wrap else plain
        connection.sendall(b'GET /about HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n')
        answered = b' 200 ' in until(connection, b'\r\n')
        connection.close()
        return answered


def certificate(folder: Path) -> tuple[str, str]:
    """Return the files of a new self-signed certificate for localhost and of its key."""
    files = str(folder / 'cert.pem'), str(folder / 'key.pem')
    subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    where = ['-out', files[0], '-keyout', files[1]]
    run([str(require_program('openssl')), 'req', '-x509', '-days', '2', *curve, *subject, *where], folder)
    return files


def serves_tls(name: str, folder: Path) -> bool:
    """Return whether a server that is given a certificate answers over TLS."""
    certfile, keyfile = certificate(folder)
    wrap = partial(ssl.create_default_context(cafile=certfile).wrap_socket, server_hostname='localhost')
    try:
        return serves(name, wrap=wrap, certfile=certfile, keyfile=keyfile)
    except ServerOptionError:
        return False


def keeps_alive(server: RunningServer) -> bool:
    """Return whether a second request on the same connection is answered."""
    with closing(connected(server.url)) as connection, suppress(ConnectionError):
        for _ in range(2):
            connection.sendall(b'GET /about HTTP/1.1\r\nHost: probe\r\n\r\n')
            answer = until(connection, b'}')
        return b' 200 ' in answer
    return False


def speaks_http2(server: RunningServer) -> bool:
    """Return whether the answer to the connection preface of HTTP/2 is a frame of the type SETTINGS."""
    with closing(connected(server.url)) as connection:
        connection.sendall(HTTP2_START)
        with suppress(ConnectionError):
            return connection.recv(9)[3:4] == b'\x04'
    return False


def streams_and_drains(server: RunningServer, probe: Probe) -> tuple[bool, bool]:
    """Return whether the first piece of a response comes alone, and whether `stop` lets the second one come."""
    with closing(connected(server.url)) as connection:
        connection.sendall(b'GET /held HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n')
        first = until(connection, b'first')
        server.adapter.stop()
        probe.gate.set()
        rest = first + until(connection, b'no end but that of the connection')
    return b'second' not in first and b'too late' not in rest, b'second' in rest and server.wait(WAIT)


def concurrency(server: RunningServer) -> str:
    """Return `threads` when two requests can wait for each other, or what else the adapter says."""
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, [server.url] * 2, ['/meet'] * 2))
    met = all(answer.endswith(b'met') or b'\r\nmet\r\n' in answer for answer in answers)
    declared = server.adapter.capabilities.concurrency
    return 'threads' if met else 'not threads' if declared == 'threads' else declared


def as_dict(capabilities: Capabilities) -> dict[str, Any]:
    """Return capabilities by name, in the order in which they are declared."""
    return {name: getattr(capabilities, name) for name in Capabilities.__annotations__}


def measure(name: str) -> Capabilities:
    """Return what a server can do.

    How many threads it has is an option with another name on each backend: its declaration is taken as it is.
    """
    probe = Probe()
    with start(probe, name, port=0) as server:
        about = json.loads(b'{' + ask(server.url, '/about').partition(b'{')[2].partition(b'}')[0] + b'}')
        chunked = ask(server.url, '/echo', method='POST', headers=CHUNKED, body=b'3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')
        measured: dict[str, Any] = {
            'concurrency': concurrency(server),
            'prebound_sockets': True,
            'keep_alive': keeps_alive(server),
            'http2': speaks_http2(server),
            'chunked_requests': b'abcde' in chunked,
            'worker_processes': about['pid'] != os.getpid(),
            'file_wrapper': about['wrapper'],
        }
        measured['streaming'], measured['graceful_drain'] = streams_and_drains(server, probe)
    with TemporaryDirectory() as folder:
        measured['unix_sockets'] = serves(name, f'unix:{folder}/socket')
        measured['tls'] = serves_tls(name, Path(folder))
    if not has_ipv6():
        unavailable('this machine has no address ::1')
    measured['ipv6'] = serves(name, '::1')
    return Capabilities(**{**as_dict(server.adapter.capabilities), **measured})
