"""TLS: the context that a server speaks it with, and connections whose backend knows nothing of it."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from bottle.errors import ServerOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

FAREWELL_TIMEOUT = 5.0  # seconds that a client who reads slowly may keep the end of TLS waiting
ADHOC_DAYS = 7  # how long a certificate that was made for this run is valid
CERTIFICATE_NAME, KEY_NAME = 'certificate.pem', 'key.pem'

_CERTIFICATE = re.compile(rb'-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----')
_KEY = re.compile(rb'-----BEGIN [A-Z ]*PRIVATE KEY-----')


def server_context(certfile: str, keyfile: str | None = None) -> ssl.SSLContext:
    """Return a context for a server: TLS 1.2 or later, neither compression nor renegotiation, HTTP/1.1 by ALPN.

    Parameters:
        certfile: the certificate, in PEM, followed by those of the authorities between it and the root, if any.
        keyfile: its key, in PEM and without a password; None when it is in the same file.

    Raises:
        ServerOptionError: a file cannot be read, is not in PEM or is encrypted, or the two do not belong together.
    """
    _require_pem(certfile, _CERTIFICATE, 'certificate', 'openssl x509 -inform der')
    _require_pem(keyfile or certfile, _KEY, 'key', 'openssl pkey -inform der')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Whether a request was cut is told by HTTP's framing; the end of the input must not prevent the answer.
    context.options |= getattr(ssl, 'OP_IGNORE_UNEXPECTED_EOF', 0)  # older than OpenSSL 3 it is the rule
    context.set_alpn_protocols(['http/1.1'])
    try:
        context.load_cert_chain(certfile, keyfile, password=partial(_refuse_password, keyfile or certfile))
    except ssl.SSLError as error:
        raise ServerOptionError(_mismatch(error, certfile, keyfile)) from error
    return context


def _require_pem(file: str, wanted: re.Pattern[bytes], what: str, converter: str) -> None:
    try:
        content = Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise ServerOptionError(f'the {what} {file!r} cannot be read: {_remedy(error)}') from error
    if not wanted.search(content):
        raise ServerOptionError(
            f'the file {file!r} holds no {what} in PEM: give the file that does, or convert it with {converter}'
        )


def _remedy(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return 'there is no such file; check the path'
    if isinstance(error, IsADirectoryError):
        return 'it is a folder; give the file in it'
    if isinstance(error, PermissionError):
        return 'this user may not; change its permissions or its owner'
    return getattr(error, 'strerror', None) or str(error)


def _refuse_password(file: str) -> NoReturn:
    """Take the place of OpenSSL's question on the terminal, which would block a service for ever."""
    raise ServerOptionError(
        f'the key {file!r} is encrypted with a password: write one without, with openssl pkey -in OLD -out NEW'
    )


def _mismatch(error: ssl.SSLError, certfile: str, keyfile: str | None) -> str:
    if error.reason in ('KEY_VALUES_MISMATCH', 'KEY_TYPE_MISMATCH'):
        return (
            f'the key {keyfile or certfile!r} does not belong to the first certificate in {certfile!r}: '
            "give the pair that was made together, the server's own certificate first"
        )
    files = f'{certfile!r} and {keyfile!r}' if keyfile else repr(certfile)
    return f'OpenSSL cannot use {files} ({error.reason or error}): the file is damaged or outdated; make a new one'


def adhoc_certificate() -> tuple[str, str]:
    """Make a self-signed certificate for this machine, for development, which is gone when this process ends.

    Returns:
        The paths of the certificate and of its key, for `server_context`.

    Raises:
        ServerOptionError: the library `cryptography` is not installed.
    """
    import atexit
    import os
    import tempfile

    certificate, key = _self_signed()
    folder = Path(tempfile.mkdtemp(prefix='bottle-adhoc-'))  # nobody else may enter it
    atexit.register(_remove, folder, os.getpid())
    for name, content in (CERTIFICATE_NAME, certificate), (KEY_NAME, key):
        (folder / name).touch(0o600)
        (folder / name).write_bytes(content)
    return str(folder / CERTIFICATE_NAME), str(folder / KEY_NAME)


def _remove(folder: Path, owner: int) -> None:
    """Remove the folder, unless this is a fork of the process that made it."""
    import os
    import shutil

    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _self_signed() -> tuple[bytes, bytes]:
    """Return a certificate and its key, in PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:
        raise ServerOptionError(
            f'a certificate cannot be made without the library cryptography ({error}): '
            'run python -m pip install "bottle[adhoc]", or give a certfile'
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))  # clocks differ
    builder = builder.not_valid_after(now + datetime.timedelta(days=ADHOC_DAYS))
    for extension, critical in _extensions(key.public_key()):
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _extensions(public_key: Any) -> Iterable[tuple[Any, bool]]:
    """Yield what RFC 5280 asks of a server's certificate that vouches for itself, and whether it is critical."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    yield x509.SubjectAlternativeName(list(_own_names())), False
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
    yield x509.SubjectKeyIdentifier.from_public_key(public_key), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), False


def _own_names() -> Iterable[Any]:
    from cryptography import x509

    for name in {'localhost': None, socket.gethostname(): None}:
        with contextlib.suppress(ValueError):  # a certificate holds names in ASCII alone
            yield x509.DNSName(name)
    for address in ('127.0.0.1', '::1'):
        yield x509.IPAddress(ipaddress.ip_address(address))


class TLSConnection(ssl.SSLSocket):
    """The server's end of a connection with TLS, which behaves like a plain socket to whoever serves it.

    The handshake is part of the first read, so that it happens in the thread that serves the connection. What goes
    wrong with TLS is a `ConnectionAbortedError`: the client is of no more use, as when it has gone away.
    """

    _shutdown_plainly = socket.socket.shutdown  # the standard library's for TLS would read on in the clear

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # the names are the standard library's
        """Read and decrypt, after the handshake.

        Parameters:
            len: how many bytes at most.
            buffer: where to put them; None to have them returned.

        Raises:
            ConnectionAbortedError: the client does not speak TLS, or not as it should.
        """
        with _faults_as_lost_connection():
            return super().read(len, buffer)

    def send(self, data: Any, flags: int = 0, **more: Any) -> int:
        """Encrypt and send.

        Parameters:
            data: the bytes.
            flags: none; TLS has no place for them.
            more: what a patched standard library gives itself.

        Returns:
            How many of the bytes were sent.

        Raises:
            ConnectionAbortedError: the client does not speak TLS as it should.
        """
        with _faults_as_lost_connection():
            return super().send(data, flags, **more)

    def shutdown(self, how: int) -> None:
        """End one direction or both; the client is told when nothing more will be sent (RFC 8446, section 6.1).

        Parameters:
            how: as for a plain socket; `SHUT_RD` does not end TLS: what has been received is still decrypted.
        """
        if how != socket.SHUT_RD:
            self._bid_farewell()
        self._shutdown_plainly(how)

    def close(self) -> None:
        """Tell the client that nothing more will be sent, and close the connection."""
        self._bid_farewell()
        super().close()

    def _bid_farewell(self) -> None:
        """Send close_notify without waiting for the client's; without it, what the client got could have been cut."""
        timeout = self.gettimeout()
        with contextlib.suppress(OSError, ValueError):  # no handshake, a client that is gone, or the end of TLS already
            for patience in (0, FAREWELL_TIMEOUT):
                self.settimeout(patience)
                with contextlib.suppress(ssl.SSLWantWriteError):
                    self.unwrap()
                    break
        with contextlib.suppress(OSError):
            self.settimeout(timeout)


@contextlib.contextmanager
def _faults_as_lost_connection() -> Iterator[None]:
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise
    except ssl.SSLError as error:
        raise ConnectionAbortedError(f'TLS: {error.reason or error}') from error


def encrypted(connection: socket.socket, context: ssl.SSLContext) -> TLSConnection:
    """Return a connection with TLS in the place of a plain one, which is used up; nothing is sent or read yet.

    Parameters:
        connection: the accepted connection.
        context: the context, as of `server_context`.

    Raises:
        OSError: the client has gone away already.
    """
    connection.getpeername()  # of one that is gone, the standard library would read in the clear
    context.sslsocket_class = TLSConnection
    wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    return cast('TLSConnection', wrapped)


def over_tls(application: WSGIApplication) -> WSGIApplication:
    """Return an application that is told `https` as the scheme of its requests (PEP 3333, "URL Reconstruction").

    Parameters:
        application: the WSGI application, on a server that does not know of the TLS in front of it.
    """

    def told(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ['wsgi.url_scheme'] = 'https'
        environ['HTTPS'] = 'on'
        return application(environ, start_response)

    return told
