"""A real reverse proxy: nginx, everything of it in one folder, on a port that is free."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.client import TIMEOUT
from tests.support.processes import clean_environment, kill_group
from tests.support.requirements import require_program

CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""
ATTEMPTS = 5  # nginx binds its port by itself, and somebody may be quicker


@contextmanager
def nginx(upstream: str, folder: Path) -> Iterator[str]:
    """Serve what stands behind a URL (`http://…` or `unix:…`); yield the proxy's own URL, which it answers at."""
    program = require_program('nginx')
    for _ in range(ATTEMPTS):
        port = _free_port()
        process = _start(program, upstream, folder, port)
        try:
            if _listens(process, port):
                yield f'http://127.0.0.1:{port}/'
                return
        finally:
            kill_group(process)
    raise AssertionError(f'nginx does not start:\n{(folder / "nginx.log").read_text()}')


def _start(program: Path, upstream: str, folder: Path, port: int) -> 'subprocess.Popen[str]':
    parts = urlsplit(upstream)
    target = f'http://{upstream}:' if parts.scheme == 'unix' else f'http://{parts.netloc}'
    configuration = folder / 'nginx.conf'
    text = CONFIGURATION.format(user=_user(), folder=folder, port=port, upstream=target)
    configuration.write_text(text)
    with (folder / 'nginx.log').open('w') as log:
        return subprocess.Popen(
            [str(program), '-p', str(folder), '-e', 'stderr', '-c', str(configuration)],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def _user() -> str:
    """Return the line that lets a worker reach the folder; without root there is but one user."""
    return 'user root;\n' if os.geteuid() == 0 else ''


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(process: 'subprocess.Popen[str]', port: int) -> bool:
    """Wait until nginx accepts connections, or has ended because somebody else has its port."""
    deadline = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(('127.0.0.1', port), timeout=TIMEOUT).close()
        except ConnectionRefusedError:
            time.sleep(0.02)  # it does not tell when it listens
        else:
            return True
    return False
