"""The application that has to survive: it tells the test what happens to its handlers, from whichever process."""

import os
import socket
import threading
import time
from collections.abc import Iterator

from bottle import Bottle, HTTPError, request, response

app = Bottle()
PIECE = b'x' * 65536
_reports = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def report(event: str) -> None:
    """Tell the test; a datagram gets out of any process and any thread, and waits for nobody."""
    if port := os.environ.get('REPORTS_PORT'):
        _reports.sendto(event.encode(), ('127.0.0.1', int(port)))


class Pieces:
    """A response body that fails or goes on for ever, and reports its `close()`."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        report('closed')


@app.get('/path/<rest:path>')
def path(rest: str) -> str:
    return rest


@app.get('/time')
def clock() -> str:
    """Tell the time of day, as this process sees it."""
    return str(time.time())


@app.get('/hold')
def hold() -> str:
    """Report that the request runs, and stay for some seconds."""
    report('entered')
    threading.Event().wait(float(request.query.seconds))  # libfaketime breaks time.sleep
    return 'held'


@app.post('/upload')
def upload() -> str:
    """Read the body, and report what came of it."""
    try:
        length = len(request.body.read())
    except HTTPError as error:
        report(f'refused {type(error.exception).__name__}')
        raise
    report(f'received {length}')
    return str(length)


@app.get('/endless')
def endless() -> Pieces:
    def pieces() -> Iterator[bytes]:
        while True:
            yield PIECE

    return Pieces(pieces())


def _failing() -> Iterator[bytes]:
    yield b'first\n'
    yield b'second\n'
    raise RuntimeError('the generator fails after the headers')


@app.get('/failing')
def failing() -> Pieces:
    return Pieces(_failing())


@app.get('/failing/declared')
def failing_declared() -> Pieces:
    """Declare more than comes."""
    response.content_length = 100
    return Pieces(_failing())


@app.get('/error')
def error() -> str:
    raise RuntimeError('the handler fails')
