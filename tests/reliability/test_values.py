"""Hosts, header fields, cookies, names and pages: what Bottle 0.13.4 lets through, and what we answer."""

import ntpath
import warnings
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bottle import HTTPError
from bottle.shortcuts import resolve_below
from tests.support.bottles import Bottles
from tests.support.wsgi import make_environ, send


def both_answers(bottles: Bottles, **request: Any) -> tuple[Any, Any]:
    """Return status code and body from the old and the new Bottle."""
    old, new = (worker.call('ask', **request).value for worker in bottles)
    return (old['code'], old['body']), (new['code'], new['body'])


@pytest.mark.parametrize('handler', ['url', 'nothing'])
@pytest.mark.parametrize('host', ['<script>', 'a b', 'a,b', 'user@a', 'a:99999', 'a/b', '[::1'])
def test_an_invalid_host_is_refused(bottles: Bottles, handler: str, host: str) -> None:
    old, new = both_answers(bottles, handler=handler, environ={'HTTP_HOST': host})
    assert (old[0], new[0]) == (200, 400)


@pytest.mark.parametrize(
    ('field', 'value', 'handler'),
    [
        ('HTTP_X_FORWARDED_HOST', 'evil.example', 'url'),
        ('HTTP_X_FORWARDED_PROTO', 'https', 'url'),
        ('HTTP_X_FORWARDED_FOR', '6.6.6.6', 'client'),
    ],
)
def test_what_a_proxy_says_is_not_believed(bottles: Bottles, field: str, value: str, handler: str) -> None:
    environ = {'REMOTE_ADDR': '10.0.0.1', 'HTTP_HOST': 'example.org'}
    old, new = both_answers(bottles, handler=handler, environ={**environ, field: value})
    assert value in old[1]
    assert new == both_answers(bottles, handler=handler, environ=environ)[1]


@pytest.mark.parametrize('name', ['a:b', 'a b', 'a\tb', '', '\u00e4', 'a\x0bb', 'a\x7f', 'a(b'])
def test_header_names_are_tokens(bottles: Bottles, name: str) -> None:
    assert bottles.old.call('header', name=name, value='v').raised is None
    assert bottles.new.call('header', name=name, value='v').raised == 'ValueError'


@pytest.mark.parametrize('function', ['header', 'response_header'])
@pytest.mark.parametrize('char', list('\x0b\x7f\x01\x1f'))
def test_header_values_hold_no_control_characters(bottles: Bottles, function: str, char: str) -> None:
    assert bottles.old.call(function, name='X-A', value=f'a{char}b').raised is None
    assert bottles.new.call(function, name='X-A', value=f'a{char}b').raised == 'ValueError'


@pytest.mark.parametrize('where', ['name', 'value'])
@pytest.mark.parametrize('char', list('\r\n\0'))
def test_header_fields_do_not_end_early(bottles: Bottles, where: str, char: str) -> None:
    field = {'name': 'X-A', 'value': 'v', where: f'a{char}b'}
    assert bottles.new.call('header', **field).raised == 'ValueError'


@pytest.mark.parametrize('option', ['path', 'domain'])
@pytest.mark.parametrize('char', list(';\x0b\x7f'))
def test_cookie_attributes_hold_no_separators(bottles: Bottles, option: str, char: str) -> None:
    # Newer releases of Python refuse some of these on behalf of the old one.
    if char == ';':
        assert bottles.old.call('cookie', **{option: 'a;b'}).value == [f'n=v; {option.title()}=a;b']
    assert bottles.new.call('cookie', **{option: f'a{char}b'}).raised == 'ValueError'


@pytest.mark.parametrize('option', ['name', 'value', 'path', 'domain', 'samesite'])
@pytest.mark.parametrize('char', list(';\r\n\0\x0b\x7f'))
def test_cookies_do_not_end_early(bottles: Bottles, option: str, char: str) -> None:
    assert bottles.new.call('cookie', **{option: f'a{char}b'}).raised == 'ValueError'


def test_no_pickle_is_loaded(bottles: Bottles) -> None:
    assert bottles.old.call('pickled_cookie').value is True
    assert bottles.new.call('pickled_cookie').value is False


def test_no_object_is_signed(bottles: Bottles) -> None:
    assert bottles.old.call('signs_objects').value is True
    assert bottles.new.call('signs_objects').raised == 'TypeError'


@pytest.mark.parametrize('header', ['=x; a=1', '; ;a=1', 'x; a=1', '=x', '='])
def test_cookies_without_a_name(bottles: Bottles, header: str) -> None:
    # 0.13 loses the good ones together with the bad one.
    old, new = both_answers(bottles, handler='cookies', environ={'HTTP_COOKIE': header})
    assert old == (200, '{"cookies": []}')
    assert new == (200, '{"cookies": [["a", "1"]]}' if 'a=1' in header else '{"cookies": []}')


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_a_static_file_whose_name_cannot_be_shown(bottles: Bottles, method: str) -> None:
    request = {'handler': 'static', 'method': method, 'path': '/\udcff'}
    assert bottles.old.call('ask', **request).raised == 'UnicodeEncodeError'
    assert bottles.new.call('ask', **request).value['code'] == 404
    assert bottles.new.call('ask', **{**request, 'path': '/\xff'}).value['code'] == 404


def test_a_link_out_of_the_root(bottles: Bottles) -> None:
    old, new = both_answers(bottles, handler='static', path='/link')
    assert old == (200, 'secret')
    assert new[0] == 403


@pytest.mark.parametrize('name', ['CON', 'con.txt', 'COM1', 'aux.', 'LPT\u00b9'])
def test_the_name_of_an_upload_is_no_device(bottles: Bottles, name: str) -> None:
    stem = name.partition('.')[0].replace('\u00b9', '1')
    assert bottles.old.call('upload_name', name=name).value.partition('.')[0] == stem
    assert bottles.new.call('upload_name', name=name).value.partition('.')[0] == f'_{stem}'


@pytest.mark.parametrize(
    'name', ['..\\x', '../x', 'C:x', 'C:\\x', 'a:b', 'x...', '..', '\\\\host\\share\\x', 'x\0y', '.', '']
)
def test_the_name_of_an_upload_is_one_plain_name(bottles: Bottles, name: str) -> None:
    safe = bottles.new.call('upload_name', name=name).value
    assert safe == ntpath.basename(safe) == safe.strip('. ')
    assert not set(safe) & set(':/\\\0')


@pytest.mark.parametrize('name', ['CON', 'sub/con.txt', '..\\x', 'C:x', 'a:b', 'a.txt.', 'a.txt ', 'a.txt::$DATA'])
def test_a_path_that_windows_takes_for_another_one(name: str) -> None:
    with pytest.raises(HTTPError) as caught:
        resolve_below(name, 'C:\\root', ntpath)
    assert caught.value.status_code in {403, 404}


# What 0.13.4 does right already, and must stay so


def test_a_semicolon_does_not_end_a_value(bottles: Bottles) -> None:
    old, new = both_answers(bottles, handler='query', environ={'QUERY_STRING': 'a=1;b=2&c=3'})
    assert old == new == (200, '{"query": [["a", "1;b=2"], ["c", "3"]]}')


@pytest.mark.parametrize('kind', ['text/plain;application/json', 'application/jsonp', 'x-application/json'])
def test_what_only_mentions_json_is_not_json(bottles: Bottles, kind: str) -> None:
    old, new = both_answers(bottles, handler='json', body='{"a": 1}', environ={'CONTENT_TYPE': kind})
    assert old == new == (200, '{"json": null}')


@pytest.mark.parametrize('place', ['PATH_INFO', 'SCRIPT_NAME', 'QUERY_STRING', 'HTTP_REFERER'])
def test_pages_for_debugging_escape(bottles: Bottles, place: str) -> None:
    request = {'handler': 'crash', 'environ': {place: '/<script>alert(1)</script>'}, 'debug': True}
    code, body = both_answers(bottles, **request)[1]
    assert (code, '<script>' in body, 'ValueError' in body) == (500, False, True)


# Nothing that comes in makes an exception come out

KEYS = [
    'PATH_INFO',
    'SCRIPT_NAME',
    'QUERY_STRING',
    'CONTENT_TYPE',
    'CONTENT_LENGTH',
    'HTTP_HOST',
    'HTTP_COOKIE',
    'HTTP_RANGE',
]
KEYS += [
    'HTTP_AUTHORIZATION',
    'HTTP_IF_MODIFIED_SINCE',
    'HTTP_IF_NONE_MATCH',
    'HTTP_TRANSFER_ENCODING',
    'SERVER_PROTOCOL',
]
ROUTES = [
    '/about',
    '/form',
    '/json',
    '/cookies',
    '/static/a.txt',
    '/redirect',
    '/headers',
    '/template',
    '/foreign/x',
    '/auth',
    '/',
]
NATIVE = st.text(st.characters(max_codepoint=255), max_size=20)
HOSTILE = st.one_of(
    NATIVE, st.text(max_size=10), st.sampled_from(['chunked', 'multipart/form-data; boundary=b', '5', 'bytes=0-'])
)


@pytest.fixture(scope='module')
def app() -> Any:
    """Return the application of the differential test, which uses the old syntax of rules, too."""
    with warnings.catch_warnings(action='ignore', category=DeprecationWarning):
        return import_module('tests.differential.application').app


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    method=st.sampled_from(['GET', 'POST', 'HEAD', 'PUT', 'x', '', '\xff']),
    path=st.sampled_from(ROUTES),
    fields=st.dictionaries(st.sampled_from(KEYS), HOSTILE, max_size=4),
    body=st.binary(max_size=40),
)
def test_no_request_makes_an_exception_come_out(
    app: Any, method: str, path: str, fields: dict[str, str], body: bytes
) -> None:
    environ = {**make_environ('/', method, body), 'PATH_INFO': path, **fields}
    answer = send(app, environ)
    assert 100 <= answer.code <= 999
    assert all(ord(char) < 256 for _name, value in answer.headers for char in value)
