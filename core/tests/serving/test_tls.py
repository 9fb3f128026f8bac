"""TLS below any server: the context and its errors, the throw-away certificate, and how a connection ends."""

import os
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from bottle.errors import ServerOptionError
from bottle.serving.tls import TLSConnection, adhoc_certificate, encrypted, over_tls, server_context

TIMEOUT = 10.0
CERTIFICATE, KEY = adhoc_certificate()


def connected() -> tuple[TLSConnection, ssl.SSLSocket]:
    """Return the two ends of a connection before its handshake; the client's tells when it was cut."""
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.settimeout(TIMEOUT)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    client = trusting.wrap_socket(
        theirs, server_hostname='localhost', do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    return encrypted(ours, server_context(CERTIFICATE, KEY)), client


@contextmanager
def spoken() -> Iterator[tuple[TLSConnection, ssl.SSLSocket]]:
    """Return the two ends of a connection on which the client has sent `hello`, and the server has read it."""
    server, client = connected()
    with closing(server), closing(client):
        thread = threading.Thread(target=client.sendall, args=(b'hello',))
        thread.start()
        assert server.recv(10) == b'hello'
        thread.join(TIMEOUT)
        yield server, client


def read_to_the_end(client: ssl.SSLSocket) -> bytes:
    """Return what comes before close_notify; an end without it is an `ssl.SSLEOFError`."""
    return b''.join(iter(lambda: client.recv(65536), b''))


def test_what_is_negotiated() -> None:
    with spoken() as (server, client):
        assert server.version() == client.version() == 'TLSv1.3'
        assert client.compression() is None
    context = server_context(CERTIFICATE, KEY)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION in context.options


def test_the_end_of_the_input_does_not_end_tls() -> None:
    with spoken() as (server, client):
        client.sendall(b'more')
        server.shutdown(socket.SHUT_RD)
        assert server.recv(10) == b'more'  # decrypted: what was sent already is still read
        assert server.recv(10) == b''
        server.sendall(b'answer')
        server.close()
        assert read_to_the_end(client) == b'answer'


@pytest.mark.parametrize('how', [socket.SHUT_WR, socket.SHUT_RDWR])
def test_the_client_is_told_that_nothing_more_will_be_sent(how: int) -> None:
    with spoken() as (server, client):
        server.sendall(b'answer')
        server.shutdown(how)
        assert read_to_the_end(client) == b'answer'


def test_closing_does_not_wait_for_a_silent_client() -> None:
    with spoken() as (server, client):
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 1
        assert read_to_the_end(client) == b''


def test_a_client_that_reads_slowly_is_told_too() -> None:
    body = os.urandom(1 << 16)
    with spoken() as (server, client):
        server.sendall(body)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # from now on its buffer is full
        thread = threading.Thread(target=server.close)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()  # it waits until its last word can be sent
        assert read_to_the_end(client) == body
        client.close()
        thread.join(1)
        assert not thread.is_alive()


def test_a_client_that_does_not_read_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('bottle.serving.tls.FAREWELL_TIMEOUT', 0.2)
    with spoken() as (server, _):
        server.sendall(bytes(1 << 16))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        started = time.monotonic()
        server.close()
        assert 0.2 <= time.monotonic() - started < 2


def test_closing_before_the_handshake_or_twice_is_no_error() -> None:
    server, client = connected()
    with closing(client):
        server.shutdown(socket.SHUT_WR)
        server.close()
        server.close()
        with pytest.raises(OSError, match=r'.'):  # of TLS or of the socket: which of the two is a race
            client.do_handshake()


@pytest.mark.parametrize('data', [b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'\x00\x01\x02\x03' * 8])
def test_who_does_not_speak_tls_is_a_client_that_has_gone_away(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with closing(encrypted(ours, server_context(CERTIFICATE, KEY))) as server, closing(theirs):
        theirs.sendall(data)
        with pytest.raises(ConnectionAbortedError, match='TLS: '):
            server.recv(10)


def test_a_client_that_leaves_during_the_handshake() -> None:
    ours, theirs = socket.socketpair()
    with closing(encrypted(ours, server_context(CERTIFICATE, KEY))) as server:
        theirs.close()
        assert server.recv(10) == b''


def test_a_client_that_has_left_before_it_was_accepted() -> None:
    with closing(socket.create_server(('127.0.0.1', 0))) as listener:
        leaving = socket.create_connection(listener.getsockname(), TIMEOUT)
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # closing is a reset
        leaving.close()
        with closing(listener.accept()[0]) as connection, pytest.raises(OSError, match='not connected'):
            encrypted(connection, server_context(CERTIFICATE, KEY))


def test_sending_after_a_failed_handshake_is_a_lost_connection() -> None:
    ours, theirs = socket.socketpair()
    with closing(encrypted(ours, server_context(CERTIFICATE, KEY))) as server, closing(theirs):
        theirs.sendall(b'GET / HTTP/1.1\r\n\r\n')
        with pytest.raises(ConnectionAbortedError):
            server.sendall(b'answer')
        server.close()
        received = b''
        with suppress(ConnectionResetError):
            received = theirs.recv(100)
        assert b'answer' not in received


def test_a_silent_client_times_out() -> None:
    server, client = connected()
    with closing(server), closing(client):
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.recv(10)


def test_the_application_is_told_the_scheme() -> None:
    seen = {}

    def application(environ: dict[str, str], _: object) -> list[bytes]:
        seen.update(environ)
        return [b'body']

    assert over_tls(application)({'wsgi.url_scheme': 'http', 'A': 'b'}, lambda *_: lambda _: None) == [b'body']
    assert seen == {'wsgi.url_scheme': 'https', 'HTTPS': 'on', 'A': 'b'}


def refusal(certfile: Path | str, keyfile: Path | str | None) -> str:
    """Return the one line with which files are refused."""
    with pytest.raises(ServerOptionError) as caught:
        server_context(str(certfile), None if keyfile is None else str(keyfile))
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_certificate_and_key_in_one_file(tmp_path: Path) -> None:
    both = tmp_path / 'both.pem'
    both.write_bytes(Path(CERTIFICATE).read_bytes() + Path(KEY).read_bytes())
    assert server_context(str(both), None).minimum_version == ssl.TLSVersion.TLSv1_2


def test_files_that_are_none(tmp_path: Path) -> None:
    absent = tmp_path / 'absent.pem'
    assert refusal(absent, KEY) == (
        f'the certificate {str(absent)!r} cannot be read: there is no such file; check the path'
    )
    assert refusal(CERTIFICATE, absent).startswith(f'the key {str(absent)!r} cannot be read: there is no such file')
    assert 'it is a folder; give the file in it' in refusal(tmp_path, KEY)
    assert 'it is a folder; give the file in it' in refusal(CERTIFICATE, tmp_path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while if this is root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_key_that_may_not_be_read() -> None:
    with TemporaryDirectory() as name:  # that of pytest is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        (folder / 'certificate.pem').write_bytes(Path(CERTIFICATE).read_bytes())
        (folder / 'key.pem').touch(0)
        with unprivileged():
            text = refusal(folder / 'certificate.pem', folder / 'key.pem')
    assert 'this user may not; change its permissions or its owner' in text


def test_files_that_are_not_pem(tmp_path: Path) -> None:
    der = tmp_path / 'certificate.der'
    der.write_bytes(
        x509.load_pem_x509_certificate(Path(CERTIFICATE).read_bytes()).public_bytes(serialization.Encoding.DER)
    )
    assert refusal(der, KEY) == (
        f'the file {str(der)!r} holds no certificate in PEM: '
        'give the file that does, or convert it with openssl x509 -inform der'
    )
    assert 'holds no key in PEM' in refusal(CERTIFICATE, der)
    assert 'holds no key in PEM' in refusal(CERTIFICATE, None)


def test_a_damaged_file(tmp_path: Path) -> None:
    damaged = tmp_path / 'damaged.pem'
    damaged.write_text('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    text = refusal(damaged, KEY)
    assert text.startswith(f'OpenSSL cannot use {str(damaged)!r} and {KEY!r} (')
    assert text.endswith('): the file is damaged or outdated; make a new one')


def test_a_key_of_another_certificate() -> None:
    _, another = adhoc_certificate()
    assert refusal(CERTIFICATE, another) == (
        f'the key {another!r} does not belong to the first certificate in {CERTIFICATE!r}: '
        "give the pair that was made together, the server's own certificate first"
    )


def test_a_key_with_a_password_never_asks_for_it(tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(Path(KEY).read_bytes(), None)
    locked = tmp_path / 'locked.pem'
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b'secret'),
        )
    )
    assert refusal(CERTIFICATE, locked) == (
        f'the key {str(locked)!r} is encrypted with a password: write one without, with openssl pkey -in OLD -out NEW'
    )


def test_an_ad_hoc_certificate_is_for_this_machine_and_private() -> None:
    found = x509.load_pem_x509_certificate(Path(CERTIFICATE).read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {'localhost', socket.gethostname()} == set(names.get_values_for_type(x509.DNSName))
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ['127.0.0.1', '::1']
    assert 1 < (found.not_valid_after_utc - found.not_valid_before_utc).days < 30
    assert [stat.S_IMODE(Path(each).stat().st_mode) for each in (CERTIFICATE, KEY)] == [0o600, 0o600]
    assert stat.S_IMODE(Path(KEY).parent.stat().st_mode) == 0o700


def program(source: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run([sys.executable, '-c', source], capture_output=True, text=True, timeout=30, check=True)


def test_an_ad_hoc_certificate_outlives_forks_but_not_its_process() -> None:
    done = program("""
import os, sys
from bottle.serving.tls import adhoc_certificate
paths = adhoc_certificate()
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
print(*paths, *map(os.path.exists, paths), sep='\\n')
""")
    certificate, key, *exist = done.stdout.splitlines()
    assert exist == ['True', 'True']
    assert not Path(certificate).parent.exists()
    assert not Path(key).exists()


def test_without_the_library_the_extra_is_named() -> None:
    done = program("""
import sys
sys.modules['cryptography'] = None
from bottle.errors import ServerOptionError
from bottle.serving.tls import adhoc_certificate
try:
    adhoc_certificate()
except ServerOptionError as error:
    print(error)
""")
    assert 'python -m pip install "bottle[adhoc]"' in done.stdout
    assert len(done.stdout.splitlines()) == 1
