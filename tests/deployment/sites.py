"""A site as somebody deploys it: instances of an application, and a web server with generated files before them."""

import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import urlsplit

from bottle.serving.addresses import format_bind
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.support.client import TIMEOUT, Answer
from tests.support.processes import Server, clean_environment, kill_group, serving
from tests.support.requirements import require_program

LOCALHOST = '127.0.0.1'
ROOT = Path(__file__).parent.parent.parent
APPLICATION = 'tests.deployment.application:app'
PROGRAMS = {'apache': 'apache2'}  # where a target's program is not called as it is
SPOOFED = {  # what a client may say of itself, and nobody believe
    'Forwarded': 'for=192.0.2.1;proto=https;host=evil.example',
    'X-Forwarded-For': '192.0.2.1',
    'X-Forwarded-Host': 'evil.example',
    'X-Forwarded-Port': '1',
    'X-Forwarded-Prefix': '/evil',
    'X-Forwarded-Proto': 'https',
    'X-Real-IP': '192.0.2.1',
    'X_Forwarded_For': '192.0.2.2',  # the same variable in an environ
}
ATTEMPTS = 5  # a web server binds its port by itself, and somebody may be quicker
Start = Callable[[Path], Sequence[str]]  # as Target.start
PAUSE = 0.02  # seconds between two looks at who listens: a web server does not tell


@dataclass
class Instance:
    """A running instance of the application.

    Parameters:
        server: which adapter it runs on.
        port: where it listens; it keeps it when it is started anew.
        process: the running process.
    """

    server: str
    port: int
    process: Server


@dataclass
class Site:
    """A web server with instances behind it.

    Parameters:
        url: where the web server answers, without a slash at the end.
        folder: where its files are; anybody may read it.
        instances: what is behind it.
        process: the web server.
    """

    url: str
    folder: Path
    instances: list[Instance]
    process: 'subprocess.Popen[str]'

    def printed(self) -> str:
        """Return what the web server has printed."""
        return (self.folder / 'front.log').read_text(encoding='utf-8', errors='replace')


@contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that a web server can read whoever it runs as; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix='bottle-site-'))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def instance(server: str, port: int = 0, application: str = APPLICATION) -> Iterator[Instance]:
    """Run an instance as its deployment tells to."""
    given = {'app': application, 'server': server, 'directory': str(ROOT)}
    arguments = make_plan(given).arguments(f'{LOCALHOST}:{port}', trusted=LOCALHOST)
    with serving([sys.executable, '-m', 'bottle', *arguments], ROOT) as process:
        yield Instance(server, int(process.url.rstrip('/').rpartition(':')[2]), process)


@contextmanager
def launched(given: dict[str, Any]) -> Iterator[list[Server]]:
    """Run all instances of a plan by its own commands; `given` are the options of the command, by their names."""
    with ExitStack() as stack:
        commands = make_plan({'directory': str(ROOT), **given}).launches()
        yield [stack.enter_context(serving(command, ROOT)) for command in commands]


@contextmanager
def front(target: str, instances: Sequence[Instance], /, address: str = LOCALHOST, **options: Any) -> Iterator[Site]:
    """Run a web server with files made for these instances; `options` are those of the command, by their names."""
    require_program(PROGRAMS.get(target, target))
    given = {'app': APPLICATION, 'directory': str(ROOT), **options}
    if instances:
        given['backend'] = [f'{LOCALHOST}:{each.port}' for each in instances]
    with public_folder() as folder, site(target, folder, given, address=address) as running:
        running.instances.extend(instances)
        yield running


@contextmanager
def site(
    target: str, folder: Path, given: dict[str, Any], start: Start | None = None, address: str = LOCALHOST
) -> Iterator[Site]:
    """Run a web server with a target's files, written into a folder, on a free port; `start` as in `started`.

    With an empty address it listens on every interface.
    """
    known = address or LOCALHOST
    for _ in range(ATTEMPTS):
        port = free_port(address)
        with started(target, folder, {**given, 'listen': format_bind(address, port)}, start) as process:
            if listens(process, port, known):
                scheme = 'https' if 'certfile' in given else 'http'
                yield Site(f'{scheme}://{format_bind(known, port)}', folder, [], process)
                return
    said = (folder / 'front.log').read_text(encoding='utf-8', errors='replace')
    raise AssertionError(f'{target} does not start:\n{said}')


@contextmanager
def started(
    target: str, folder: Path, given: dict[str, Any], start: Start | None = None
) -> Iterator['subprocess.Popen[str]']:
    """Write a target's files into a folder, have them checked, and run what serves them.

    `start` is for a target of several web servers, where its own one is not meant.
    """
    known = TARGETS[target]
    for name, text in known.files(make_plan(given)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')
        if text.startswith('#!'):
            (folder / name).chmod(0o755)
    known.check(folder)
    start = start or known.start
    assert start is not None
    with (folder / 'front.log').open('w') as log:
        process = subprocess.Popen(
            start(folder),
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)


def free_port(host: str = LOCALHOST) -> int:
    """Return a port that was free a moment ago."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as probe:
        port: int = probe.getsockname()[1]
        return port


def listens(process: 'subprocess.Popen[str]', port: int, host: str = LOCALHOST) -> bool:
    """Wait until somebody accepts connections there, or the process has ended because somebody else does."""
    deadline = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=TIMEOUT).close()
        except ConnectionRefusedError:
            time.sleep(PAUSE)
        else:
            return True
    return False


def fetch_securely(url: str, path: str, trusted: Path, **headers: str) -> Answer:
    """Send a request over TLS to a web server that has to show a certificate for localhost."""
    port, context = urlsplit(url).port, ssl.create_default_context(cafile=trusted)
    with closing(HTTPSConnection('localhost', port, context=context, timeout=TIMEOUT)) as connection:
        connection.request('GET', path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def answered(body: bytes) -> dict[str, Any]:
    """Return what the application has said."""
    found: dict[str, Any] = json.loads(body)
    return found
