"""Sockets that the core binds: what they are, what is printed of them, and what is said when they cannot be had."""

import errno
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bottle.errors import BindError
from bottle.serving import sockets
from tests.support.requirements import require_ipv6


@pytest.fixture
def busy() -> Iterator[int]:
    """Hold a port that somebody listens on."""
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        yield listener.getsockname()[1]


def test_port_0_becomes_the_real_port_in_the_url() -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert sockets.url_of(listener) == f'http://127.0.0.1:{port}/'
        assert sockets.url_of(listener, 'https') == f'https://127.0.0.1:{port}/'


def test_a_listener_neither_blocks_nor_is_inherited() -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        assert not listener.getblocking()
        assert not listener.get_inheritable()


def test_ipv6_is_shown_in_brackets() -> None:
    require_ipv6()
    with closing(sockets.listen('::1', 0)) as listener:
        assert sockets.url_of(listener) == f'http://[::1]:{listener.getsockname()[1]}/'


@pytest.mark.parametrize('host', ['', '0.0.0.0'])
def test_every_interface_is_shown_as_one_that_a_browser_can_open(host: str) -> None:
    with closing(sockets.listen(host, 0)) as listener:
        assert sockets.listens_everywhere(listener)
        assert sockets.url_of(listener).startswith('http://127.0.0.1:')


def test_a_name_is_reached_over_ipv4() -> None:
    with closing(sockets.listen('localhost', 0)) as listener:
        assert sockets.url_of(listener).startswith('http://127.0.0.1:')  # clients that know IPv4 alone must reach it


def test_a_port_in_use(busy: int) -> None:
    with pytest.raises(
        BindError, match=rf'127\.0\.0\.1:{busy}: the port is in use( by .+)?; .* such as {busy + 1} or 0'
    ) as caught:
        sockets.listen('127.0.0.1', busy)
    assert isinstance(caught.value, OSError)
    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.EADDRINUSE


@pytest.mark.parametrize('host', ['no-such-host.invalid', 'a' * 64 + '.invalid', '256.1.1.1'])
def test_a_host_that_does_not_resolve(host: str) -> None:
    with pytest.raises(BindError, match='does not resolve'):
        sockets.listen(host, 0)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(BindError, match='no interface of this machine'):
        sockets.listen('192.0.2.1', 0)  # TEST-NET-1 of RFC 5737


def test_a_unix_socket_is_made_and_removed(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    listener = sockets.listen(f'unix:{path}', 0)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert sockets.url_of(listener) == f'unix:{path}'
    listener.close()
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with closing(socket.socket(socket.AF_UNIX)) as left_behind:
        left_behind.bind(str(path))
    with closing(sockets.listen(f'unix:{path}', 0)), closing(socket.socket(socket.AF_UNIX)) as client:
        assert client.connect_ex(str(path)) == 0


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    with closing(sockets.listen(f'unix:{path}', 0)):
        with pytest.raises(BindError, match='the file exists already'):
            sockets.listen(f'unix:{path}', 0)
        assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / 'precious'
    path.write_text('text')
    with pytest.raises(BindError, match='the file exists already and is no socket; choose another path'):
        sockets.listen(f'unix:{path}', 0)
    assert path.read_text() == 'text'


@pytest.mark.parametrize('folder', ['absent', 'file'])
def test_a_unix_socket_in_a_folder_that_is_none(folder: str, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(BindError, match='create its folder, or choose another path'):
        sockets.listen(f'unix:{tmp_path / folder}/app.sock', 0)


def test_a_unix_socket_whose_path_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(BindError, match='path too long; choose a shorter path'):
        sockets.listen(f'unix:{tmp_path}/{"x" * 150}', 0)


def test_the_permissions_of_a_unix_socket(tmp_path: Path) -> None:
    with closing(sockets.listen(f'unix:{tmp_path}/app.sock', 0, mode=0o640)):
        assert (tmp_path / 'app.sock').stat().st_mode & 0o777 == 0o640


def test_after_an_error_nothing_listens(busy: int, tmp_path: Path) -> None:
    with pytest.raises(BindError):
        sockets.listen_all([f'unix:{tmp_path}/app.sock', f'127.0.0.1:{busy}'])
    assert list(tmp_path.iterdir()) == []


def test_a_unix_socket_that_somebody_replaced_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / 'app.sock'
    first = sockets.listen(f'unix:{path}', 0)
    path.rename(tmp_path / 'moved')
    with closing(sockets.listen(f'unix:{path}', 0)):
        first.close()
        assert path.exists()


INHERITING = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.closerange(4, 256)
os.environ['LISTEN_PID'] = str(os.getpid())
from bottle.serving import sockets
found = sockets.inherited()
print([sockets.url_of(each) for each in found], [name for name in os.environ if name.startswith('LISTEN_')])
"""


def test_sockets_of_a_service_manager_are_taken_over_once() -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        url = sockets.url_of(listener)
        done = subprocess.run(
            [sys.executable, '-c', INHERITING, str(listener.fileno())],
            env={**os.environ, 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'web'},
            pass_fds=[listener.fileno()],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert done.stdout.strip() == f"['{url}'] []"


@pytest.mark.parametrize('count', ['2', '99999999'])
def test_sockets_that_were_promised_and_are_not_there(count: str) -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        done = subprocess.run(
            [sys.executable, '-c', INHERITING, str(listener.fileno())],
            env={**os.environ, 'LISTEN_FDS': count},
            pass_fds=[listener.fileno()],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert 'BindError: cannot listen on fd://4: it is no open socket' in done.stderr


def test_an_inherited_socket_that_does_not_listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(BindError, match='pass on a stream socket that is bound'):
            sockets.listen(f'fd://{datagrams.fileno()}', 0)
        assert datagrams.fileno() >= 0
        assert datagrams.getsockname()  # it is still open


@pytest.mark.parametrize(
    ('address', 'found'),
    [
        ('127.0.0.1:{port}', True),
        ('127.0.0.1:0', True),
        ('localhost:{port}', True),
        ('127.0.0.1:1', False),
        ('127.0.0.2:{port}', False),
        ('0.0.0.0:{port}', False),
        ('unix:/tmp/x', False),
    ],
)
def test_whether_a_socket_is_what_an_address_asks_for(address: str, found: bool) -> None:
    with closing(sockets.listen('127.0.0.1', 0)) as listener:
        assert sockets.are_at([listener], [address.format(port=listener.getsockname()[1])]) is found


def test_whether_sockets_are_what_addresses_ask_for(tmp_path: Path) -> None:
    unix = f'unix:{tmp_path}/app.sock'
    with closing(sockets.listen('', 0)) as tcp, closing(sockets.listen(unix, 0)) as file:
        assert sockets.are_at([tcp, file], [unix, ':0'])
        assert sockets.are_at([tcp], ['0.0.0.0:0'])
        assert sockets.are_at([tcp], ['[::]:0'])
        assert not sockets.are_at([tcp, file], [unix])
        assert not sockets.are_at([tcp], [unix, ':0'])
        assert not sockets.are_at([file], [f'{unix}x'])


def test_sockets_meant_for_another_process_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LISTEN_FDS', '1')
    monkeypatch.setenv('LISTEN_PID', '1')
    assert sockets.inherited() == []
    assert os.environ['LISTEN_FDS'] == '1'
