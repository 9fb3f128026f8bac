"""Paths that mean something to the language of a configuration file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bottle_deploy.targets import TARGETS
from tests.deployment.sites import APPLICATION, ROOT, Site, fetch_securely, launched, public_folder, site
from tests.support.certificates import certificate

HOSTILE = ('a b', '"', "'", '\\', 'a\\nb', '#a', 'a;b{c}', '<a>&(b)|`c`', '%[src]%20', '~*?[a]!', 'é,:@=', '-a', '..a')
DOLLARS = ('$HOME', 'a${HOME}b', '$1', '$')


@dataclass
class World:
    """What a site needs, in a folder that anybody may read.

    Parameters:
        folder: that folder.
        socket: where an instance listens; anybody may connect.
        certificate: a certificate for localhost.
        key: its key.
        both: the certificate and its key, in one file.
    """

    folder: Path
    socket: Path
    certificate: Path
    key: Path
    both: Path


@contextmanager
def world() -> Iterator[World]:
    """Run an instance on a unix socket beside a certificate."""
    with public_folder() as folder, launched({'app': APPLICATION, 'name': 'behind', 'sockets': str(folder)}):
        socket, both = folder / 'behind-1.sock', folder / 'both.pem'
        socket.chmod(0o666)
        [trusted, key] = map(Path, certificate(folder))
        both.write_bytes(trusted.read_bytes() + key.read_bytes())
        yield World(folder, socket, trusted, key, both)


def options(around: World, certfile: Path | None = None, keyfile: Path | None = None) -> dict[str, Any]:
    """Return the options of the command for the instance, perhaps with a certificate."""
    given = {'app': APPLICATION, 'directory': str(ROOT), 'backend': [f'unix:{around.socket}']}
    return {**given, **{name: str(file) for name, file in (('certfile', certfile), ('keyfile', keyfile)) if file}}


@contextmanager
def below(target: str, around: World, name: str) -> Iterator[Site]:
    """Run a web server whose every path leads through a folder of that name."""
    folder = around.folder / name
    folder.mkdir()
    (folder / 'socket').symlink_to(around.socket)
    (folder / 'both.pem').symlink_to(around.both)
    (folder / 'page.txt').write_text(name, encoding='utf-8')
    given = {**options(around, folder / 'both.pem'), 'directory': str(folder), 'backend': [f'unix:{folder}/socket']}
    if 'static' in TARGETS[target].uses:
        given['static'] = [f'/files={folder}']
    with public_folder() as own, site(target, own, given) as running:
        yield running


def assert_it_is_that_path(target: str, around: World, name: str) -> None:
    """Have a request answered over a certificate, from a socket, and with a file, all of them below that name."""
    with below(target, around, name) as running:
        assert fetch_securely(running.url, '/', around.certificate).status == 200, running.printed()
        if 'static' in TARGETS[target].uses:
            assert fetch_securely(running.url, '/files/page.txt', around.certificate).body.decode() == name
