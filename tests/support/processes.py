"""Servers as the user runs them: a process of its own, known to listen when it says so, stopped by a signal."""

import os
import queue
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LISTENING = re.compile(r'Listening on (\S+)')
RUN_LIMIT = START_LIMIT = 150.0  # seconds: pip may have to fetch and build
STOP_LIMIT = 30.0


@dataclass
class Server:
    """A started server process."""

    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)
    url: str = ''
    urls: queue.Queue[str] = field(default_factory=queue.Queue)
    printed: threading.Condition = field(default_factory=threading.Condition)

    def await_url(self) -> str:
        """Wait until the process says where it listens, again after a restart, and return it."""
        self.url = self.urls.get(timeout=START_LIMIT)
        assert self.url, f'the process ended without listening:\n{"".join(self.output)}'
        return self.url

    def await_lines(self, pattern: str, count: int = 1, timeout: float = 20.0) -> list[re.Match[str]]:
        """Wait until so many lines that match a pattern have been printed, and return all that match."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.output if (match := re.search(pattern, line))]

        with self.printed:
            enough = self.printed.wait_for(lambda: len(found()) >= count, timeout)
            assert enough, f'not {count} times {pattern!r} in {timeout} s:\n{"".join(self.output)}'
            return found()

    def get(self, path: str = '/') -> tuple[int, str]:
        """Return the status and the text of a page; a status of 400 or more raises `HTTPError`."""
        with urllib.request.urlopen(self.url.rstrip('/') + path, timeout=10) as response:
            return response.status, response.read().decode()

    def stop(self) -> int:
        """Send SIGTERM as a process manager does, and return the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_LIMIT)


def _collect(server: Server) -> None:
    """Read all that the process prints, so that it never blocks; report its URL, or '' when it ends without one."""
    for line in server.process.stdout or ():
        with server.printed:
            server.output.append(line)
            server.printed.notify_all()
        if found := LISTENING.search(line):
            server.urls.put(found[1])
    server.urls.put('')


@contextmanager
def serving(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a command that serves; yield when it listens; in the end kill what is left of its process group."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    server = Server(process)
    reader = threading.Thread(target=_collect, args=(server,), daemon=True)
    reader.start()
    try:
        server.await_url()
        yield server
    finally:
        kill_group(process)
        reader.join(STOP_LIMIT)
        if process.stdout:
            process.stdout.close()


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a process that leads a session, with everything that it started."""
    with suppress(ProcessLookupError):  # all of it may have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_LIMIT)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this environment without what would lead a child back into the environment of the tests."""
    dropped = {'VIRTUAL_ENV', 'PYTHONPATH', 'PYTHONHOME', 'PORT', 'MAKEFLAGS', 'MAKELEVEL', 'MFLAGS'}
    dropped.add('PYTHONDONTWRITEBYTECODE')  # each start would compile everything anew
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, 'PYTHONUNBUFFERED': '1', **(extra or {})}


def attempt(
    command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whether it succeeds or not."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT,
        check=False,
    )


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed on standard output; a failure shows all that it printed."""
    done = attempt(command, cwd, env)
    assert done.returncode == 0, f'{" ".join(command)} failed:\n{done.stdout}{done.stderr}'
    return done.stdout
