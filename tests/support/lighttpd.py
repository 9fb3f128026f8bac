"""A real web server that runs CGI scripts: lighttpd, on a socket that the test has bound for it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import clean_environment, kill_group
from tests.support.requirements import require_program

CONFIGURATION = """\
server.systemd-socket-activation = "enable"
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.upload-dirs = ("{folder}")
server.errorlog = "{folder}/error.log"
server.breakagelog = "{folder}/cgi.log"
"""
# Hands the socket over as sd_listen_fds(3) describes: no port is guessed, and it listens before lighttpd runs.
START = """\
import os, sys
given = int(sys.argv[1])
if given != 3:
    os.dup2(given, 3)
    os.close(given)
os.execve(sys.argv[2], sys.argv[2:], {**os.environ, 'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())})
"""


@dataclass(frozen=True)
class WebServer:
    """A running lighttpd: its URL, and the file with what CGI scripts write to standard error."""

    url: str
    cgi_log: Path


@contextmanager
def lighttpd(root: Path, folder: Path, settings: str) -> Iterator[WebServer]:
    """Serve a folder with these settings; keep the configuration and the logs in another folder."""
    program = require_program('lighttpd')
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        configuration = folder / 'lighttpd.conf'
        configuration.write_text(CONFIGURATION.format(port=port, root=root, folder=folder) + settings)
        process = subprocess.Popen(
            [sys.executable, '-c', START, str(listener.fileno()), str(program), '-D', '-f', str(configuration)],
            env=clean_environment(),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    try:
        yield WebServer(f'http://127.0.0.1:{port}', folder / 'cgi.log')
    finally:
        kill_group(process)
