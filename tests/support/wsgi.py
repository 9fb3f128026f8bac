"""Calling a WSGI application in a test, with the standard library's referee between the two."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator


class Answer(NamedTuple):
    """What an application answered, and what it wrote to the error log."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    errors: str
    exc_info: bool

    @property
    def code(self) -> int:
        return int(self.status.split()[0])

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str | None:
        """Return the only field of this name, or None."""
        found = [value for field, value in self.headers if field.lower() == name.lower()]
        assert len(found) < 2, found
        return found[0] if found else None


def make_environ(path: str = '/', method: str = 'GET', body: bytes = b'', **extra: Any) -> dict[str, Any]:
    """Return the environ of a request."""
    environ: dict[str, Any] = {
        'PATH_INFO': path.encode().decode('latin-1'),
        'REQUEST_METHOD': method,
        'SCRIPT_NAME': '',
        'QUERY_STRING': '',
        'SERVER_NAME': 'example.org',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'wsgi.input': io.BytesIO(body),
        'wsgi.errors': io.StringIO(),
    }
    if body:
        environ['CONTENT_LENGTH'] = str(len(body))
    environ.update(extra)
    setup_testing_defaults(environ)
    return environ


def call(app: Callable[..., Any], path: str = '/', method: str = 'GET', body: bytes = b'', **extra: Any) -> Answer:
    """Send a request to an application; anything that PEP 3333 forbids is an AssertionError."""
    return send(validator(app), make_environ(path, method, body, **extra))


def send(app: Callable[..., Any], environ: dict[str, Any]) -> Answer:
    """Send a request to an application without a referee, for environs that no server should produce."""
    started: list[tuple[str, list[tuple[str, str]], bool]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((status, headers, exc_info is not None))
        return lambda _data: None

    errors = environ.get('wsgi.errors')
    iterable = app(environ, start_response)
    try:
        content = b''.join(iterable)
    finally:
        if hasattr(iterable, 'close'):
            iterable.close()
    status, headers, exc_info = started[-1]
    return Answer(status, headers, content, errors.getvalue() if isinstance(errors, io.StringIO) else '', exc_info)
