"""Who asks about health is answered without the application: 200 when ready, 503 once the server was told to stop."""

from collections.abc import Iterable
from typing import Any

import pytest

from bottle.errors import ServerOptionError
from bottle.serving.assembly import assembled
from bottle.serving.builtin import WSGIRefServer
from bottle.serving.options import ServerOptions


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response('404 Not Found', [])
    return [b'the application']


def ask(adapter: WSGIRefServer, path: str = '/healthz', method: str = 'GET') -> tuple[str, dict[str, str], bytes]:
    answers: list[Any] = []
    served = assembled(application, adapter, ServerOptions(health='/healthz', max_body=0))
    environ = {'PATH_INFO': path, 'REQUEST_METHOD': method, 'SERVER_PROTOCOL': 'HTTP/1.1'}
    body = b''.join(served(environ, lambda *arguments: answers.extend(arguments)))  # type: ignore[arg-type]  # write() is not used
    return answers[0], dict(answers[1]), body


def test_ready_and_draining() -> None:
    adapter = WSGIRefServer()
    assert ask(adapter)[::2] == ('200 OK', b'ready\n')
    adapter.draining = True
    assert ask(adapter)[::2] == ('503 Service Unavailable', b'draining\n')


def test_nobody_keeps_the_answer() -> None:
    assert ask(WSGIRefServer())[1]['Cache-Control'] == 'no-store'


def test_head_has_no_body() -> None:
    status, headers, body = ask(WSGIRefServer(), method='HEAD')
    assert (status, headers['Content-Length'], body) == ('200 OK', '6', b'')


@pytest.mark.parametrize('path', ['/', '/healthz/', '/healthz/x', '/Healthz', ''])
def test_all_else_is_for_the_application(path: str) -> None:
    assert ask(WSGIRefServer(), path)[2] == b'the application'


@pytest.mark.parametrize('path', ['', 'healthz', '/a b', '/a?b', '/a#b', '/ä', '/a\n', '/%41', 7])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(ServerOptionError, match='health'):
        ServerOptions(health=path)  # type: ignore[arg-type]  # on purpose
