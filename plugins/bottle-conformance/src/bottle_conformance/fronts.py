"""A web server in front of a server that speaks no HTTP: lighttpd, which speaks CGI, FastCGI, SCGI and AJP.

`python -m bottle_conformance.fronts FOLDER PROTOCOL UPSTREAM` becomes one: UPSTREAM is where the server listens, or the
script that answers CGI requests.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bottle_conformance.client import unix_path
from bottle_conformance.subject import Subject, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bottle.serving.adapter import Protocol
    from bottle_conformance.witness import Witness

FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
SYSTEM_FOLDERS = ('/usr/local/sbin', '/usr/sbin', '/sbin')  # where web servers live; not on every user's PATH
# What it would change in a request is switched off as far as it can be: the application has to see what was sent.
SETTINGS = """\
server.modules = ("mod_alias", "{module}")
server.systemd-socket-activation = "enable"
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}"
server.upload-dirs = ("{folder}")
server.http-parseopts = ("url-normalize" => "disable", "url-invalid-utf8-reject" => "disable")
server.stream-response-body = 1
"""
CGI_SETTINGS = """\
alias.url = ("/" => "{script}/")
cgi.assign = (".cgi" => "")
"""
GATEWAY_SETTINGS = """\
{name}.server = ("{root}" => (({place}, "check-local" => "disable", {strip}"disable-time" => 0)))
"""
SCRIPT = """\
#!{python}
import os, runpy, sys
os.environ.update({environment!r})
sys.argv[1:] = {arguments!r}
runpy.run_module({module!r}, run_name='__main__', alter_sys=True)
"""
GATEWAYS = {'fastcgi': 'fastcgi', 'scgi': 'scgi', 'ajp': 'ajp13'}


@contextmanager
def serving(
    protocol: Protocol,
    name: str,
    witness: Witness,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Subject]:
    """Run a server for the length of a `with` block, behind a web server if it speaks no HTTP itself.

    The process of the subject is that of the server under test; under CGI, where none stays, that of the web server.

    Parameters:
        protocol: what the server speaks.
        name: the name of the server.
        witness: hears what the application has received.
        command: what starts it.
        environment: variables to add to those of this process.

    Raises:
        TimeoutError: one of them does not listen.
    """
    if protocol == 'http':
        with running(name, witness, command, environment) as subject:
            yield subject
        return
    with TemporaryDirectory(prefix='front-') as folder:
        front = [sys.executable, '-m', __name__, folder, protocol]
        if protocol == 'cgi':
            script = _script(Path(folder), command, {**witness.environment, **(environment or {})})
            with running(name, witness, [*front, str(script)], environment) as subject:
                yield subject
            return
        with (
            running(name, witness, command, environment) as subject,
            running('lighttpd', witness, [*front, subject.url]) as web_server,
        ):
            subject.urls = web_server.urls
            yield subject


def _script(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Write a CGI script that does what `python -m module …` does; lighttpd hands it no environment but its own."""
    python, _, module, *arguments = command
    path = folder / 'application.cgi'
    path.write_text(
        SCRIPT.format(python=python, environment=dict(environment), arguments=arguments, module=module),
        encoding='utf-8',
    )
    path.chmod(0o755)
    return path


def configuration(folder: str, protocol: str, upstream: str, port: int) -> str:
    """Return the configuration of lighttpd.

    Parameters:
        folder: where it may write.
        protocol: what it speaks with the server.
        upstream: the server's URL, `unix:/path`, or the CGI script.
        port: the port that it listens on.
    """
    if protocol == 'cgi':
        return (SETTINGS + CGI_SETTINGS).format(module='mod_cgi', port=port, folder=folder, script=upstream)
    name, path, parts = GATEWAYS[protocol], unix_path(upstream), urlsplit(upstream)
    place = f'"socket" => "{path}"' if path else f'"host" => "{parts.hostname}", "port" => {parts.port}'
    # AJP has no SCRIPT_NAME: nothing of the path may be taken for it.
    root, strip = ('', '') if protocol == 'ajp' else ('/', '"fix-root-scriptname" => "enable", ')
    values = {'module': f'mod_{name}', 'port': port, 'folder': folder, 'name': name, 'place': place}
    return (SETTINGS + GATEWAY_SETTINGS).format(**values, root=root, strip=strip)


def main(folder: str, protocol: str, upstream: str) -> None:
    """Become lighttpd, on a socket that listens already and is handed over as sd_listen_fds(3) describes.

    Parameters:
        folder: where it may write.
        protocol: what it speaks with the server.
        upstream: the server's URL, `unix:/path`, or the CGI script.
    """
    search = os.pathsep.join([os.environ.get('PATH', os.defpath), *SYSTEM_FOLDERS])
    program = shutil.which('lighttpd', path=search)
    if program is None:
        sys.exit(f'a server that speaks {protocol} is tested behind lighttpd, which is not installed: install it')
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    settings = Path(folder, 'lighttpd.conf')
    settings.write_text(configuration(folder, protocol, upstream, port), encoding='utf-8')
    print(f'Listening on http://127.0.0.1:{port}/', file=sys.stderr, flush=True)
    given = listener.detach()
    if given == FIRST_FD:
        os.set_inheritable(given, True)
    else:
        os.dup2(given, FIRST_FD)
    activation = {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())}
    os.execve(program, [program, '-D', '-f', str(settings)], {**os.environ, **activation})


if __name__ == '__main__':
    main(*sys.argv[1:])
