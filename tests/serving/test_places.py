"""Where every server can listen: port 0, IPv6, a unix socket, a socket handed over; and `start`, in a thread."""

import re
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bottle import Bottle, start
from bottle.errors import BindError, ServerOptionError
from bottle.serving.sockets import listen, url_of
from tests.serving.conftest import HERE, command
from tests.support.client import TIMEOUT, fetch, read_all
from tests.support.processes import clean_environment, serving
from tests.support.requirements import require_ipv6

REQUEST = b'GET /path/unix HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'


def test_ipv6(server_name: str) -> None:
    require_ipv6()
    with serving(command(server_name, '[::1]:0'), HERE) as server:
        assert re.fullmatch(r'http://\[::1\]:[1-9]\d*/', server.url)
        assert fetch(server.url, '/path/six').body == b'six'
        assert fetch(server.url, '/environ/REMOTE_ADDR').body == b'::1'
        assert fetch(server.url, '/environ/SERVER_PORT').body.decode() == server.url.rpartition(':')[2].rstrip('/')
        assert server.stop() == 0


def test_a_unix_socket(server_name: str, tmp_path: Path) -> None:
    path = tmp_path / 'server.sock'
    with serving(command(server_name, f'unix:{path}'), HERE) as server:
        assert server.url == f'unix:{path}'
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(path))
            connection.sendall(REQUEST)
            head, _, body = read_all(connection).partition(b'\r\n\r\n')
        assert (head.split()[1], body) == (b'200', b'unix')
        assert server.stop() == 0
    assert not path.exists()


HANDING_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ['LISTEN_PID'] = str(os.getpid())
os.environ['LISTEN_FDS'] = '1'
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_socket_of_a_service_manager(server_name: str) -> None:
    with closing(listen('127.0.0.1', 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, '-c', HANDING_OVER, str(listener.fileno()), *command(server_name)[1:]],
            cwd=HERE,
            env=clean_environment(),
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
        url = url_of(listener)
        assert fetch(url, '/path/given').body == b'given'  # the connection waits in the queue until the server accepts
        process.terminate()
        assert process.wait(10) == 0


def small_application() -> Bottle:
    app = Bottle()
    app.route('/', callback=lambda: threading.current_thread().name)
    return app


def test_start_returns_a_handle(server_name: str) -> None:
    with start(small_application(), server_name, port=0) as server:
        assert server.url == f'http://127.0.0.1:{server.port}/'
        assert server.port > 0
        assert fetch(server.url, '/').status == 200
        assert not server.wait(0)
    assert server.wait(0)
    with pytest.raises(OSError, match='refused'):
        fetch(server.url, '/')
    server.stop()  # a second time is without effect


def test_two_at_the_same_time(server_name: str) -> None:
    with start(small_application(), server_name, port=0) as one, start(small_application(), server_name, port=0) as two:
        assert one.port != two.port
        assert [fetch(each.url, '/').status for each in (one, two)] == [200, 200]


def test_start_says_at_once_what_is_wrong(server_name: str) -> None:
    with pytest.raises(ServerOptionError, match="no option 'no_such_option'"):
        start(small_application(), server_name, port=0, no_such_option=1)
    with closing(listen('127.0.0.1', 0)) as busy, pytest.raises(BindError, match='in use'):
        start(small_application(), server_name, port=busy.getsockname()[1])
