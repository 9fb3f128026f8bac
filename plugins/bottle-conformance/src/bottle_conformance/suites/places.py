"""Where a server listens: unix sockets, IPv6, several places, sockets that are handed over, TLS."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import warnings
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.client import Connection, trusting_context
from bottle_conformance.fronts import serving
from bottle_conformance.operating import attempt, await_printed, handed_over
from bottle_conformance.rules import rule
from bottle_conformance.subject import LISTENING, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

    Launch = Callable[..., AbstractContextManager[Subject]]

WHERE = 'docs/running.md, "Where to listen"'
SECURE = 'docs/running.md, "TLS"'
END = 5.0  # seconds that a server without requests may take to end


def answers(url: str) -> bool:
    """Return whether a request is answered at a URL."""
    with Connection(url) as connection:
        return connection.send(request('/answer?body=here')).response().body == b'here'


def old_context() -> ssl.SSLContext:
    """Return a context that speaks TLS 1.1, which RFC 8996 has deprecated."""
    context = trusting_context()
    context.set_ciphers('ALL:@SECLEVEL=0')
    with warnings.catch_warnings(action='ignore'):  # Python knows that it is not secure
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


class PlacesSuite:
    """Each kind of place where a server may be told to listen."""

    @pytest.fixture
    def unix(self) -> Iterator[Path]:
        """Return the path of a unix socket, short enough for any system."""
        with TemporaryDirectory(prefix='place-') as folder:
            yield Path(folder) / 'a.sock'

    @rule(4, WHERE, needs='unix_sockets http')
    def test_a_unix_socket(self, launch: Launch, unix: Path) -> None:
        """It answers on a unix socket, tells the application a server name, and removes the file at the end."""
        with launch('-b', f'unix:{unix}') as server:
            assert server.url == f'unix:{unix}'
            assert server.called('/')['SERVER_NAME'][0] == 'str'
            server.send_signal(signal.SIGTERM)
            server.wait(END)
        assert not unix.exists()

    @rule(4, 'docs/options.md, socket_mode', needs='prebound_sockets')
    def test_the_mode_of_a_unix_socket(self, launch: Launch, unix: Path) -> None:
        """The file has the permissions that were asked for."""
        with launch('-b', f'unix:{unix}', '--socket-mode', '600') as server:
            assert unix.stat().st_mode & 0o777 == 0o600
            assert answers(server.url)

    @rule(4, WHERE, needs='unix_sockets')
    def test_a_unix_socket_of_a_dead_process_is_replaced(self, launch: Launch, unix: Path) -> None:
        """The file that a killed server has left does not keep another one from listening there."""
        with closing(socket.socket(socket.AF_UNIX)) as dead:
            dead.bind(str(unix))
        with launch('-b', f'unix:{unix}') as server:
            assert answers(server.url)

    @rule(4, WHERE, needs='unix_sockets')
    def test_a_unix_socket_of_a_living_process_is_left_alone(self, subject_name: str, unix: Path) -> None:
        """Where somebody listens, it refuses to start and names the path."""
        with closing(socket.socket(socket.AF_UNIX)) as living:
            living.bind(str(unix))
            living.listen()
            refused = attempt(subject_name, '-b', f'unix:{unix}')
            assert refused.code != 0
            assert str(unix) in ''.join(refused.lines)
            assert unix.exists()

    @rule(4, WHERE, needs='ipv6 http')
    def test_ipv6(self, launch: Launch) -> None:
        """It answers on ::1, and the application sees addresses and port as they are."""
        with launch('-b', '[::1]:0') as server:
            assert re.fullmatch(r'http://\[::1\]:[1-9]\d*/', server.url)
            environ = server.called('/')
            assert environ['REMOTE_ADDR'][1] == '::1'
            assert environ['SERVER_PORT'][1] == server.url.rpartition(':')[2].rstrip('/')

    @rule(4, WHERE, needs='prebound_sockets http')
    def test_two_places_at_once(self, launch: Launch, unix: Path) -> None:
        """It says both places, and answers at both."""
        with launch('-b', '127.0.0.1:0', '-b', f'unix:{unix}') as server:
            urls = await_printed(server, LISTENING, 2)
            assert len(set(urls)) == 2
            assert [answers(each) for each in urls] == [True, True]
            server.send_signal(signal.SIGTERM)
            assert server.wait(END) == 0

    @rule(4, WHERE, needs='prebound_sockets')
    @pytest.mark.parametrize('options', [('-b', 'fd://3'), ()], ids=['fd', 'LISTEN_FDS'])
    def test_a_socket_that_is_handed_over(
        self, adapter: type[ServerAdapter], subject_name: str, witness: Witness, options: tuple[str, ...]
    ) -> None:
        """It answers on a socket that its parent has bound, and whoever connects before it is ready waits."""
        command = handed_over(subject_name, *options)
        with serving(adapter.capabilities.protocol, subject_name, witness, command) as server:
            assert answers(server.url)
            assert len(set(await_printed(server, LISTENING, 2))) == 1
            server.send_signal(signal.SIGTERM)
            assert server.wait(END) == 0

    @rule(4, SECURE, 'PEP 3333, "environ Variables"', 'RFC 8996, 5', needs='tls')
    def test_tls(self, launch: Launch) -> None:
        """It speaks TLS, but none that is deprecated, and the application knows."""
        with launch('--cert', 'adhoc') as server:
            assert server.url.startswith('https://127.0.0.1:')
            assert server.called('/')['wsgi.url_scheme'] == ['str', 'https']
            with pytest.raises(ssl.SSLError, match='PROTOCOL_VERSION'):
                server.connect(context=old_context()).close()
            assert server.ask('/answer?body=here').body == b'here'

    @rule(4, SECURE, needs='tls')
    def test_who_does_not_speak_tls_harms_nobody(self, launch: Launch) -> None:
        """A client that says something else, or nothing, gets no response and blocks no other."""
        with launch('--cert', 'adhoc') as server:
            plain = server.url.replace('https:', 'http:')
            with Connection(plain), Connection(plain) as stranger:
                stranger.send(request('/')).end()
                assert b'kit.example' not in stranger.read_all()
                assert server.ask('/answer?body=here').body == b'here'
            server.send_signal(signal.SIGTERM)
            assert server.wait(END) == 0
