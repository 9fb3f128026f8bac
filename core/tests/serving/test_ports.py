"""Who listens on an address: real listeners in processes of their own, asked for by another."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bottle.serving import ports, sockets
from tests.support.processes import attempt
from tests.support.requirements import require_ipv6

LINUX = sys.platform.startswith('linux')
NOBODY = 65534

LISTENER = """
import ctypes, os, socket, sys
family, address, hidden, workers = sys.argv[1:]
listener = socket.socket(getattr(socket, family))
listener.bind(address if family == 'AF_UNIX' else (address, 0))
listener.listen()
if hidden == 'hidden' and sys.platform == 'linux':
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: from now on /proc tells root alone
for _ in range(int(workers)):
    if not os.fork():
        break
else:
    print(0 if family == 'AF_UNIX' else listener.getsockname()[1], flush=True)
sys.stdin.read()
"""

# Everything is imported before the rights are given up: the folders may be closed to others.
ASKING = f"""
import os, sys
from ipaddress import ip_address
from bottle.serving import ports, sockets
sockets.listen('127.0.0.1', 0).close()
if os.getuid() == 0:
    os.setuid({NOBODY})
try:
    sockets.listen('127.0.0.1', int(sys.argv[1]))
except OSError as error:
    print(error)
"""


@contextmanager
def listening(
    address: str, family: str = 'AF_INET', *, hidden: str = 'shown', workers: int = 0
) -> Iterator[tuple[int, int]]:
    """Let another process listen; give its process id and its port."""
    command = [sys.executable, '-c', LISTENER, family, address, hidden, str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert select.select([process.stdout], [], [], 20)[0], 'the listener does not begin'
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)


def named(pid: int) -> str:
    """Return what is said of a process where it can be known."""
    return f'{Path(f"/proc/{pid}/comm").read_text().strip()} (process {pid})' if LINUX else ''


@pytest.mark.parametrize('theirs', ['127.0.0.1', '0.0.0.0'])
@pytest.mark.parametrize('ours', ['127.0.0.1', 'localhost', '0.0.0.0', '', '::'])
def test_every_address_that_collides_is_found(theirs: str, ours: str) -> None:
    with listening(theirs) as (pid, port):
        assert ports.owner_of(port, ours) == named(pid)


@pytest.mark.parametrize(('theirs', 'ours'), [('::1', '::1'), ('::1', '::'), ('::', '127.0.0.1'), ('::', '')])
def test_ipv6(theirs: str, ours: str) -> None:
    require_ipv6()
    with listening(theirs, 'AF_INET6') as (pid, port):
        assert ports.owner_of(port, ours) == named(pid)


@pytest.mark.parametrize('ours', ['127.0.0.2', '::1', '192.0.2.1', 'no-such-host.invalid', 'not an address'])
def test_who_listens_elsewhere_is_not_blamed(ours: str) -> None:
    with listening('127.0.0.1') as (_, port):
        assert ports.owner_of(port, ours) == ''


def test_the_address_itself_counts_more_than_a_wildcard() -> None:
    require_ipv6()
    with socket.socket(socket.AF_INET6) as wildcard, listening('127.0.0.1') as (pid, port):
        wildcard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        wildcard.bind(('::', port))
        wildcard.listen()
        assert ports.owner_of(port, '127.0.0.1') == named(pid)


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))
        assert ports.owner_of(bound.getsockname()[1], '127.0.0.1') == ''


def test_this_process() -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        owner = ports.owner_of(listener.getsockname()[1], '127.0.0.1')
    assert owner.endswith(' (this process)') == LINUX


def test_of_processes_that_share_a_socket_the_first_is_named() -> None:
    with listening('127.0.0.1', workers=2) as (pid, port):
        assert ports.owner_of(port, '127.0.0.1') == named(pid)


def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with listening(str(path), 'AF_UNIX') as (pid, _):
        assert ports.owner_of(0, f'unix:{path}') == named(pid)
        assert ports.owner_of(0, f'unix:{os.path.relpath(path)}') == named(pid)
        path.rename(tmp_path / 'moved')
        assert ports.owner_of(0, f'unix:{path}') == ''
        path.write_text('no socket')
        assert ports.owner_of(0, f'unix:{path}') == ''


def test_a_unix_socket_whose_path_had_another_one_before(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with listening(str(path), 'AF_UNIX'):
        path.rename(tmp_path / 'moved')
        with closing(sockets.listen(f'unix:{path}', 0)):
            assert ports.owner_of(0, f'unix:{path}') == ''


def test_the_search_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening('127.0.0.1') as (pid, port):
        begun = time.monotonic()
        assert ports.owner_of(port, '127.0.0.1') == named(pid)
        assert time.monotonic() - begun < ports.LIMIT + 0.05
        monkeypatch.setattr(ports, 'LIMIT', 0)
        assert ports.owner_of(port, '127.0.0.1') == ''


def test_a_system_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ports, 'PROC', tmp_path)
    with listening('127.0.0.1') as (_, port):
        assert ports.owner_of(port, '127.0.0.1') == ''
        assert ports.owner_of(0, 'unix:/nowhere') == ''


def run_on(arguments: Sequence[str], folder: Path) -> tuple[list[str], float]:
    """Start a server that cannot listen; return its lines of error and how long it took."""
    begun = time.monotonic()
    done = attempt([sys.executable, *arguments], folder)
    taken = time.monotonic() - begun
    assert (done.returncode, done.stdout) == (1, '')
    return done.stderr.splitlines(), taken


def test_the_error_names_the_process(tmp_path: Path) -> None:
    with listening('127.0.0.1') as (pid, port):
        used = f' by {named(pid)}; stop it' if LINUX else '; stop the program that uses it'
        lines, taken = run_on(['-c', f'from bottle import run; run(port={port})'], tmp_path)
    said = (
        f'cannot listen on 127.0.0.1:{port}: the port is in use{used}, or choose another port, such as {port + 1} or 0'
    )
    assert lines == [f'bottle: {said} (any free one)']
    assert taken < 2


def test_the_error_names_the_process_of_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with listening(str(path), 'AF_UNIX') as (pid, _):
        used = f', used by {named(pid)}; stop it' if LINUX else '; stop the program that uses it'
        lines, _ = run_on(['-c', f'from bottle import run; run(host="unix:{path}")'], tmp_path)
    assert lines == [f'bottle: cannot listen on unix:{path}: the file exists already{used}, or choose another path']


def test_a_process_of_which_this_user_may_know_nothing(tmp_path: Path) -> None:
    with listening('127.0.0.1', hidden='hidden') as (_, port):
        done = attempt([sys.executable, '-c', ASKING, str(port)], tmp_path)
    said = 'the port is in use; stop the program that uses it, or choose another port'
    assert done.stdout.startswith(f'cannot listen on 127.0.0.1:{port}: {said}'), done
