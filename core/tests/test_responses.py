"""Responses: status, header fields, cookies, the proxy, and the error page."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import bottle
from bottle import BaseResponse, HTTPError, HTTPResponse, LocalResponse, Response, abort, request, response
from bottle._context import current
from bottle._util import settings
from bottle.cookies import parse_cookies, unsign_cookie
from bottle.responses import error_page

DEFAULT_TYPE = ('Content-Type', 'text/html; charset=UTF-8')


@pytest.mark.parametrize(
    ('status', 'code', 'line'),
    [
        (200, 200, '200 OK'),
        (404, 404, '404 Not Found'),
        (299, 299, '299 Unknown'),
        (999, 999, '999 Unknown'),
        ('404 Brain not found', 404, '404 Brain not found'),
        ('  200 Spaces  ', 200, '200 Spaces'),
        ('999 Höhe', 999, '999 Höhe'),
    ],
)
def test_status(status: int | str, code: int, line: str) -> None:
    made = Response()
    made.status = status
    assert (made.status_code, made.status, made.status_line) == (code, line, line)


@pytest.mark.parametrize(
    'status', [99, 1000, 0, -1, '404', '', '99 x', '1000 x', 'abc def', '200 a\r\nX: b', '200 a\x00b', '200 a\n']
)
def test_bad_status_is_refused_and_changes_nothing(status: int | str) -> None:
    made = Response(status=201)
    with pytest.raises(ValueError, match=r'tatus|invalid literal'):
        made.status = status
    assert made.status == '201 Created'


def test_parameters() -> None:
    made = Response('body', 404, [('X-A', '1'), ('X-A', '2')], x_b=3)
    assert (made.body, made.status_code) == ('body', 404)
    assert made.headerlist == [('X-A', '1'), ('X-A', '2'), ('X-B', '3'), DEFAULT_TYPE]
    assert Response(headers={'X-A': 'b'}).headerlist == [('X-A', 'b'), DEFAULT_TYPE]
    assert list(Response(['a', 'b'])) == ['a', 'b']


def test_header_access_ignores_case() -> None:
    made = Response()
    made['x-test'] = 5
    made.add_header('X-TEST', 6)
    assert ('X-test' in made, 'other' in made) == (True, False)
    assert (made['x-Test'], made.get_header('x-test'), made.get_header('other', 'no')) == ('6', '6', 'no')
    made.set_header('x-test', 7)
    assert made.headers.getall('x-test') == ['7']
    del made['X-Test']
    assert list(made.iter_headers()) == [DEFAULT_TYPE]


def test_header_values_become_native_strings() -> None:
    made = Response(x_a='öäü €')
    assert made.headerlist[0] == ('X-A', 'öäü €'.encode().decode('latin-1'))
    assert made.headers['X-A'] == 'öäü €'


@pytest.mark.parametrize('value', ['a\r\nb', 'a\nb', 'a\rb', 'a\x00b', 'a\x0bb', 'a\x7fb'])
@pytest.mark.parametrize('change', ['set_header', 'add_header', '__setitem__'])
def test_control_characters_in_headers_are_refused(value: str, change: str) -> None:
    made = Response()
    with pytest.raises(ValueError, match='control'):
        getattr(made, change)('X-A', value)
    with pytest.raises(ValueError, match='name'):
        getattr(made, change)(value, 'x')
    assert made.headerlist == [DEFAULT_TYPE]


@pytest.mark.parametrize(
    ('status', 'names'),
    [(200, ['Allow', 'Content-Length', 'X-A', 'Content-Type']), (204, ['Allow', 'X-A']), (304, ['X-A'])],
)
def test_fields_that_a_status_forbids(status: int, names: list[str]) -> None:
    made = Response(status=status, headers=[('Allow', 'GET'), ('Content-Length', '3'), ('X-A', 'b')])
    assert [name for name, _ in made.headerlist] == names


def test_header_properties() -> None:
    made = Response()
    assert (made.content_type, made.content_length, made.expires, made.charset) == ('', -1, None, 'UTF-8')
    made.content_type = 'text/plain; charset="latin1"; x=y'
    made.content_length = 5
    made.expires = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert made.headers['Expires'] == 'Thu, 02 Jan 2020 03:04:05 GMT'
    assert (made.content_length, made.charset) == (5, 'latin1')
    assert made.expires == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    del made.expires
    assert made.expires is None


def test_copy_is_independent() -> None:
    made = HTTPError(404, 'body', X_A='1')
    made.set_cookie('a', 'b')
    copy = made.copy()
    assert type(copy) is BaseResponse
    assert (copy.status, copy.body, copy.headerlist) == (made.status, '', made.headerlist)
    copy.headers.append('X-A', '2')
    copy.set_cookie('c', 'd')
    assert made.headerlist == [('X-A', '1'), DEFAULT_TYPE, ('Set-Cookie', 'a=b')]
    assert isinstance(made.copy(HTTPResponse), HTTPResponse)
    with pytest.raises(TypeError):
        made.copy(dict)  # type: ignore[arg-type]  # refused on purpose


def cookies(made: BaseResponse) -> list[str]:
    return [value for name, value in made.headerlist if name == 'Set-Cookie']


@pytest.mark.parametrize(
    ('options', 'attributes'),
    [
        ({}, []),
        ({'path': '/x', 'domain': 'example.org'}, ['Path=/x', 'Domain=example.org']),
        ({'max_age': 5}, ['Max-Age=5']),
        ({'maxage': timedelta(minutes=1)}, ['Max-Age=60']),
        ({'expires': 0}, ['Expires=Thu, 01 Jan 1970 00:00:00 GMT']),
        ({'secure': True, 'httponly': True, 'samesite': 'lax'}, ['Secure', 'HttpOnly', 'SameSite=lax']),
    ],
)
def test_cookie_attributes(options: dict[str, Any], attributes: list[str]) -> None:
    made = Response()
    made.set_cookie('name', 'value', **options)
    assert [part.lower() for part in cookies(made)[0].split('; ')] == [
        'name=value',
        *(attribute.lower() for attribute in attributes),
    ]


def test_cookies_of_one_name_replace_each_other() -> None:
    made = Response()
    for name, value in [('a', '1'), ('b', '2'), ('a', '3')]:
        made.set_cookie(name, value)
    assert cookies(made) == ['a=3', 'b=2']
    made.delete_cookie('a', path='/p')
    assert cookies(made)[0].lower().startswith('a=; path=/p; max-age=-1; expires=thu, 01 jan 1970')


def test_signed_cookie() -> None:
    made = Response()
    made.set_cookie('name', 'välue', secret='key')
    [(name, value)] = parse_cookies(cookies(made)[0])
    assert (name, unsign_cookie('name', value, 'key')) == ('name', 'välue')
    assert unsign_cookie('other', value, 'key') is None
    assert unsign_cookie('name', value, 'wrong') is None


@pytest.mark.parametrize(
    ('name', 'value', 'options', 'error'),
    [
        ('a', 5, {}, TypeError),
        ('a', ['list'], {'secret': 'key'}, TypeError),
        ('a', 'x' * 5000, {}, ValueError),
        ('a;b', 'x', {}, ValueError),
        ('a', 'x\r\ny', {}, ValueError),
        ('a', 'x', {'path': '/;x'}, ValueError),
        ('a', 'x', {'unknown': 1}, TypeError),
        ('a', 'x', {'samesite': 'maybe'}, ValueError),
    ],
)
def test_bad_cookies_are_refused(name: str, value: Any, options: dict[str, Any], error: type[Exception]) -> None:
    made = Response()
    with pytest.raises(error):
        made.set_cookie(name, value, **options)
    assert cookies(made) == []


def test_repr_and_str() -> None:
    assert repr(Response(x_a='b')) == 'X-A: b\nContent-Type: text/html; charset=UTF-8\n'
    assert str(HTTPError(404, 'text')) == "(404, 'text')"


def test_close_closes_the_body() -> None:
    closed = []

    class Body:
        def close(self) -> None:
            closed.append(True)

    Response(Body()).close()
    Response('text').close()
    assert closed == [True]


# The proxy


def in_new_thread(function: Any) -> list[Any]:
    """Run a function where nothing has been bound yet."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(function())
        except RuntimeError as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results


def test_proxy_outside_of_a_request_says_so() -> None:
    [error] = in_new_thread(lambda: response.status)
    assert isinstance(error, RuntimeError)
    assert 'while a request is handled' in str(error)


def test_bind_begins_anew() -> None:
    def use() -> Any:
        response.bind()
        response.set_header('X-A', 'b')
        response.set_cookie('a', 'b')
        response.bind('body', 404, x_c='d')
        return response.body, response.status_code, response.headerlist

    assert in_new_thread(use) == [('body', 404, [('X-C', 'd'), DEFAULT_TYPE])]


def test_each_thread_has_its_own() -> None:
    def use() -> Any:
        response.bind()
        return response.status_code

    def outer() -> Any:
        LocalResponse(status=201)
        return response.status_code, in_new_thread(use), response.status_code

    assert in_new_thread(outer) == [(201, [200], 201)]


# Raised responses


def test_abort() -> None:
    with pytest.raises(HTTPError) as caught:
        abort(402, 'Pay')
    assert (caught.value.status_code, caught.value.body) == (402, 'Pay')


def test_apply_copies() -> None:
    source, target = HTTPResponse('body', 201, X_A='b'), Response(x_old='1')
    source.set_cookie('a', 'b')
    source.apply(target)
    assert (target.body, target.status, target.headerlist) == ('body', '201 Created', source.headerlist)
    target.set_cookie('c', 'd')
    target.headers['X-New'] = '1'
    assert cookies(source) == ['a=b']
    assert 'X-New' not in source


def test_error_page_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    request.bind({'SCRIPT_NAME': '/"<s>', 'PATH_INFO': '/<p>'})
    error = HTTPError('404 <b>&', '<script>', exception=ValueError('<i>'), traceback='<t>')
    page = error_page(error)
    for text in ('404 &lt;b&gt;&amp;', '&lt;script&gt;', '/&quot;&lt;s&gt;/&lt;p&gt;'):
        assert text in page
    assert 'ValueError' not in page
    monkeypatch.setattr(settings, 'debug', True)
    page = error_page(error)
    assert 'ValueError(&#039;&lt;i&gt;&#039;)' in page
    assert '&lt;t&gt;' in page
    assert not [tag for tag in ('<b>', '<script>', '<s>', '<i>', '<t>') if tag in page]


def test_error_page_template_is_a_template() -> None:
    error = HTTPError(404, '<x>')
    assert bottle.template(bottle.ERROR_PAGE_TEMPLATE, e=error) == error_page(error)


def test_error_without_a_request_has_a_page() -> None:
    assert in_new_thread(lambda: (current.get(None), '404' in error_page(HTTPError(404, 'x')))) == [(None, True)]
