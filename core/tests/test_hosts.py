"""The field `Host`: what is valid, and that nothing else reaches a handler."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle import Bottle, HTTPError, Request, httputil, request
from bottle.httputil import is_host
from tests.support.wsgi import make_environ, send

GOOD = [
    'example.org',
    'EXAMPLE.org:8080',
    'a_b.example',
    '127.0.0.1:80',
    '[::1]',
    '[2001:db8::1]:443',
    'xn--tst-qla.de',
    '',
    'a:',
]
GOOD += ['%C3%BC.example', 'x' * 255, 'a.example.', 'localhost:65535', '[::ffff:1.2.3.4]']
BAD = [
    '<script>',
    'a b',
    'a\tb',
    'a/b',
    'user@a',
    'a:b',
    'a:1:2',
    '::1',
    '[::1',
    '[::1]x',
    '[:::]',
    '[1.2.3.4]',
    'a,b',
    'ü',
    '"',
    ':80',
]
BAD += [
    'a:65536',
    'a:123456',
    'x' * 256,
    'a\r\nX: y',
    'a\0',
    'a?b',
    'a#b',
    'a\\b',
    '%zz',
    ' a',
    'a ',
    '[fe80::1%25eth0]',
    'a:٣',
    'a:+1',
    '\n',
]


@pytest.mark.parametrize('host', GOOD)
def test_a_valid_host(host: str) -> None:
    assert is_host(host)
    assert is_host(host), 'the second time it is known'


@pytest.mark.parametrize('host', BAD)
def test_an_invalid_host(host: str) -> None:
    assert not is_host(host)


def test_no_host_is_fine() -> None:
    assert is_host(None)


@given(st.lists(st.text('abc.:[]1', max_size=8), max_size=20))
def test_what_is_known_is_valid(hosts: list[str]) -> None:
    for host in hosts:
        is_host(host)
    assert all(host == '' or httputil._HOST.fullmatch(host) for host in httputil.known_hosts if host is not None)


def test_clients_cannot_fill_the_memory() -> None:
    assert all(is_host(f'host-{number}.example') for number in range(3000))
    assert len(httputil.known_hosts) <= httputil._MAX_KNOWN_HOSTS + 3
    assert {None, ''} <= httputil.known_hosts


def application(*, hooks: bool) -> tuple[Bottle, list[str]]:
    app, called = Bottle(), []

    @app.route('/')
    def handler() -> str:
        called.append('handler')
        return request.url

    if hooks:
        app.add_hook('before_request', lambda: called.append('before'))
        app.add_hook('after_request', lambda: called.append('after'))
    return app, called


@pytest.mark.parametrize('path', ['/', '/nowhere'])
@pytest.mark.parametrize(('hooks', 'expected'), [(False, []), (True, ['after'])])
@pytest.mark.parametrize('host', ['<script>', 'a b', 'a,b'])
def test_a_request_with_an_invalid_host_reaches_no_handler(path: str, hooks: bool, expected: Any, host: str) -> None:
    app, called = application(hooks=hooks)
    answer = send(app, make_environ(path, HTTP_HOST=host))
    assert (answer.code, called) == (400, expected)
    assert '<script>' not in answer.text


@pytest.mark.parametrize('hooks', [False, True])
def test_a_request_with_a_valid_host_does(hooks: bool) -> None:
    app, called = application(hooks=hooks)
    assert send(app, make_environ(HTTP_HOST='[::1]:8080')).text == 'http://[::1]:8080/'
    assert 'handler' in called


def test_the_error_handler_of_the_application_answers() -> None:
    app, _ = application(hooks=False)
    app.error(400, callback=lambda error: f'own: {error.body}')
    assert send(app, make_environ(HTTP_HOST='<')).text == 'own: Invalid Host'


@pytest.mark.parametrize('name', ['url', 'urlparts'])
def test_a_request_without_an_application_checks_when_the_host_is_used(name: str) -> None:
    with pytest.raises(HTTPError) as caught:
        getattr(Request({'HTTP_HOST': 'a b'}), name)
    assert caught.value.status_code == 400
