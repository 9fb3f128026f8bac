"""An application under workers, driven from outside: who serves, who was replaced, what is left of them."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Server, serving

APPLICATION = """
import os, threading, time
from bottle import Bottle, request, response

VERSION = 'first'
app = Bottle()
held = threading.Event()

@app.hook('after_request')
def name_worker():
    response.set_header('X-Worker-Pid', str(os.getpid()))

@app.get('/path/<number>')
def number(number):
    return number

@app.get('/version')
def version():
    return VERSION

@app.get('/pid')
def pid():
    return str(os.getpid())

@app.get('/hold')
def hold():
    print(f'holding in {os.getpid()}', flush=True)
    time.sleep(float(request.query.seconds))
    return 'held'

@app.get('/compute')
def compute():
    deadline = time.process_time() + 20
    while time.process_time() < deadline:
        pass
"""

READY = r'worker (\d+) is ready'


def write(folder: Path, text: str = APPLICATION) -> None:
    """Write the application, as new code whatever the clock of the file system shows."""
    file = folder / 'worked.py'
    generation = file.stat().st_mtime + 10 if file.exists() else time.time() - 1000
    file.write_text(text)
    os.utime(file, (generation, generation))


@contextmanager
def supervised(
    folder: Path, server_name: str, *arguments: str, env: Mapping[str, str] | None = None, workers: int = 2
) -> Iterator[Server]:
    """Serve the application with workers; yield when all of them are ready."""
    if not (folder / 'worked.py').exists():
        write(folder)
    command = [sys.executable, '-m', 'bottle', 'worked:app', '-s', server_name, *arguments]
    if '-b' not in arguments:
        command += ['-b', '127.0.0.1:0']
    if workers:
        command += ['--workers', str(workers)]
    with serving(command, folder, env) as server:
        server.await_lines(READY, workers or 1)
        yield server


def ready_pids(server: Server, count: int = 1) -> list[int]:
    """Return the process ids of all workers that have been ready so far, once there are so many."""
    return [int(match[1]) for match in server.await_lines(READY, count)]


def children(pid: int) -> dict[int, str]:
    """Return the children of a process with their states, such as `S` or `Z`."""
    found = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit() and (status := _status(entry)) and int(status['PPid']) == pid:
            found[int(entry.name)] = status['State'][0]
    return found


def are_buried(pid: int) -> bool:
    """Return whether the dead children of a process are waited for, at the latest when a moment has passed."""
    deadline = time.monotonic() + 2.0
    while 'Z' in children(pid).values():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Return whether a process runs, or waits to be buried by a parent that does not."""
    status = _status(Path('/proc') / str(pid))
    return bool(status) and status['State'][0] != 'Z'


def _status(entry: Path) -> dict[str, str]:
    try:
        lines = (entry / 'status').read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(':') for line in lines)}


def await_end(pids: list[int], seconds: float) -> list[int]:
    """Wait until processes have ended, and return those that have not; they are not ours to wait for."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def await_children(server: Server, count: int, seconds: float = 10.0) -> None:
    """Wait until the parent has so many children, none of which has ended or is about to."""
    deadline = time.monotonic() + seconds
    while len(children(server.process.pid)) != count:
        assert time.monotonic() < deadline, children(server.process.pid)
        time.sleep(0.02)


def replace(server: Server, workers: int = 2) -> None:
    """Ask for new workers and wait until all of them are ready."""
    before = len(ready_pids(server))
    os.kill(server.process.pid, signal.SIGHUP)
    server.await_lines(READY, before + workers)


def matching(server: Server, pattern: str) -> list[str]:
    """Return the lines that were printed and match a pattern."""
    return [line for line in server.output if re.search(pattern, line)]


def processor_time(pid: int) -> float:
    """Return how much processor time a process has used, in seconds."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def share_of_processor(pid: int, seconds: float) -> float:
    """Return the share of a processor that a process uses from now on for some time."""
    before = processor_time(pid)
    time.sleep(seconds)
    return (processor_time(pid) - before) / seconds
