"""redirect and auth_basic."""

from collections.abc import Iterator
from typing import Any

import pytest

from bottle._context import RequestContext, current
from bottle.requests import request
from bottle.responses import HTTPError, HTTPResponse, response
from bottle.shortcuts import auth_basic, redirect


def bind(**environ: Any) -> None:
    request.bind({'HTTP_HOST': 'h', 'PATH_INFO': '/p/q', 'SCRIPT_NAME': '/s', 'SERVER_PROTOCOL': 'HTTP/1.1', **environ})


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    token = current.set(RequestContext({}))
    bind()
    yield
    current.reset(token)


def redirected(*arguments: Any) -> HTTPResponse:
    with pytest.raises(HTTPResponse) as caught:
        redirect(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ('url', 'expected'),
    [
        ('x', 'http://h/s/p/x'),
        ('./', 'http://h/s/p/'),
        ('../x', 'http://h/s/x'),
        ('/x', 'http://h/x'),
        ('', 'http://h/s/p/q'),
        ('?a=b', 'http://h/s/p/q?a=b'),
        ('#f', 'http://h/s/p/q#f'),
        ('//other/x', 'http://other/x'),
        ('https://u:p@other:1/x;y?a=b&c=[d]#f', 'https://u:p@other:1/x;y?a=b&c=[d]#f'),
        ('a b%20c', 'http://h/s/p/a b%20c'),
        ('ü', 'http://h/s/p/%C3%BC'),
        ('\udcff', 'http://h/s/p/%FF'),
    ],
)
def test_redirect(url: Any, expected: Any) -> None:
    assert redirected(url).get_header('Location') == expected


@pytest.mark.parametrize(
    ('protocol', 'code', 'expected'),
    [
        ('HTTP/1.0', None, 302),
        ('HTTP/1.1', None, 303),
        ('HTTP/2', None, 303),
        ('HTTP/1.1', 0, 303),
        ('HTTP/1.1', 301, 301),
        ('HTTP/1.0', 307, 307),
    ],
)
def test_redirect_code(protocol: Any, code: Any, expected: Any) -> None:
    bind(SERVER_PROTOCOL=protocol)
    assert redirected('/x', code).status_code == expected


def test_redirect_keeps_fields_and_cookies_but_no_body() -> None:
    response.set_header('X-Y', 'z')
    response.set_cookie('name', 'value')
    response.body = 'body'
    answer = redirected('/x')
    assert answer.body == ''
    assert {('X-Y', 'z'), ('Set-Cookie', 'name=value')} <= set(answer.headerlist)


@pytest.mark.parametrize('char', ['\r', '\n', '\0', '\x7f'])
def test_redirect_refuses_control_characters(char: Any) -> None:
    with pytest.raises(ValueError, match='control'):
        redirect(f'/x{char}Set-Cookie: a=b')


@auth_basic(lambda user, password: (user, password) == ('user', 'pass'), realm='my "realm"', text='Go away')
def secret(value: str) -> str:
    """Return the secret."""
    return value


@pytest.mark.parametrize(
    'environ',
    [
        {},
        {'HTTP_AUTHORIZATION': 'Basic dXNlcjp3cm9uZw=='},
        {'HTTP_AUTHORIZATION': 'Basic !'},
        {'HTTP_AUTHORIZATION': 'Bearer x'},
        {'REMOTE_USER': 'user'},
    ],
)
def test_auth_basic_asks(environ: Any) -> None:
    bind(**environ)
    answer = secret('value')
    assert isinstance(answer, HTTPError)
    assert (answer.status_code, answer.body) == (401, 'Go away')
    assert answer.get_header('WWW-Authenticate') == r'Basic realm="my \"realm\""'


def test_auth_basic_lets_through() -> None:
    bind(HTTP_AUTHORIZATION='Basic dXNlcjpwYXNz')
    assert secret('value') == 'value'
    assert (secret.__name__, secret.__doc__) == ('secret', 'Return the secret.')


def test_auth_basic_asks_the_check_only_with_credentials() -> None:
    asked: list[Any] = []
    guarded = auth_basic(lambda *credentials: asked.append(credentials))(lambda: 'in')
    guarded()
    assert asked == []
    bind(HTTP_AUTHORIZATION='Basic dTo=')
    guarded()
    assert asked == [('u', '')]
