"""What uploads cost: 32 MB in four files, a body made to hurt, and the memory that 1 GB takes.

python -m benchmarks.uploads
"""

from __future__ import annotations

import io
from time import process_time
from typing import Any

from benchmarks import applications, contest

BOUNDARY = b'boundary'
MEGABYTE = 1 << 20


def form(parts: list[bytes]) -> bytes:
    """Return a multipart form with a file for each part (RFC 7578)."""
    head = b'--%s\r\nContent-Disposition: form-data; name="f%d"; filename="f"\r\nContent-Type: a/b\r\n\r\n'
    body = b''.join(head % (BOUNDARY, number) + part + b'\r\n' for number, part in enumerate(parts))
    return body + b'--%s--\r\n' % BOUNDARY


class Endless(io.RawIOBase):
    """A form of one file whose content is made while it is read."""

    def __init__(self, size: int) -> None:
        self.head, self.tail = form([b'']).split(b'\r\n\r\n', 1)
        self.head += b'\r\n\r\n'
        self.left = size
        self.pieces = 0
        self.peak = 0
        self.block = bytes(range(256)) * 256
        self.length = len(self.head) + size + len(self.tail)

    def read(self, size: int = -1) -> bytes:
        """Return the next piece of the form."""
        if self.head:
            piece, self.head = self.head[:size], self.head[size:]
        elif self.left:
            piece = self.block[: min(size, self.left)]
            self.left -= len(piece)
            self.pieces += 1
            if self.pieces % 256 == 0:
                self.peak = max(self.peak, contest.resident())
        else:
            piece, self.tail = self.tail[:size], self.tail[size:]
        return piece


def application() -> Any:
    """Return an application that says how many bytes it got."""
    import bottle

    app = bottle.Bottle()

    @app.post('/')
    def upload() -> str:
        return str(sum(file.file.seek(0, 2) for file in bottle.request.files.values()))

    return app


def post(app: Any, body: Any, length: int) -> tuple[str, bytes]:
    """Send a form."""
    content_type = f'multipart/form-data; boundary={BOUNDARY.decode()}'
    declared = {'REQUEST_METHOD': 'POST', 'CONTENT_TYPE': content_type, 'CONTENT_LENGTH': str(length)}
    return applications.call(app, applications.environ('/') | declared | {'wsgi.input': body})


def measure() -> dict[str, float]:
    """Return milliseconds of processor time, and megabytes."""
    import bottle

    app = application()
    memory = memory_of_a_gigabyte(app) if bottle.__version__.startswith('1.') else {}
    body = form([bytes(range(256)) * (8 * MEGABYTE // 256)] * 4)
    flood = form([b'\r\n' * (MEGABYTE // 2)])
    return {
        '32 MB in 4 files, ms': timed(app, body, 32 * MEGABYTE),
        '1 MB of line breaks, ms': timed(app, flood, MEGABYTE),
        **memory,
    }


def memory_of_a_gigabyte(app: Any) -> dict[str, float]:
    """Return by how many megabytes the process grows while it receives a gigabyte."""
    timed(app, form([b'warm']), 4)
    before = contest.resident()
    stream = Endless(1 << 30)
    answer = post(app, stream, stream.length)
    assert answer == ('200 OK', str(1 << 30).encode()), answer
    return {'memory of a 1 GB upload, MB': (stream.peak - before) / 1024}


def timed(app: Any, body: bytes, size: int) -> float:
    """Return the milliseconds of processor time that a form takes, the best of some."""
    best = float('inf')
    for _ in range(3):
        begin = process_time()
        answer = post(app, io.BytesIO(body), len(body))
        best = min(best, process_time() - begin)
        assert answer == ('200 OK', str(size).encode()), answer
    return best * 1e3


if __name__ == '__main__':
    contest.main('benchmarks.uploads', __doc__, {'bottle': measure}, rounds=3, unit='multipart forms')
