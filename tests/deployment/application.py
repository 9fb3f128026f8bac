"""What the tests of deployment serve: it says who answers, what arrived, and streams piece by piece."""

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from bottle import Bottle, request, response

app = Bottle()
LIMIT = 20.0  # seconds that a request waits to be let go on


@app.get('/')
def who() -> dict[str, object]:
    """Say which instance answers, and what it knows of the client."""
    asked = {'client': request.remote_addr, 'scheme': request.urlparts.scheme, 'host': request.urlparts.netloc}
    asked |= {'prefix': request.script_name}
    return {'pid': os.getpid(), **asked, 'forwarded': [name for name in request.headers if 'forward' in name.lower()]}


@app.get('/path/<number>')
def path(number: str) -> str:
    """Answer a client that counts losses (tests/support/losses.py)."""
    response.set_header('X-Worker-Pid', str(os.getpid()))
    return number


@app.get('/slow/<seconds:float>')
def slow(seconds: float) -> dict[str, object]:
    """Answer after a while."""
    time.sleep(seconds)
    return {'pid': os.getpid()}


@app.post('/upload')
def upload() -> dict[str, object]:
    """Say what has arrived."""
    digest, length = hashlib.sha256(), 0
    while piece := request.environ['wsgi.input'].read(1 << 16):
        digest.update(piece)
        length += len(piece)
    return {'length': length, 'sha256': digest.hexdigest()}


@app.get('/held')
def held() -> dict[str, object]:
    """Leave a note, and answer when the file that is asked for exists."""
    leave_note()
    await_gate()
    return {'pid': os.getpid()}


@app.post('/die')
def die() -> None:
    """Leave a note, and die without an answer."""
    leave_note()
    os.kill(os.getpid(), signal.SIGKILL)


@app.get('/stream')
def stream() -> Iterator[bytes]:
    """Send a piece, and another one when the file that is asked for exists."""
    response.content_type = 'text/plain'
    yield b'first\n'
    await_gate()
    yield b'second\n'


def leave_note() -> None:
    """Write down that a request has arrived, and where."""
    with Path(request.query.notes).open('a') as notes:
        notes.write(f'{os.getpid()}\n')


def await_gate() -> None:
    """Wait for the file that is asked for."""
    gate, deadline = Path(request.query.gate), time.monotonic() + LIMIT
    while not gate.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
