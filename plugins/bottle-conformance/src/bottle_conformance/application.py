"""The application under test: plain WSGI (PEP 3333), so that nothing stands between it and the server.

It tells a witness what it has received. The first segment of the path says what it does; any other path is answered
with the environ as JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from bottle_conformance.witness import GATE, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, Any]
    Start = Callable[..., Callable[[bytes], object]]

PIECE = 65536
GATE_TIMEOUT = 20.0  # seconds that a held response waits
TEXT = ('Content-Type', 'text/plain')


def tell(environ: Environ, event: str, /, **details: Any) -> None:
    """Tell the witness what has happened to a request."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    message = {'event': event, 'id': environ.get('HTTP_X_ID', ''), 'process': os.getpid(), **details}
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as witness:
        witness.connect(path)  # else nobody would be woken when the witness can take more
        while not witness.send(json.dumps(message).encode()):  # gevent returns 0 for what it could not send
            pass


def described(environ: Environ) -> dict[str, list[str]]:
    """Return an environ as names of types and texts, which JSON can carry."""
    return {str(name): [type(value).__name__, str(value)] for name, value in environ.items()}


def query(environ: Environ) -> dict[str, str]:
    """Return the parameters that a test has given."""
    pairs = (pair.partition('=') for pair in environ.get('QUERY_STRING', '').split('&'))
    return {name: value for name, _, value in pairs}


def hold(environ: Environ) -> bool:
    """Wait until the test opens the gate; return whether it did."""
    with closing(socket.socket(socket.AF_UNIX)) as gate:
        gate.settimeout(GATE_TIMEOUT)
        gate.connect(os.environ[VARIABLE] + GATE)
        gate.sendall(environ.get('HTTP_X_ID', '').encode() + b'\n')
        return gate.recv(1) == b'.'


def pieces(environ: Environ) -> Iterator[bytes]:
    """Read the body of a request: as long as it is declared, or to its end where the server says that there is one."""
    stream, declared = environ['wsgi.input'], environ.get('CONTENT_LENGTH')
    if environ.get('wsgi.input_terminated') or not declared:
        ends = environ.get('wsgi.input_terminated')
        yield from iter(lambda: stream.read(PIECE), b'') if ends else ()
        return
    left = int(declared)
    while left and (piece := stream.read(min(left, PIECE))):
        left -= len(piece)
        yield piece


class Body:
    """A response whose end is told: how often it was closed, and after how many pieces; and what a validator finds."""

    def __init__(self, environ: Environ, parts: Iterable[bytes]) -> None:
        self._environ = environ
        self._parts = iter(parts)
        self._yielded = 0
        self._closed = 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        with told_if_invalid(self._environ):
            part = next(self._parts)
        self._yielded += 1
        return part

    def close(self) -> None:
        """Tell that this was called, and how often."""
        self._closed += 1
        with told_if_invalid(self._environ):
            getattr(self._parts, 'close', bool)()
        tell(self._environ, 'closed', times=self._closed, yielded=self._yielded)


class ToldFile(io.FileIO):
    """A file on disk whose end is told."""

    def __init__(self, environ: Environ, content: bytes) -> None:
        with NamedTemporaryFile(delete=False) as written:
            written.write(content)
        super().__init__(written.name)
        Path(written.name).unlink()
        self._environ = environ

    def close(self) -> None:
        """Tell that the file was closed, the first time."""
        if not self.closed:
            tell(self._environ, 'file closed')
        super().close()


@contextmanager
def told_if_invalid(environ: Environ) -> Iterator[None]:
    """Tell what `wsgiref.validate` finds."""
    try:
        yield
    except AssertionError as error:
        tell(environ, 'invalid', error=str(error))
        raise


def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer a request: see the handlers below."""
    method, path = environ.get('REQUEST_METHOD'), environ.get('PATH_INFO', '')
    kind, query_string = type(environ).__name__, environ.get('QUERY_STRING')
    tell(environ, 'called', method=method, path=path, query=query_string, kind=kind, environ=described(environ))
    name = path.strip('/').partition('/')[0]
    handler = HANDLERS.get(name, report)
    return handler(environ, start_response)


def report(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the environ, as JSON."""
    return whole(start_response, json.dumps(described(environ)).encode(), content_type='application/json')


def whole(start_response: Start, body: bytes, status: str = '200 OK', content_type: str = TEXT[1]) -> list[bytes]:
    """Answer with a body of a declared length."""
    start_response(status, [('Content-Type', content_type), ('Content-Length', str(len(body)))])
    return [body]


def echo(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the body of the request; tell its length and digest."""
    try:
        body = b''.join(pieces(environ))
    except Exception as error:
        tell(environ, 'unreadable', error=type(error).__name__)
        raise
    tell(environ, 'body', length=len(body), digest=hashlib.sha256(body).hexdigest())
    return whole(start_response, body)


def digest(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the length and the digest of the body of the request, which is not kept in memory."""
    seen, length = hashlib.sha256(), 0
    for piece in pieces(environ):
        seen.update(piece)
        length += len(piece)
    tell(environ, 'body', length=length, digest=seen.hexdigest())
    return whole(start_response, f'{length} {seen.hexdigest()}'.encode())


def ignore(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer without reading the body."""
    del environ
    return whole(start_response, b'ignored')


def lines(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the lines that `wsgi.input` yields, as `way` says: iter, readline or readlines (PEP 3333)."""
    stream = environ['wsgi.input']
    ways: dict[str, Callable[[], list[bytes]]] = {
        'iter': lambda: list(stream),
        'readline': lambda: list(iter(stream.readline, b'')),
        'readlines': stream.readlines,
    }
    found = ways[query(environ)['way']]()
    return whole(start_response, json.dumps([line.decode('latin-1') for line in found]).encode())


def held(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Call `start_response` when the gate is opened."""
    opened = hold(environ)
    return whole(start_response, b'held' if opened else b'too late')


def stream(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Yield a piece, and the next one when the gate is opened; of `length` bytes each."""
    length = int(query(environ).get('length', 5))

    def parts() -> Iterator[bytes]:
        yield b'a' * length
        yield (b'b' if hold(environ) else b'-') * length

    start_response('200 OK', [TEXT])
    return Body(environ, parts())


def long(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Yield `count` pieces of `length` bytes, without a Content-Length unless `declared` is 1."""
    count, length = int(query(environ).get('count', 1)), int(query(environ).get('length', 5))
    size = [('Content-Length', str(count * length))] if query(environ).get('declared') == '1' else []
    start_response('200 OK', [TEXT, *size])
    return Body(environ, (b'x' * length for _ in range(count)))


def write(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Send one part of a body before the iterable is returned, and another with it (PEP 3333, "write")."""
    send = start_response('200 OK', [TEXT])
    for part in (b'one ', b'two '):
        send(part)
    return Body(environ, [b'three'])


def answer(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the `status` and the `body` that are asked for, whatever the method."""
    wanted = query(environ)
    body = wanted.get('body', '').encode()
    size = [('Content-Length', wanted['length'])] if 'length' in wanted else []
    typed = [] if wanted.get('status', '200')[:3] in ('204', '304') else [TEXT]
    start_response(f'{wanted.get("status", "200")} Reason', [*typed, *size, ('X-Twice', '1'), ('X-Twice', '2')])
    return Body(environ, [body] if body else [])


def fail(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Raise where `when` says: before `start_response`, after it, or `between` two pieces."""
    when = query(environ)['when']

    def parts() -> Iterator[bytes]:
        if when == 'first':
            raise ValueError(when)
        yield b'a' * 5
        raise ValueError(when)

    if when == 'before':
        raise ValueError(when)
    declared = [('Content-Length', '10')] if query(environ).get('declared') == '1' else []
    start_response('200 OK', [TEXT, *declared])
    if when == 'after':
        raise ValueError(when)
    return Body(environ, parts())


def replace(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Call `start_response` again with `exc_info`: before any piece is sent, or `late`, after one (PEP 3333)."""
    late = query(environ).get('late') == '1'
    replaced = [] if late else [('X-Replaced', '1'), ('Content-Length', '99')]

    def parts() -> Iterator[bytes]:
        if late:
            yield b'sent'
        try:
            int('not a number')
        except ValueError:
            try:
                start_response('500 Replaced', [TEXT], sys.exc_info())
            except ValueError:
                tell(environ, 'raised again')
                raise
        yield b'replaced'

    start_response('200 OK', [TEXT, *replaced])
    return Body(environ, parts())


def twice(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Call `start_response` twice without `exc_info`, which is a fatal error (PEP 3333), and tell whether it raised."""
    start_response('200 OK', [TEXT])
    try:
        start_response('201 Created', [TEXT])
    except Exception as error:
        tell(environ, 'refused', error=type(error).__name__)
        raise
    return [b'accepted']


def header(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Send a header, or a reason phrase, with the bytes that are given in hexadecimal; tell what was raised."""
    wanted = {name: bytes.fromhex(value).decode('latin-1') for name, value in query(environ).items()}
    status = f'200 {wanted.get("reason", "OK")}'
    try:
        start_response(status, [TEXT, (wanted.get('name', 'X-Name'), wanted.get('value', ''))])
    except Exception as error:
        tell(environ, 'refused', error=type(error).__name__)
        raise
    return [b'sent']


def file(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Send a file by `wsgi.file_wrapper`: from `start` on, from disk or memory (`kind`), its length as `declared`."""
    wanted = query(environ)
    content = b'0123456789' * (int(wanted.get('length', 20)) // 10)
    size = [('Content-Length', wanted['declared'])] if 'declared' in wanted else []
    sent = ToldFile(environ, content) if wanted.get('kind') == 'disk' else io.BytesIO(content)
    sent.seek(int(wanted.get('start', 0)))
    start_response('200 OK', [TEXT, *size])
    wrapper = environ.get('wsgi.file_wrapper')
    tell(environ, 'file', wrapper=wrapper is not None)
    return wrapper(sent, 4096) if wrapper else [sent.read()]


def late(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Call `start_response` when the first piece is asked for (PEP 3333, "The start_response() Callable")."""

    def parts() -> Iterator[bytes]:
        start_response('200 OK', [TEXT])
        yield b'late'

    return Body(environ, parts())


def sparse(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Yield empty pieces among others."""
    start_response('200 OK', [TEXT])
    return Body(environ, [b'', b'a', b'', b'', b'b', b''])


def listed(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Return a list of `count` pieces of 5 bytes, without a Content-Length."""
    start_response('200 OK', [TEXT])
    return [b'x' * 5] * int(query(environ)['count'])


def misdeclared(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Declare a Content-Length of `declared`, and yield `count` pieces of 5 bytes."""
    start_response('200 OK', [TEXT, ('Content-Length', query(environ)['declared'])])
    return Body(environ, [b'x' * 5] * int(query(environ)['count']))


def cookies(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Set two cookies, whose headers must not become one (RFC 6265, section 3)."""
    start_response('200 OK', [TEXT, ('Set-Cookie', 'a=1'), ('X-Between', '1'), ('Set-Cookie', 'b=2')])
    return [b'set']


def complain(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Write to `wsgi.errors` in all the ways that PEP 3333 has."""
    errors = environ['wsgi.errors']
    errors.write('a line\n')
    errors.writelines(['two ', 'parts\n'])
    errors.flush()
    return whole(start_response, b'written')


def mark(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Change the environ, which is the application's own."""
    environ.update({'kit.mark': '1', 'SCRIPT_NAME': '/marked', 'PATH_INFO': ''})
    return whole(start_response, b'marked')


def process(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with the value of a variable of the process."""
    return whole(start_response, os.environ.get(query(environ)['name'], '').encode())


def validated(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer as the handler that the second segment names, with `wsgiref.validate` between it and the server."""
    handler = HANDLERS.get(environ['PATH_INFO'].split('/')[2], report)
    with told_if_invalid(environ):
        return Body(environ, validator(handler)(environ, start_response))


def bottle(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer by an application of Bottle."""
    from bottle_conformance.framework import application as framework

    return framework(environ, start_response)


def calls(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer with what calls on `wsgi.input` give, as `do` says: `read.5,readline,read`, the size behind the dot."""
    steps = [step.partition('.') for step in query(environ)['do'].split(',')]
    sizes = [[int(size)] if size else [] for _, _, size in steps]
    given = [
        getattr(environ['wsgi.input'], name)(*size).decode('latin-1')
        for (name, _, _), size in zip(steps, sizes, strict=True)
    ]
    return whole(start_response, json.dumps(given).encode())


HANDLERS = {
    each.__name__: each
    for each in [
        echo,
        digest,
        ignore,
        lines,
        calls,
        held,
        stream,
        long,
        write,
        answer,
        fail,
        replace,
        twice,
        header,
        file,
        late,
        sparse,
        listed,
        misdeclared,
        cookies,
        complain,
        mark,
        process,
        validated,
        bottle,
    ]
}
