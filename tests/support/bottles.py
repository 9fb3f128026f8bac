"""Bottle 0.13.4 and ours, side by side: the same module runs on each, in a process of its own, behind a pipe."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.requirements import unavailable
from tests.support.sources import ROOT

OLD = 'bottle==0.13.4'


class Outcome(NamedTuple):
    """What a call gave, or the name and text of what it raised, and the CPU seconds that it took."""

    value: Any
    raised: str | None
    message: str
    cpu: float


class Worker:
    """A process that calls the functions of a module, on the Bottle of one folder or on the installed one."""

    def __init__(self, module: str, folder: Path | None = None) -> None:
        environment = {**os.environ, 'PYTHONHASHSEED': '0', 'PYTHONUTF8': '1', 'LC_ALL': 'C.UTF-8'}
        if folder is not None:
            environment['PYTHONPATH'] = str(folder)
        command = [sys.executable, '-W', 'ignore', '-m', 'tests.support.worker', module]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True, encoding='ascii'
        )

    def call(self, function: str, /, **arguments: Any) -> Outcome:
        """Call a function of the module; arguments and result are what JSON can say."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({'function': function, 'arguments': arguments}) + '\n')
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f'{function}({arguments}) ended its process'
        reply = json.loads(line)
        return Outcome(reply.get('value'), reply.get('raised'), reply.get('message', ''), reply['cpu'])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate(timeout=10)


class Bottles(NamedTuple):
    """The same module on both."""

    old: Worker
    new: Worker


def install_old(folder: Path, pip: list[str]) -> None:
    """Install nothing but the module `bottle` of 0.13.4 into a folder."""
    command = [*pip, 'install', '--no-deps', '--target', str(folder), OLD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        unavailable(f'{OLD} cannot be installed: {done.stderr.strip()[-300:]}')


@contextmanager
def both(module: str, folder: Path) -> Iterator[Bottles]:
    """Run a module on the Bottle of a folder and on the installed one."""
    old = Worker(module, folder)
    new = Worker(module)
    try:
        assert old.call('version').value.startswith('0.13')
        assert not new.call('version').value.startswith('0.13')
        yield Bottles(old, new)
    finally:
        old.close()
        new.close()
