"""What a server declares is what it does: each capability is measured, whether it is declared or not."""

from __future__ import annotations

import signal
from contextlib import suppress
from functools import partial
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bottle_conformance.client import Connection, Malformed
from bottle_conformance.operating import SURELY, crowd, handed_over
from bottle_conformance.rules import rule
from bottle_conformance.subject import LISTENING, new_identity, request, running
from bottle_conformance.witness import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

    Adapter = type[ServerAdapter]
    Launch = Callable[..., AbstractContextManager[Subject]]

DECLARED = 'docs/writing-an-adapter.md, "Capabilities"'
SOON = 1.0  # seconds; what does not happen in that time is taken not to happen
END = 3.0  # seconds that a drain may take
HTTP2_START = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, 3.4: and SETTINGS
SETTINGS = 4  # the type of that frame
NO_ANSWER = (OSError, Malformed)  # a timeout is an OSError, too


def soon(adapter: Adapter) -> float:
    """Return within how many seconds happens what happens at all: a busy machine needs some to start a process."""
    return PATIENCE if adapter.capabilities.concurrency == 'per-request' else SOON


def answers(url: str, timeout: float = SOON) -> bool:
    """Return whether HTTP is spoken at a URL."""
    with suppress(*NO_ANSWER), Connection(url, timeout=timeout) as connection:
        return connection.send(request('/answer?body=here')).response().body == b'here'
    return False


def serves(launch: Launch, *options: Any) -> bool:
    """Return whether a server that is started with some options answers; one may refuse to start."""
    with suppress(*NO_ANSWER), launch(*options) as server:
        return server.ask('/answer?body=here').body == b'here'
    return False


def concurrency(server: Subject) -> set[str]:
    """Return what a declaration of the concurrency may be, after what two requests and a silent client do."""
    with crowd(server, 2, patience=SURELY / 2) as running_requests:
        held = running_requests.held
        processes = set(running_requests.processes())
        running_requests.release()
    if held == 2:
        return {'threads', 'greenlets'} if len(processes) == 1 else {'processes', 'per-request'}
    with server.connect():
        return {'event-loop'} if answers(server.url) else {'sync'}


class CapabilitiesSuite:
    """The fields of `Capabilities`, in their order."""

    @rule(4, DECLARED)
    def test_declared_concurrency(self, adapter: Adapter, server: Subject) -> None:
        """Two requests run at once, in one process or two, or one after the other, as declared."""
        assert adapter.capabilities.concurrency in concurrency(server)

    @rule(4, DECLARED)
    def test_declared_protocol(self, adapter: Adapter, server: Subject) -> None:
        """Where the server itself listens, HTTP is answered if it is what the server speaks."""
        itself = LISTENING.findall(server.printed())[0]  # under CGI it is the web server that listens
        assert answers(itself, soon(adapter)) == (adapter.capabilities.protocol in ('http', 'cgi'))

    @rule(4, DECLARED, needs='http')
    def test_declared_prebound_sockets(self, adapter: Adapter, subject_name: str, witness: Witness) -> None:
        """It answers on a socket that is handed over, if that is declared."""
        start = partial(running, subject_name, witness)
        command = handed_over(subject_name, '-b', 'fd://3')
        assert serves(start, command) == adapter.capabilities.prebound_sockets

    @rule(4, DECLARED, needs='listens')
    def test_declared_unix_sockets(self, adapter: Adapter, launch: Launch) -> None:
        """It answers on a unix socket, if that is declared."""
        with TemporaryDirectory(prefix='place-') as folder:
            assert serves(launch, '-b', f'unix:{folder}/a.sock') == adapter.capabilities.unix_sockets

    @rule(4, DECLARED, needs='listens')
    def test_declared_ipv6(self, adapter: Adapter, launch: Launch) -> None:
        """It answers on ::1, if that is declared."""
        assert serves(launch, '-b', '[::1]:0') == adapter.capabilities.ipv6

    @rule(4, DECLARED, needs='listens')
    def test_declared_tls(self, adapter: Adapter, launch: Launch) -> None:
        """It speaks TLS when it is asked to, if that is declared."""
        assert serves(launch, '--cert', 'adhoc') == adapter.capabilities.tls

    @rule(4, DECLARED)
    def test_declared_chunked_requests(self, adapter: Adapter, server: Subject) -> None:
        """The application gets a chunked body whole, if that is declared."""
        body, arrived = b'3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', False
        with suppress(*NO_ANSWER), server.connect(timeout=soon(adapter)) as connection:
            connection.send(request('/echo', 'Transfer-Encoding: chunked', method='POST', body=body))
            arrived = connection.response().body == b'abcde'
        assert arrived == adapter.capabilities.chunked_requests

    @rule(4, DECLARED)
    def test_declared_streaming(self, adapter: Adapter, server: Subject) -> None:
        """The first piece of a response arrives before the second one is made, if that is declared."""
        identity = new_identity()
        with server.connect(timeout=soon(adapter)) as connection:
            arrives = False
            connection.send(request('/stream', identity=identity))
            with suppress(TimeoutError):
                arrives = connection.read_until(b'aaaaa').endswith(b'aaaaa')
            server.witness.release(identity)
        assert arrives == adapter.capabilities.streaming

    @rule(4, DECLARED, needs='http')
    def test_declared_keep_alive(self, adapter: Adapter, server: Subject) -> None:
        """A second request on the same connection is answered, if that is declared."""
        with server.connect(timeout=SOON) as connection:
            connection.send(request(close=False)).response()
            again = False
            with suppress(*NO_ANSWER):
                again = connection.send(request(close=False)).response().status == 200
        assert again == adapter.capabilities.keep_alive

    @rule(4, DECLARED, 'RFC 9113, 3.4', needs='http')
    def test_declared_http2(self, adapter: Adapter, server: Subject) -> None:
        """The preface of HTTP/2 is answered by a frame with settings, if that is declared."""
        frame = b''
        with server.connect(timeout=SOON) as connection, suppress(OSError):
            frame = connection.send(HTTP2_START).read(9)
        assert (frame[3:4] == bytes([SETTINGS])) == adapter.capabilities.http2

    @rule(4, DECLARED, needs='listens')
    def test_declared_graceful_drain(self, adapter: Adapter, launch: Launch) -> None:
        """A request that runs is finished after SIGTERM, if that is declared."""
        with launch() as server, crowd(server, 1) as running_request:
            server.send_signal(signal.SIGTERM)
            finished = False
            with suppress(TimeoutExpired):
                server.wait(SOON / 4)  # one that does not drain may end before the response is let go
            with suppress(*NO_ANSWER, TimeoutExpired):
                finished = [each.body for each in running_request.release()] == [b'held'] and server.wait(END) == 0
        assert finished == adapter.capabilities.graceful_drain

    @rule(4, DECLARED, needs='listens')
    def test_declared_worker_processes(self, adapter: Adapter, server: Subject) -> None:
        """Without --workers, another process than the one that was started answers, if that is declared."""
        identity = new_identity()
        server.ask(identity=identity)
        other = server.told(identity, 'called')['process'] != server.process.pid
        assert other == adapter.capabilities.worker_processes

    @rule(4, DECLARED, needs='listens')
    def test_declared_threads_option(self, adapter: Adapter, launch: Launch) -> None:
        """With --threads 2, just two requests run at once, if that is declared."""
        two = False
        with (
            suppress(TimeoutError),
            launch('--threads', '2') as server,
            crowd(server, 2, patience=SURELY) as running_two,
        ):
            two = running_two.held == 2 and not running_two.join()
            running_two.release()
        assert two == adapter.capabilities.threads_option

    @rule(4, DECLARED, 'PEP 3333, "Optional Platform-Specific File Handling"')
    def test_declared_file_wrapper(self, adapter: Adapter, server: Subject) -> None:
        """The environ has `wsgi.file_wrapper`, if that is declared."""
        assert ('wsgi.file_wrapper' in server.called()) == adapter.capabilities.file_wrapper
