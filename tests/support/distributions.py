"""Distributions made on the fly: laid out in a folder as pip would leave them, or packed as wheels for pip."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from tests.support.processes import clean_environment

WHEEL = 'Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
SERVERS = 'bottle.servers'
EXTENSIONS = 'bottle.plugins'
COMMANDS = 'bottle.commands'
LIMIT = 30.0  # seconds for any program that should end by itself


@dataclass(frozen=True)
class Distribution:
    """A distribution that is not on any index."""

    name: str
    files: Mapping[str, str] = field(default_factory=dict)  # by their path in site-packages; indented as it reads best
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by group, then by name
    requires: Sequence[str] = ()
    version: str = '1.0'

    @property
    def stem(self) -> str:
        """The name as it stands in file names."""
        return f'{self.name.replace("-", "_")}-{self.version}'

    def contents(self) -> dict[str, str]:
        """Return every file by its path in site-packages, RECORD at the end."""
        fields = [
            f'Name: {self.name}',
            f'Version: {self.version}',
            *(f'Requires-Dist: {each}' for each in self.requires),
        ]
        groups = (
            f'[{group}]\n' + ''.join(f'{name} = {value}\n' for name, value in entries.items())
            for group, entries in self.entry_points.items()
        )
        info = f'{self.stem}.dist-info'
        contents = {path: dedent(text) for path, text in self.files.items()} | {
            f'{info}/METADATA': '\n'.join(['Metadata-Version: 2.1', *fields, '', 'Made by a test.', '']),
            f'{info}/WHEEL': WHEEL,
            f'{info}/entry_points.txt': '\n'.join(groups),
        }
        record = ''.join(f'{path},{_digest(text)},{len(text.encode())}\n' for path, text in contents.items())
        return {**contents, f'{info}/RECORD': f'{record}{info}/RECORD,,\n'}

    def lay_out(self, folder: Path) -> None:
        """Write all files into a folder that goes on the path."""
        for path, text in self.contents().items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding='utf-8')

    def pack(self, folder: Path) -> Path:
        """Write the wheel into a folder, and return its path."""
        target = folder / f'{self.stem}-py3-none-any.whl'
        with zipfile.ZipFile(target, 'w') as archive:
            for path, text in self.contents().items():
                archive.writestr(path, text)
        return target


def _digest(text: str) -> str:
    """Return the hash of a file as RECORD has it."""
    digest = hashlib.sha256(text.encode()).digest()
    return 'sha256=' + base64.urlsafe_b64encode(digest).rstrip(b'=').decode()


ADAPTER = '''\
"""The server {name!r}."""

from bottle.serving import Backend, Capabilities, ServerAdapter, hookimpl


class Server(ServerAdapter):
    """Answers one request after the other."""

    name = {name!r}
    backend = {backend}
    capabilities = Capabilities(concurrency='sync', prebound_sockets=True, graceful_drain=True)
    stopping = False

    def serve(self, handler, sockets):
        """Accept until stopped."""
        from wsgiref.handlers import SimpleHandler
        {use_backend}
        [listener] = sockets
        listener.settimeout(0.05)
        while not self.stopping:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(5)
            with connection, connection.makefile('rb') as reader, connection.makefile('wb') as writer:
                method, path, _ = reader.readline().decode('latin-1').split()
                while reader.readline().strip():
                    pass
                environ = {{'REQUEST_METHOD': method, 'PATH_INFO': path, 'SCRIPT_NAME': '', 'SERVER_NAME': self.host}}
                environ |= {{'SERVER_PORT': str(self.port), 'SERVER_PROTOCOL': 'HTTP/1.0'}}
                SimpleHandler(reader, writer, None, environ, multithread=False).run(handler)

    def stop(self):
        """Leave the loop at its next turn."""
        self.stopping = True

    def native_options(self):
        """Return the options of the backend."""
        {use_backend}
        return ['colour', 'threads']


@hookimpl
def bottle_server_adapter():
    """Return the adapter."""
    return Server
'''


def adapter_module(name: str, backend: str = '') -> str:
    """Return the module of an adapter that really serves.

    Parameters:
        name: the server's name.
        backend: the distribution and module of its backend, imported where a real adapter would; none when empty.
    """
    declared = f'Backend({backend!r}, {backend!r})' if backend else 'None'
    return ADAPTER.format(name=name, backend=declared, use_backend=f'import {backend}' if backend else '')


def server_plugin(
    name: str, module: str | None = None, *, distribution: str = '', backend: str = '', requires: Sequence[str] = ()
) -> Distribution:
    """Return a distribution with one server.

    Parameters:
        name: the server's name.
        module: the source of its module; an adapter that really serves when None.
        distribution: the distribution's name; `bottle-server-NAME` when empty.
        backend: the distribution and module of the backend, for an adapter that is made here.
        requires: requirements besides Bottle.
    """
    distribution = distribution or f'bottle-server-{name}'
    package = distribution.replace('-', '_')
    source = adapter_module(name, backend) if module is None else module
    return Distribution(
        distribution, {f'{package}.py': source}, {SERVERS: {name: package}}, ['bottle>=1,<2', *requires]
    )


@dataclass(frozen=True)
class Site:
    """A Python that sees the core, what the core requires, what a test lays out in a folder, and nothing else."""

    core: Path
    folder: Path

    def add(self, *made: Distribution) -> None:
        """Lay out distributions."""
        for each in made:
            each.lay_out(self.folder)

    def write(self, name: str, source: str) -> Path:
        """Write a module or a program into the folder, and return its path."""
        path = self.folder / name
        path.write_text(dedent(source), encoding='utf-8')
        return path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of this Python."""
        return [sys.executable, '-S', *arguments]  # -S keeps out what is installed next to the tests

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what the environment of this Python has besides that of the tests."""
        return {'PYTHONPATH': os.pathsep.join(map(str, [self.core, self.folder])), **(extra or {})}

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run this Python to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=clean_environment(self.environment(env)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
