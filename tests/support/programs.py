"""Short programs that call `run()` themselves, as a user's do, each in a process of its own."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.client import fetch
from tests.support.processes import Server, attempt, serving

ABOUT = """\
import threading
from bottle import request, route, run

@route('/about<rest:path>', method=['GET', 'POST'])
def about(rest=''):
    texts = {name: value for name, value in request.environ.items() if isinstance(value, str)}
    threads = [thread.name for thread in threading.enumerate()]
    texts['PATH_INFO'] = request.environ['bottle.raw_path']
    return {'environ': texts, 'threads': threads, 'body': request.body.read().decode('latin-1')}
"""


def write(folder: Path, application: str, server: str, /, **options: Any) -> list[str]:
    """Return the command that runs an application on a server with these options."""
    program = folder / 'program.py'
    program.write_text(f'{application}\nrun(server={server!r}, port=0, **{options!r})\n')
    return [sys.executable, str(program)]


@contextmanager
def running(folder: Path, application: str, server: str, /, **options: Any) -> Iterator[Server]:
    """Run an application in a process of its own."""
    with serving(write(folder, application, server, **options), folder) as process:
        yield process


def about(server: Server, path: str = '/about/', method: str = 'GET', body: object = None, **headers: str) -> Any:
    """Return what the program `ABOUT` says about a request."""
    answer = fetch(server.url, path, method, body, **headers)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def refusal(folder: Path, server: str, /, **options: Any) -> str:
    """Return the one line with which a program is refused that has these options."""
    done = attempt(write(folder, ABOUT, server, **options), folder)
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (1, 1), done
    return lines[0]
