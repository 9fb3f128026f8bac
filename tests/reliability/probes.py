"""What the tests ask each Bottle: requests to an application with one handler each, and a few calls of functions."""

import atexit
import base64
import gc
import hmac
import os
import pickle
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import bottle
from bottle import FileUpload, HTTPResponse, request, static_file
from tests.support.wsgi import make_environ, send

SECRET = 'known to the attacker'
FOLDER = Path(tempfile.mkdtemp(prefix='reliability-'))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
(FOLDER / 'root').mkdir()
(FOLDER / 'temporary').mkdir()
tempfile.tempdir = str(FOLDER / 'temporary')  # of this process alone: its files are counted
(FOLDER / 'secret.txt').write_text('secret')
(FOLDER / 'root' / 'link').symlink_to(FOLDER / 'secret.txt')
EXECUTED: list[str] = []


def version() -> str:
    """Return the version of the Bottle that this runs on."""
    return str(bottle.__version__)


def form() -> Any:
    """Read the form and say what is in it."""
    return {'fields': len(request.forms), 'files': len(request.files)}


def read_body() -> Any:
    """Echo the body."""
    return request.body.read()


def crash() -> Any:
    raise ValueError('<script>')


HANDLERS: dict[str, Callable[[], Any]] = {
    'nothing': lambda: 'nothing',
    'body': read_body,
    'form': form,
    'json': lambda: {'json': request.json},
    'url': lambda: request.url,
    'client': lambda: repr(request.remote_addr),
    'query': lambda: {'query': sorted(request.query.allitems())},
    'cookies': lambda: {'cookies': sorted(request.cookies.allitems())},
    'signed': lambda: str(request.get_cookie('s', 'refused', secret=SECRET)),
    'auth': lambda: repr(request.auth),
    'accept': lambda: str(len(request.get_header('Accept', ''))),
    'static': lambda: static_file(request.path[1:], str(FOLDER / 'root')),
    'range': lambda: static_file('secret.txt', str(FOLDER)),
    'crash': crash,
}


def ask(
    handler: str,
    method: str = 'POST',
    path: str = '/',
    body: str = '',
    environ: dict[str, Any] | None = None,
    limits: dict[str, int] | None = None,
    debug: bool = False,
) -> Any:
    """Return what an application answers whose only handler is this one, for every path and method."""
    app = bottle.Bottle()
    app.route('/<:re:[^\\0]*>', 'ANY', HANDLERS[handler])
    before: dict[str, Any] = {name: getattr(bottle.BaseRequest, name, None) for name in limits or {}}
    for name, value in (limits or {}).items():
        setattr(bottle.BaseRequest, name, value)
    bottle.debug(debug)
    try:
        got = send(app, {**make_environ('/', method, body.encode('latin-1')), 'PATH_INFO': path, **(environ or {})})
    finally:
        bottle.debug(False)
        for name, value in before.items():
            setattr(bottle.BaseRequest, name, value)
    return {'code': int(got.status[:3]), 'headers': got.headers, 'body': got.body.decode('latin-1')}


def multipart(parts: int = 1, part_headers: int = 0, content: str = '', size: int = 0) -> str:
    """Return a multipart form of files, each with this content repeated up to a size."""
    repeated = content * (size // max(1, len(content)))
    fields = ''.join(f'X-{number}: 1\r\n' for number in range(part_headers))
    head = f'--bOuNd\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n{fields}\r\n'
    return f'{head}{repeated}\r\n' * parts + '--bOuNd--\r\n'


MULTIPART = {'CONTENT_TYPE': 'multipart/form-data; boundary=bOuNd'}


def upload(limits: dict[str, int] | None = None, **what: Any) -> Any:
    """Send a multipart form."""
    return ask('form', body=multipart(**what), environ=MULTIPART, limits=limits)


def cpu(handler: str, environ: dict[str, Any], body: str, times: int = 5) -> float:
    """Return the median of the CPU seconds that a request takes."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        ask(handler, body=body, environ=environ)
        taken.append(time.process_time() - begin)
    return median(taken)


def upload_cpu(content: str, size: int, times: int = 5) -> float:
    """Return the median of the CPU seconds for a multipart form."""
    return cpu('form', MULTIPART, multipart(content=content, size=size), times)


def field_cpu(handler: str, key: str, prefix: str, pattern: str, size: int, times: int = 5) -> float:
    """Return the median of the CPU seconds for a request with a field of this size."""
    return cpu(handler, {key: prefix + (pattern * size)[:size]}, '', times)


def open_files() -> int:
    """Return how many temporary files this process holds, removed ones included, and how many have a name."""
    gc.collect()
    temporary = FOLDER / 'temporary'
    held = sum(os.path.realpath(entry).startswith(str(temporary)) for entry in Path('/proc/self/fd').iterdir())
    return held + len(list(temporary.iterdir()))


def full_disk(handler: str, size: int) -> Any:
    """Send a large body where no file may grow beyond 64 KiB; say how many files are left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        body = multipart(content='x', size=size) if handler == 'form' else 'x' * size
        code = ask(handler, body=body, environ=MULTIPART)['code']
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return {'code': code, 'left': open_files()}


def execute() -> str:
    """Be what a planted pickle calls."""
    EXECUTED.append('executed')
    return 'executed'


class Planted:
    """What an attacker pickles."""

    def __reduce__(self) -> Any:
        return execute, ()


def pickled_cookie() -> bool:
    """Return whether a pickle in a cookie, validly signed, executes code."""
    EXECUTED.clear()
    message = base64.b64encode(pickle.dumps(('s', Planted())))
    signature = base64.b64encode(hmac.digest(SECRET.encode(), message, 'sha256'))
    ask('signed', environ={'HTTP_COOKIE': f's="!{signature.decode()}?{message.decode()}"'})
    return bool(EXECUTED)


def signs_objects() -> bool:
    """Return whether something else than text can be put into a signed cookie."""
    bottle.Response().set_cookie('s', {'a': 1}, secret=SECRET)  # type: ignore[arg-type]  # what must not be signed
    return True


def header(name: str, value: str) -> list[tuple[str, str]]:
    """Return the fields of a response with this one."""
    made = bottle.Response()
    made.add_header(name, value)
    return [field for field in made.headerlist if field[0] != 'Content-Type']


def response_header(name: str, value: str) -> Any:
    """Return what `HTTPResponse` makes of a field."""
    return HTTPResponse(headers={name: value}).headerlist


def cookie(name: str = 'n', value: str = 'v', **options: str) -> list[str]:
    """Return the cookies of a response that sets this one."""
    made = bottle.Response()
    made.set_cookie(name, value, **options)
    return [text for field, text in made.headerlist if field == 'Set-Cookie']


def upload_name(name: str) -> str:
    """Return the safe name of an uploaded file."""
    return FileUpload(None, 'field', name).filename


def static_head(name: str) -> Any:
    """Ask for a static file under HEAD, where its name is text that the file system may not be able to encode."""
    app = bottle.Bottle()
    app.route('/', 'GET', lambda: static_file(name, str(FOLDER / 'root')))
    return int(send(app, make_environ('/', 'HEAD')).status[:3])
