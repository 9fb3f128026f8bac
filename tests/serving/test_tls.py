"""TLS on every server whose connections the core accepts, for Python's client, curl, and clients without manners."""

import os
import socket
import ssl
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import pytest

from bottle import server_names
from bottle.serving import AcceptingAdapter
from bottle.serving.tls import adhoc_certificate
from tests.serving.conftest import HERE, persistent_servers
from tests.support.client import TIMEOUT, Answer, raw, read_all
from tests.support.processes import Server, serving
from tests.support.requirements import require_module, require_program

CERTIFICATE, KEY = adhoc_certificate()
MEGABYTE = os.urandom(1 << 20)
NAMES = [name for name in persistent_servers() if issubclass(server_names[name], AcceptingAdapter)]

ON_THE_PATH = {'PYTHONPATH': str(HERE)}  # the probe

# As the runner does it for a server without TLS of its own.
PROGRAM = """
import signal, sys
import probe
from bottle import server_names
from bottle.serving.sockets import listen, url_of
from bottle.serving.tls import over_tls, server_context

name, certfile, keyfile = sys.argv[1:]
adapter = server_names[name](port=0)
adapter.ssl_context = server_context(certfile, keyfile)
signal.signal(signal.SIGTERM, lambda *_: adapter.stop())
listener = listen('127.0.0.1', 0)
print('Listening on', url_of(listener, 'https'), flush=True)
adapter.serve(over_tls(probe.app), [listener])
"""


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Serve the probe over TLS; what the test has done must have left no traceback."""
    command = [sys.executable, '-c', PROGRAM, request.param, CERTIFICATE, KEY]
    with serving(command, HERE, ON_THE_PATH) as process:
        yield process
        assert process.stop() == 0
    assert not [line for line in process.output if 'Traceback' in line or 'Exception' in line]


def trusting() -> ssl.SSLContext:
    """Return the context of a client that trusts the certificate."""
    return ssl.create_default_context(cafile=CERTIFICATE)


def connect(server: Server) -> HTTPSConnection:
    """Return a connection to a server; close it."""
    parts = urlsplit(server.url)
    return HTTPSConnection(parts.hostname or '', parts.port, timeout=TIMEOUT, context=trusting())


def fetch(server: Server, path: str, method: str = 'GET', body: object = None, **headers: str) -> Answer:
    """Send one request on a connection of its own. A body that is an iterator is sent chunked."""
    with closing(connect(server)) as connection:
        connection.request(method, path, body=body, headers=headers, encode_chunked=hasattr(body, '__next__'))  # type: ignore[arg-type]  # bytes, None or an iterator
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def secured(server: Server, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection that tells a cut response from one that was ended; close it."""
    return context.wrap_socket(raw(server.url), server_hostname='localhost', suppress_ragged_eofs=False)


def test_the_application_is_told_the_scheme(server: Server) -> None:
    answer = fetch(server, '/environ/wsgi.url_scheme')
    assert (answer.status, answer.body) == (200, b'https')
    assert fetch(server, '/environ/HTTPS').body == b'on'


def test_curl_is_content(server: Server) -> None:
    curl = [str(require_program('curl')), '--silent', '--show-error', '--max-time', '10', '--cacert', CERTIFICATE]
    url = server.url.replace('127.0.0.1', 'localhost')
    done = subprocess.run([*curl, f'{url}path/a'], capture_output=True, timeout=30, check=True)
    assert done.stdout == b'a'
    uploading = [*curl, '--data-binary', '@-', '-H', 'Transfer-Encoding: chunked', f'{url}echo']
    done = subprocess.run(uploading, input=MEGABYTE, capture_output=True, timeout=30, check=True)
    assert done.stdout == MEGABYTE
    fetch(server, '/open')
    done = subprocess.run([*curl, f'{url}stream'], capture_output=True, timeout=30, check=True)
    assert done.stdout == b'first\nsecond\n'  # its end is that of the connection: curl would complain of a cut one


def test_bodies_arrive_byte_exact(server: Server) -> None:
    assert fetch(server, '/echo', 'POST', MEGABYTE).body == MEGABYTE
    pieces = (MEGABYTE[start : start + 70_000] for start in range(0, len(MEGABYTE), 70_000))
    assert fetch(server, '/echo', 'POST', pieces, **{'Transfer-Encoding': 'chunked'}).body == MEGABYTE


def test_a_stream_arrives_piece_by_piece(server: Server) -> None:
    with closing(connect(server)) as connection:
        connection.request('GET', '/stream')
        response = connection.getresponse()
        assert response.readline() == b'first\n'  # the second piece is held back until /open is asked for
        assert fetch(server, '/open').body == b'open'
        assert response.read() == b'second\n'


def test_a_response_that_ends_with_the_connection_is_not_cut(server: Server) -> None:
    fetch(server, '/open')
    with closing(secured(server, trusting())) as connection:
        connection.sendall(b'GET /stream HTTP/1.0\r\nHost: a\r\n\r\n')
        head, _, body = read_all(connection).partition(b'\r\n\r\n')  # an end without close_notify is an SSLEOFError
    assert b'content-length' not in head.lower()
    assert body == b'first\nsecond\n'


@pytest.mark.parametrize('server', ['wsgiref'], indirect=True)  # paste resets such connections, with TLS or without
def test_an_answer_before_the_upload_is_read_arrives(server: Server) -> None:
    with closing(secured(server, trusting())) as connection:
        head = b'POST /path/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 500000\r\n\r\n'
        connection.sendall(head + bytes(500_000))
        assert read_all(connection).split(b' ', 2)[1] == b'405'


def test_http_1_1_by_alpn_and_nothing_older_than_tls_1_2(server: Server) -> None:
    modern = trusting()
    modern.set_alpn_protocols(['h2', 'http/1.1'])
    with closing(secured(server, modern)) as connection:
        assert (connection.selected_alpn_protocol(), connection.version()) == ('http/1.1', 'TLSv1.3')
    old = trusting()
    old.set_ciphers('ALL:@SECLEVEL=0')
    with warnings.catch_warnings(action='ignore'):  # Python knows that it is not secure
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match='PROTOCOL_VERSION'):
        secured(server, old).close()


def test_who_does_not_trust_the_certificate_harms_nobody(server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        secured(server, ssl.create_default_context()).close()
    assert fetch(server, '/path/a').body == b'a'


STRANGERS = {
    'plain HTTP': b'GET /path/a HTTP/1.1\r\nHost: a\r\n\r\n',
    'noise': b'\x00\x01\x02\x03' * 100,
    'a handshake that stops': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'nothing': b'',
}


@pytest.mark.parametrize('data', STRANGERS.values(), ids=STRANGERS)
def test_who_does_not_speak_tls_harms_nobody(server: Server, data: bytes) -> None:
    with closing(raw(server.url)) as stranger:
        stranger.sendall(data)
        with suppress(OSError):  # it may have been sent away already
            stranger.shutdown(socket.SHUT_WR)
        answer = b''
        with suppress(ConnectionResetError):
            answer = read_all(stranger)
    assert b'HTTP' not in answer
    assert fetch(server, '/path/a').body == b'a'


def test_who_says_nothing_or_leaves_blocks_nobody(server: Server) -> None:
    leaving = raw(server.url)
    leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # closing is a reset
    leaving.close()
    with closing(raw(server.url)), closing(raw(server.url)), closing(secured(server, trusting())):
        assert fetch(server, '/path/a').body == b'a'
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 3


def test_a_drain_finishes_what_runs(server: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(fetch, server, '/hold?seconds=1') for _ in range(4)]
        assert fetch(server, '/entered/4').body == b'True'
        server.process.terminate()
        assert [each.result(timeout=10).body for each in running] == [b'held'] * 4
    assert server.process.wait(10) == 0


def test_no_request_that_was_sent_is_lost(server: Server) -> None:
    connections = [connect(server) for _ in range(20)]
    for connection in connections:
        connection.request('GET', '/hold?seconds=0.2')
    server.process.terminate()
    bodies = [connection.getresponse().read() for connection in connections]
    for connection in connections:
        connection.close()
    assert bodies == [b'held'] * 20
    assert server.process.wait(10) == 0


def test_a_program_that_gevent_has_patched() -> None:
    require_module('gevent')
    patched = 'from gevent import monkey; monkey.patch_all()\n' + PROGRAM
    with serving([sys.executable, '-c', patched, 'wsgiref', CERTIFICATE, KEY], HERE, ON_THE_PATH) as server:
        assert fetch(server, '/echo', 'POST', MEGABYTE).body == MEGABYTE
        fetch(server, '/open')
        with closing(secured(server, trusting())) as connection:
            connection.sendall(b'GET /stream HTTP/1.0\r\nHost: a\r\n\r\n')
            assert read_all(connection).endswith(b'first\nsecond\n')
        assert server.stop() == 0
