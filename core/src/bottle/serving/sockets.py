"""Listening sockets, bound by the core: every adapter has port 0, IPv6, unix and inherited sockets for free."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottle.errors import BindError
from bottle.serving.addresses import FD_PREFIX, UNIX_PREFIX, parse_bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BACKLOG = 1024
FIRST_INHERITED_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
WILDCARDS = ('', '0.0.0.0', '::')  # compared with, never bound by default


def listen_all(addresses: Iterable[str], *, backlog: int = BACKLOG, mode: int | None = None) -> list[socket.socket]:
    """Return sockets that listen on several addresses: on all of them or, after an error, on none.

    Parameters:
        addresses: what `parse_bind` can split.
        backlog: the length of the queue of connections that wait to be accepted.
        mode: the permissions of unix sockets; None leaves them to the umask.

    Raises:
        BindError: one of them cannot be listened on.
    """
    with contextlib.ExitStack() as after_an_error:
        bound: list[socket.socket] = []
        after_an_error.callback(close, bound)
        bound.extend(listen(*parse_bind(each), backlog=backlog, mode=mode) for each in addresses)
        after_an_error.pop_all()
    return bound


def listen(host: str, port: int, *, backlog: int = BACKLOG, mode: int | None = None) -> socket.socket:
    """Return a socket that listens on one address.

    Parameters:
        host: a host name, an IPv4 or IPv6 address, an empty string for every IPv4 interface, `unix:/path`, or `fd://N`
            for an open file that is a socket.
        port: the TCP port; 0 lets the system choose one.
        backlog: the length of the queue of connections that wait to be accepted.
        mode: the permissions of a unix socket; None leaves them to the umask.

    Returns:
        The socket: listening, non-blocking because another process may take a connection first, not inheritable.

    Raises:
        BindError: the host does not resolve, or the address is in use, not permitted or not of this machine.
    """
    if host.startswith(UNIX_PREFIX):
        return _listen_unix(host.removeprefix(UNIX_PREFIX), backlog, mode)
    if host.startswith(FD_PREFIX):
        return _listen_inherited(host, backlog)
    family, address = _resolve(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == 'posix':  # elsewhere the option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
        _set_up(listener)
    except OSError as error:
        listener.close()
        raise _bind_error(error, host, port) from error
    return listener


@contextlib.contextmanager
def reserved(host: str, port: int) -> Iterator[socket.socket]:
    """Keep an address for a server that binds by itself, for the length of a `with` block.

    What is yielded is bound and does not listen, and so does not keep the server out (`SO_REUSEADDR`).

    Parameters:
        host: a host name, an IPv4 or IPv6 address, or an empty string for every IPv4 interface.
        port: the TCP port; 0 lets the system choose one.

    Raises:
        BindError: the address cannot be listened on.
    """
    with contextlib.closing(listen(host, port)) as probe:
        family, address = probe.family, probe.getsockname()
    with socket.socket(family) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        yield held


def inherited() -> list[socket.socket]:
    """Return the listening sockets that a service manager has passed to this process, as sd_listen_fds(3) describes.

    The variables `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` are removed, so that no child process takes the
    sockets for its own.

    Raises:
        BindError: one of them is not open, or is no socket that can listen.
    """
    pid, count = os.environ.get('LISTEN_PID', ''), os.environ.get('LISTEN_FDS', '')
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    for name in ('LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'):
        os.environ.pop(name, None)
    return [_listen_inherited(f'{FD_PREFIX}{FIRST_INHERITED_FD + index}') for index in range(int(count))]


def url_of(listener: socket.socket, scheme: str = 'http') -> str:
    """Return the URL under which a listening socket is reached.

    Parameters:
        listener: the socket.
        scheme: `http` or `https`.

    Returns:
        For example `http://127.0.0.1:8080/`, `http://[::1]:8080/` or `unix:/path`. A wildcard address is shown as the
        loopback
        address of its family, which a browser can open.
    """
    name = listener.getsockname()
    if listener.family == getattr(socket, 'AF_UNIX', None):
        return f'{UNIX_PREFIX}{name}'
    host, port = name[:2]
    if host in WILDCARDS:
        host = 'localhost' if listener.family == socket.AF_INET6 else '127.0.0.1'
    return f'{scheme}://{f"[{host}]" if ":" in host else host}:{port}/'


def are_at(listeners: Sequence[socket.socket], addresses: Sequence[str]) -> bool:
    """Return whether listening sockets are those that addresses ask for, in any order.

    Parameters:
        listeners: the sockets.
        addresses: what `parse_bind` can split; port 0 is any port.

    Raises:
        BindError: a host does not resolve.
    """
    found = [any(_is_at(each, address) for each in listeners) for address in addresses]
    return all(found) and len(listeners) == len(addresses)


def _is_at(listener: socket.socket, address: str) -> bool:
    host, port = parse_bind(address)
    name = listener.getsockname()
    if host.startswith(UNIX_PREFIX) or not isinstance(name, tuple):
        return host == f'{UNIX_PREFIX}{name}'
    here = host in WILDCARDS if name[0] in WILDCARDS else name[0] == _resolve(host, port)[1][0]
    return here and port in (0, name[1])


def listens_everywhere(listener: socket.socket) -> bool:
    """Return whether a socket listens on every interface of the machine."""
    name = listener.getsockname()
    return isinstance(name, tuple) and name[0] in WILDCARDS


def close(sockets: Iterable[socket.socket]) -> None:
    """Close listening sockets.

    Parameters:
        sockets: sockets that `listen` or `inherited` has returned.
    """
    for each in sockets:
        each.close()


class UnixListener(socket.socket):
    """A unix socket that removes its file when it is closed, unless somebody else has put another file there."""

    def bind(self, address: Any) -> None:
        """Bind to a path.

        Parameters:
            address: the path of the file that is made.
        """
        super().bind(address)
        self._path = Path(address)
        self._identity = self._path.stat().st_ino

    def close(self) -> None:
        """Close the socket and remove its file."""
        if self.fileno() >= 0 and hasattr(self, '_path'):
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._identity:
                    self._path.unlink()
        super().close()


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    try:
        found = socket.getaddrinfo(
            host or '0.0.0.0', port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )  # an empty host asks for it
    except (OSError, UnicodeError) as error:
        reason = getattr(error, 'strerror', None) or str(error)
        raise BindError(
            f'the host {host!r} does not resolve ({reason}): give an address of this machine, such as 127.0.0.1'
        ) from error
    # A name such as localhost often has both families; clients that know IPv4 alone must reach it.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, address


def _set_up(listener: socket.socket) -> None:
    os.set_inheritable(listener.fileno(), False)
    listener.setblocking(False)
    if listener.family != getattr(socket, 'AF_UNIX', None):
        # Accepted connections inherit it: a response in two pieces must not wait for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _listen_inherited(host: str, backlog: int | None = None) -> socket.socket:
    """Take over an open socket; without a backlog, one that listens already keeps that of its maker."""
    try:
        listener = socket.socket(fileno=int(host.removeprefix(FD_PREFIX)))
    except (OSError, OverflowError) as error:
        raise BindError(
            f'cannot listen on {host}: it is no open socket; let the program that starts this one pass it on'
        ) from error
    try:
        if backlog is not None or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.listen(backlog or BACKLOG)
        _set_up(listener)
    except OSError as error:
        listener.detach()  # it is somebody else's
        raise BindError(f'cannot listen on {host}: {error.strerror}; pass on a stream socket that is bound') from error
    return listener


def _listen_unix(path: str, backlog: int, mode: int | None) -> socket.socket:
    if not hasattr(socket, 'AF_UNIX'):
        raise BindError('this system has no unix sockets: give HOST:PORT instead')
    listener = UnixListener(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(path)
        if mode is not None:
            Path(path).chmod(mode)  # nobody can connect yet
        listener.listen(backlog)
        _set_up(listener)
    except OSError as error:
        listener.close()
        raise _bind_error(error, f'{UNIX_PREFIX}{path}', 0) from error
    return listener


def _remove_stale(path: str) -> None:
    """Remove the file of a unix socket that nobody listens on any more.

    Leave anything else for `bind` to complain about.
    """
    if not _is_socket(path):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(path) == errno.ECONNREFUSED:
            Path(path).unlink()


def _is_socket(path: str) -> bool:
    return os.path.lexists(path) and stat.S_ISSOCK(os.lstat(path).st_mode)  # symlinks must not be followed


def _bind_error(error: OSError, host: str, port: int) -> BindError:
    where = host if host.startswith(UNIX_PREFIX) else f'{f"[{host}]" if ":" in host else host or "*"}:{port}'
    return BindError(f'cannot listen on {where}: {_remedy(error, host, port)}')


def _remedy(error: OSError, host: str, port: int) -> str:
    unix = host.startswith(UNIX_PREFIX)
    if unix and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f'{error.strerror}; create its folder, or choose another path'
    if unix and error.errno is None:  # Python itself refuses it, without a number
        return f'{error}; choose a shorter path'
    if error.errno == errno.EADDRINUSE:
        if unix and not _is_socket(host.removeprefix(UNIX_PREFIX)):
            return 'the file exists already and is no socket; choose another path'
        from bottle.serving.ports import owner_of

        owner = owner_of(port, host)
        stop = 'stop it' if owner else 'stop the program that uses it'
        if unix:
            return f'the file exists already{f", used by {owner}" if owner else ""}; {stop}, or choose another path'
        another = f'{port % 65535 + 1} or 0 (any free one)'
        used = f'the port is in use{f" by {owner}" if owner else ""}'
        return f'{used}; {stop}, or choose another port, such as {another}'
    if error.errno in (errno.EACCES, errno.EPERM):
        return 'not permitted; check the rights on its folder' if unix else 'not permitted; choose a port above 1023'
    if error.errno == errno.EADDRNOTAVAIL:
        return 'no interface of this machine has this address; try 127.0.0.1, or 0.0.0.0 for every interface'
    return error.strerror or str(error)


def taken_over(listener: socket.socket) -> int:
    """Return the descriptor of a listening socket for a backend that closes it by itself, in every process.

    Parameters:
        listener: the socket; it does not listen any more, and whoever closes it later closes nothing.
    """
    taken = os.dup(listener.fileno())
    with socket.socket() as nothing:
        os.dup2(nothing.fileno(), listener.fileno(), inheritable=False)
    return taken
