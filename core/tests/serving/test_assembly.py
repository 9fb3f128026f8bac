"""The wrappers around the application: those that were asked for, in their order, and none else."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from bottle.serving.assembly import assembled
from bottle.serving.builtin import WSGIRefServer
from bottle.serving.limits import Activity
from bottle.serving.options import ServerOptions


def plain(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response('200 OK', [])
    return [environ['wsgi.url_scheme'].encode(), environ['REMOTE_ADDR'].encode()]


def ask(application: Any, **environ: str) -> bytes:
    around = {'wsgi.url_scheme': 'http', 'REMOTE_ADDR': '10.0.0.1', 'REQUEST_METHOD': 'GET', 'PATH_INFO': '/'}
    body = application({**around, 'SERVER_PROTOCOL': 'HTTP/1.1', **environ}, lambda *_: lambda data: None)
    content = b' '.join(body)
    getattr(body, 'close', lambda: None)()
    return content


def test_an_application_that_nothing_is_asked_of_is_served_itself() -> None:
    assert assembled(plain, WSGIRefServer(), ServerOptions(max_body=0)) is plain


def test_the_limit_of_the_body_holds_by_default() -> None:
    assert assembled(plain, WSGIRefServer(), ServerOptions()) is not plain


def test_the_log_has_what_the_proxy_says(caplog: pytest.LogCaptureFixture) -> None:
    options = ServerOptions(max_body=0, access_log='common', trusted_proxies=('10.0.0.0/8',))
    application = assembled(plain, WSGIRefServer(), options)
    with caplog.at_level(logging.INFO, 'bottle.access'):
        assert ask(application, HTTP_X_FORWARDED_FOR='192.0.2.7', HTTP_X_FORWARDED_PROTO='https') == b'https 192.0.2.7'
    [line] = caplog.messages
    assert line.startswith('192.0.2.7 - - [')


def test_no_log_is_written_when_none_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, 'bottle.access'):
        ask(assembled(plain, WSGIRefServer(), ServerOptions(access_log='none')))
    assert caplog.messages == []


def test_requests_are_counted_for_who_wants_to_know() -> None:
    counted: list[int] = []
    application = assembled(plain, WSGIRefServer(), ServerOptions(), Activity(counted.append))
    ask(application)
    ask(application)
    assert counted == [1, 2]


def test_an_application_is_told_of_other_processes() -> None:
    adapter = WSGIRefServer()
    adapter.shares_sockets = True
    environ: dict[str, Any] = {'wsgi.url_scheme': 'http', 'REMOTE_ADDR': '', 'wsgi.multiprocess': False}
    assembled(plain, adapter, ServerOptions(max_body=0))(environ, lambda *_: lambda data: None)
    assert environ['wsgi.multiprocess'] is True
