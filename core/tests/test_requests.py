"""The request: what is read from the environ, when it is forgotten, and what is refused."""

import asyncio
import copy
import io
import json
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle import bodies
from bottle._context import RequestContext, current
from bottle.cookies import sign_cookie
from bottle.requests import BaseRequest, LocalRequest, Request, request
from bottle.responses import HTTPError
from bottle.uploads import FileUpload


def make(body: bytes | None = None, **environ: Any) -> BaseRequest:
    """Return a request; a double underscore in a name stands for a dot."""
    base: dict[str, Any] = {'REQUEST_METHOD': 'GET'}
    if body is not None:
        base |= {'REQUEST_METHOD': 'POST', 'wsgi.input': io.BytesIO(body), 'CONTENT_LENGTH': str(len(body))}
    return BaseRequest(base | {name.replace('__', '.'): value for name, value in environ.items()})


def status_of(function: Any, *arguments: Any) -> Any:
    with pytest.raises(HTTPError) as caught:
        function(*arguments)
    return caught.value.status_code


# The request line


@pytest.mark.parametrize(
    ('path', 'expected'),
    [('', '/'), ('x', '/x'), ('x/', '/x/'), ('/x', '/x'), ('/x/', '/x/'), ('//x', '/x'), ('/ü', '/ü')],
)
def test_path(path: Any, expected: Any) -> None:
    assert make(PATH_INFO=path).path == expected
    assert make().path == '/'


@pytest.mark.parametrize(
    ('name', 'expected'), [('', '/'), ('/', '/'), ('a', '/a/'), ('/a/b/', '/a/b/'), ('/\xc3\xbc', '/ü/')]
)
def test_script_name(name: Any, expected: Any) -> None:
    assert make(SCRIPT_NAME=name).script_name == expected


def test_method_and_query_string() -> None:
    assert (make(REQUEST_METHOD='get').method, BaseRequest().method) == ('GET', 'GET')
    assert (make(QUERY_STRING='a=%20').query_string, make().query_string) == ('a=%20', '')


@pytest.mark.parametrize(
    ('environ', 'expected'),
    [
        ({}, 'http://127.0.0.1/'),
        ({'HTTP_HOST': 'example.com:81'}, 'http://example.com:81/'),
        ({'SERVER_NAME': 's', 'SERVER_PORT': '80'}, 'http://s/'),
        ({'SERVER_NAME': 's', 'SERVER_PORT': '80', 'wsgi.url_scheme': 'https'}, 'https://s:80/'),
        ({'SERVER_NAME': 's', 'SERVER_PORT': 443, 'wsgi.url_scheme': 'https'}, 'https://s/'),
        ({'HTTP_HOST': '', 'SERVER_NAME': 's'}, 'http://s/'),
        (
            {'HTTP_HOST': 'h', 'SCRIPT_NAME': '/s p', 'PATH_INFO': '/pa th', 'QUERY_STRING': 'a=b b'},
            'http://h/s%20p/pa%20th?a=b b',
        ),
        ({'HTTP_HOST': 'h', 'PATH_INFO': '/ü\udcff%?#'}, 'http://h/%C3%BC%FF%25%3F%23'),
        ({'HTTP_HOST': 'h', 'PATH_INFO': '/http://evil/../x'}, 'http://h/http%3A//evil/../x'),
        ({'HTTP_HOST': 'h', 'HTTP_X_FORWARDED_HOST': 'evil', 'HTTP_X_FORWARDED_PROTO': 'https'}, 'http://h/'),
    ],
)
def test_url(environ: Any, expected: Any) -> None:
    assert BaseRequest(environ).url == BaseRequest(environ).urlparts.geturl() == expected


def test_fullpath_and_path_shift() -> None:
    shifted = make(SCRIPT_NAME='/s', PATH_INFO='/ü/b/')
    assert (shifted.fullpath, shifted.url) == ('/s/ü/b/', 'http://127.0.0.1/s/%C3%BC/b/')
    shifted.path_shift()
    assert (shifted.script_name, shifted.path, shifted.fullpath) == ('/s/ü/', '/b/', '/s/ü/b/')
    shifted.path_shift(-2)
    assert (shifted.script_name, shifted.path) == ('/', '/s/ü/b/')
    with pytest.raises(AssertionError, match='SCRIPT_NAME'):
        shifted.path_shift(-1)


# Header fields


def test_headers() -> None:
    one = make(HTTP_X_Y='1', CONTENT_TYPE='Text/HTML; Charset=X')
    assert one.headers['x-y'] == one.get_header('X-Y') == '1'
    assert one.get_header('nope', 'default') == 'default'
    assert (one.content_type, make().content_type) == ('text/html; charset=x', '')


@pytest.mark.parametrize(
    ('environ', 'expected'),
    [
        ({'HTTP_AUTHORIZATION': 'Basic dXNlcjpwYXNz'}, ('user', 'pass')),
        ({'HTTP_AUTHORIZATION': 'Basic dXNlcjpwYXNz', 'REMOTE_USER': 'x'}, ('user', 'pass')),
        ({'HTTP_AUTHORIZATION': 'Bearer x', 'REMOTE_USER': 'x'}, ('x', None)),
        ({}, None),
    ],
)
def test_auth(environ: Any, expected: Any) -> None:
    assert make(**environ).auth == expected


def test_nobody_is_believed_about_the_address() -> None:
    one = make(HTTP_X_FORWARDED_FOR='1.2.3.4, 5.6.7.8', HTTP_FORWARDED='for=9.9.9.9', REMOTE_ADDR='10.0.0.1')
    assert (one.remote_addr, one.remote_route) == ('10.0.0.1', ['10.0.0.1'])
    assert (make().remote_addr, make().remote_route) == (None, [])


def test_scripts_announce_themselves() -> None:
    one = make(HTTP_X_REQUESTED_WITH='xmlHttpRequest')
    assert one.is_xhr
    assert one.is_ajax
    assert not make().is_xhr


def test_cookies() -> None:
    one = make(HTTP_COOKIE='a=1; b="x y"; u=\xc3\xbc; =nameless; e=')
    assert one.cookies.dict == {'a': ['1'], 'b': ['x y'], 'u': ['ü'], 'e': ['']}
    assert (one.get_cookie('u'), one.get_cookie('nope', 'default'), one.get_cookie('e', 'default')) == (
        'ü',
        'default',
        'default',
    )


@pytest.mark.parametrize(('key', 'expected'), [('secret', 'ü'), ('other', 'default'), (None, None)])
def test_signed_cookies(key: Any, expected: Any) -> None:
    signed = sign_cookie('a', 'ü', 'secret')
    one = make(HTTP_COOKIE=f'a={signed}; plain=x')
    assert one.get_cookie('a', 'default', secret=key) == (expected or signed)
    assert one.get_cookie('plain', secret='secret') is None
    assert one.get_cookie('nope', secret='secret') is None


# Fields


def test_query() -> None:
    one = make(QUERY_STRING='a=1&a=2&u=%C3%BC&bad=%ff')
    assert one.query.dict == {'a': ['1', '2'], 'u': ['ü'], 'bad': ['\udcff']}
    assert one.GET is one.query
    assert one.query.u == 'ü'


@pytest.mark.parametrize('content_type', ['application/x-www-form-urlencoded', '', 'text/plain'])
def test_forms(content_type: Any) -> None:
    one = make(b'a=1&b=%C3%BC&a=2', CONTENT_TYPE=content_type, QUERY_STRING='a=0')
    assert one.forms.dict == one.POST.dict == {'a': ['1', '2'], 'b': ['ü']}
    assert one.files.dict == {}
    assert one.params.dict == {'a': ['0', '1', '2'], 'b': ['ü']}
    assert one.body.read() == b'a=1&b=%C3%BC&a=2'


MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xc3\xbc\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\ncontent\r\n--B--\r\n'
)


def test_multipart() -> None:
    one = make(MULTIPART, CONTENT_TYPE='Multipart/form-data; boundary=B', QUERY_STRING='q=1')
    assert one.forms.dict == {'text': ['ü']}
    assert one.params.dict == {'q': ['1'], 'text': ['ü']}
    assert list(one.files) == ['file']
    assert isinstance(one.files['file'], FileUpload)
    assert one.files['file'].file.read() == b'content'
    assert list(one.POST) == ['text', 'file']
    assert one.body.read() == MULTIPART


@pytest.mark.parametrize(
    ('body', 'content_type', 'status'),
    [
        (MULTIPART, 'multipart/form-data', 400),
        (MULTIPART[:-4], 'multipart/form-data; boundary=B', 400),
        (b'', 'multipart/form-data; boundary=B', 400),
        (b'a=' + b'x' * 102400, 'application/x-www-form-urlencoded', 413),
        (MULTIPART.replace(b'\xc3\xbc', b'x' * 102401), 'multipart/form-data; boundary=B', 413),
    ],
)
@pytest.mark.parametrize('attribute', ['forms', 'files', 'POST', 'params'])
def test_bad_forms(body: Any, content_type: Any, status: Any, attribute: Any) -> None:
    assert status_of(getattr, make(body, CONTENT_TYPE=content_type), attribute) == status


def test_limits_are_class_attributes() -> None:
    class Small(BaseRequest):
        FORM_PARTS_MAX = 1
        BODY_MAX = 1000

    environ = make(MULTIPART, CONTENT_TYPE='multipart/form-data; boundary=B').environ
    assert status_of(lambda: Small(environ).forms) == 413
    assert status_of(lambda: Small(make(b'x' * 1001).environ).body) == 413


# JSON


@pytest.mark.parametrize(
    ('content_type', 'body', 'expected'),
    [
        ('application/json', b'{"\xc3\xbc": [1]}', {'ü': [1]}),
        ('Application/JSON ; charset=utf-8', b'[]', []),
        ('application/json-rpc', b'1', 1),
        ('application/json', b'', None),
        ('text/json', b'1', None),
        ('text/plain;application/json', b'1', None),
        ('', b'1', None),
    ],
)
def test_json(content_type: Any, body: Any, expected: Any) -> None:
    assert make(body, CONTENT_TYPE=content_type).json == expected


@pytest.mark.parametrize(
    ('body', 'status'),
    [
        (b'{', 400),
        (b'\xff', 400),
        (b'1 2', 400),
        (b'[' * 100000, 400),
        (b'{"a":' * 20000, 400),
        (b'1' * 5000, 400),
        (b'1' * 102401, 413),
    ],
)
def test_bad_json(body: Any, status: Any) -> None:
    one = make(body, CONTENT_TYPE='application/json')
    assert status_of(lambda: one.json) == status


def test_too_long_json_is_not_read() -> None:
    one = make(CONTENT_TYPE='application/json', CONTENT_LENGTH='102401', wsgi__input=None)
    assert status_of(lambda: one.json) == 413


def test_too_long_json_in_chunks() -> None:
    raw = b'19001\r\n' + b'1' * 0x19001 + b'\r\n0\r\n\r\n'
    environ = {'CONTENT_TYPE': 'application/json', 'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input': io.BytesIO(raw)}
    assert status_of(lambda: BaseRequest(environ).json) == 413


# The body

FORMS: dict[str, dict[str, Any]] = {
    'declared': {'CONTENT_LENGTH': '3', 'input': b'abcREST'},
    'declared, terminated': {'CONTENT_LENGTH': '3', 'input': b'abc', 'wsgi.input_terminated': True},
    'raw chunks': {'HTTP_TRANSFER_ENCODING': 'Chunked', 'input': b'1\r\na\r\n2\r\nbc\r\n0\r\n\r\nREST'},
    'raw chunks, empty length': {
        'HTTP_TRANSFER_ENCODING': 'chunked',
        'CONTENT_LENGTH': '',
        'input': b'3\r\nabc\r\n0\r\n\r\n',
    },
    'decoded chunks': {'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input_terminated': True, 'input': b'abc'},
    'decoded chunks, with length': {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': '3', 'input': b'abc'},
    'HTTP/2 without length': {'wsgi.input_terminated': True, 'input': b'abc'},
}


@pytest.mark.parametrize('form', FORMS)
def test_a_body_is_decoded_exactly_once(form: Any) -> None:
    environ = {**FORMS[form]}
    one = BaseRequest({**environ, 'wsgi.input': io.BytesIO(environ.pop('input'))})
    assert [one.body.read(), one.body.read(1), one.body.read()] == [b'abc', b'a', b'abc']
    # A mounted application with a framework of its own reads the same environ.
    inner = {key: value for key, value in one.environ.items() if not key.startswith('bottle.')}
    inner['wsgi.input'].seek(0)
    assert BaseRequest(inner).body.read() == b'abc'


@pytest.mark.parametrize(
    'environ', [{}, {'wsgi.input': io.BytesIO(b'x')}, {'CONTENT_LENGTH': '0'}, {'CONTENT_LENGTH': '5'}]
)
def test_no_body(environ: Any) -> None:
    assert BaseRequest(environ).body.read() == b''


@pytest.mark.parametrize('length', ['-1', 'abc', '+5', '5_0', ' 5', '0x5', '5.0', '²', '٣'])
def test_a_length_is_a_number(length: Any) -> None:
    one = make(b'x', CONTENT_LENGTH=length)
    assert status_of(lambda: one.content_length) == 400
    assert status_of(lambda: one.body) == 400
    assert status_of(lambda: one.forms) == 400


@pytest.mark.parametrize(('length', 'expected'), [('', -1), ('0', 0), ('007', 7)])
def test_content_length(length: Any, expected: Any) -> None:
    assert make(CONTENT_LENGTH=length).content_length == expected
    assert make().content_length == -1


class Failing(io.BytesIO):
    """A stream as servers give it: it raises when the client is gone or when the chunks make no sense."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: Any = -1) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ('environ', 'status'),
    [
        ({'CONTENT_LENGTH': '4', 'wsgi.input': io.BytesIO(b'abc')}, 400),
        ({'CONTENT_LENGTH': '9' * 19, 'wsgi.input': io.BytesIO(b'abc')}, 413),
        ({'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input': io.BytesIO(b'0x3\r\nabc\r\n0\r\n\r\n')}, 400),
        ({'HTTP_TRANSFER_ENCODING': 'gzip, chunked', 'wsgi.input': io.BytesIO(b'0\r\n\r\n')}, 501),
        ({'CONTENT_LENGTH': '4', 'wsgi.input': Failing(ConnectionResetError('the client left'))}, 400),
        ({'CONTENT_LENGTH': '999999', 'wsgi.input': Failing(TimeoutError('the client is silent'))}, 400),
        ({'wsgi.input_terminated': True, 'wsgi.input': Failing(OSError('bad chunk'))}, 400),
        ({'wsgi.input_terminated': True, 'wsgi.input': Failing(ValueError('bad chunk'))}, 400),
        ({'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input': Failing(EOFError())}, 400),
    ],
)
def test_a_bad_body_stays_bad(environ: Any, status: Any) -> None:
    one = BaseRequest(environ)
    assert [status_of(lambda: one.body) for _ in range(2)] == [status, status]


def test_after_a_malformed_chunk_the_rest_is_not_a_body() -> None:
    stream = io.BytesIO(b'1\r\naX\r\n3\r\nabc\r\n0\r\n\r\n')
    one = BaseRequest({'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input': stream})
    assert status_of(lambda: one.body) == status_of(lambda: one.body) == 400
    one['wsgi.input'] = io.BytesIO(b'3\r\nabc\r\n0\r\n\r\n')
    assert one.body.read() == b'abc'


def test_large_bodies_move_to_disk_up_to_a_limit(monkeypatch: Any) -> None:
    monkeypatch.setattr(BaseRequest, 'MEMFILE_MAX', 10)
    assert isinstance(make(b'x' * 10).body, io.BytesIO)
    large = make(b'x' * 11).body
    assert not isinstance(large, io.BytesIO)
    assert large.read() == b'x' * 11
    monkeypatch.setattr(BaseRequest, 'BODY_MAX', 11)
    assert make(b'x' * 11).body.read() == b'x' * 11
    assert status_of(lambda: make(b'x' * 12).body) == 413
    raw = b'6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n'
    assert (
        status_of(lambda: BaseRequest({'HTTP_TRANSFER_ENCODING': 'chunked', 'wsgi.input': io.BytesIO(raw)}).body) == 413
    )


@pytest.mark.parametrize('code', [28, 27, 5])
def test_a_full_disk(monkeypatch: Any, code: Any) -> None:
    class Broken(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(code, 'No space left on device')

    monkeypatch.setattr(bodies, '_temporary_file', Broken)
    one = make(b'x' * 200000)
    if code in (28, 27):
        assert status_of(lambda: one.body) == 507
    else:
        with pytest.raises(OSError, match='No space'):
            _ = one.body


@pytest.mark.parametrize('code', [28, 5])
def test_a_disk_that_fills_up_with_uploads(monkeypatch: Any, code: int) -> None:
    def fail(self: Any, data: bytes) -> None:
        raise OSError(code, 'No space left on device')

    monkeypatch.setattr(bodies.Spool, 'write', fail)
    large = b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b'x' * 200000 + b'\r\n--B--\r\n'
    one = make(large, CONTENT_TYPE='multipart/form-data; boundary=B')
    if code == 28:
        assert status_of(lambda: one.files) == 507
    else:
        with pytest.raises(OSError, match='No space'):
            _ = one.files


class Slow(io.BytesIO):
    """Hands out one byte at a time, whatever it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1)


def test_short_reads_are_continued() -> None:
    assert make(wsgi__input=Slow(b'abcdef'), CONTENT_LENGTH='5').body.read() == b'abcde'
    assert status_of(lambda: make(wsgi__input=Slow(b'abc'), CONTENT_LENGTH='5').body) == 400


@given(st.binary(max_size=60), st.text('0123456789abcdef\r\n-+', max_size=5))
def test_no_body_raises_anything_but_http_errors(data: Any, length: Any) -> None:
    for environ in ({'CONTENT_LENGTH': length}, {'HTTP_TRANSFER_ENCODING': 'chunked'}):
        with suppress(HTTPError):
            BaseRequest({**environ, 'wsgi.input': io.BytesIO(data)}).body.read()


# Caches and the mapping


def test_values_are_computed_once() -> None:
    one = make(b'a=1', QUERY_STRING='a=1', HTTP_COOKIE='a=1')
    for name in ('query', 'forms', 'files', 'params', 'POST', 'cookies', 'headers', 'urlparts'):
        assert getattr(one, name) is getattr(one, name)
        assert getattr(BaseRequest(one.environ), name) is getattr(one, name)


@pytest.mark.parametrize(
    ('key', 'value', 'attribute', 'expected'),
    [
        ('QUERY_STRING', 'a=2', 'query', {'a': ['2']}),
        ('QUERY_STRING', 'a=2', 'params', {'a': ['2', 'form']}),
        ('HTTP_COOKIE', 'a=2', 'cookies', {'a': ['2']}),
        ('wsgi.input', io.BytesIO(b'b=other!'), 'forms', {'b': ['other!']}),
        ('wsgi.input', io.BytesIO(b'b=other!'), 'params', {'a': ['1'], 'b': ['other!']}),
    ],
)
def test_setting_a_key_forgets_what_came_from_it(key: Any, value: Any, attribute: Any, expected: Any) -> None:
    one = make(b'a=form&c', QUERY_STRING='a=1', HTTP_COOKIE='a=1')
    one['wsgi.input'] = io.BytesIO(b'a=form&&')
    assert getattr(one, attribute).dict != expected
    one[key] = value
    assert getattr(one, attribute).dict == expected


@pytest.mark.parametrize('key', ['HTTP_HOST', 'PATH_INFO', 'SCRIPT_NAME', 'QUERY_STRING', 'SERVER_NAME'])
def test_setting_a_part_of_the_url_changes_it(key: Any) -> None:
    one = make()
    before = one.url
    one[key] = 'changed'
    assert one.url != before


def test_a_request_is_a_mapping() -> None:
    one = make(HTTP_X='1')
    assert (one['HTTP_X'], one.get('HTTP_X'), one.get('nope', 2)) == ('1', '1', 2)
    assert list(one) == list(one.keys()) == list(one.environ)
    assert len(one) == len(one.environ)
    assert bool(BaseRequest({}))
    del one['HTTP_X']
    assert one.get('HTTP_X') is None


def test_an_environ_can_be_read_only() -> None:
    one = make(bottle__request__readonly=True)
    with pytest.raises(KeyError, match='read-only'):
        one['HTTP_X'] = '1'


def test_a_copy_is_independent() -> None:
    one = make(HTTP_X='1')
    assert one.headers['x'] == '1'
    other = one.copy()
    other['HTTP_X'] = '2'
    assert (one.headers['x'], other.headers['x'], type(other)) == ('1', '2', BaseRequest)
    assert other['bottle.request'] is other


@pytest.mark.parametrize(
    ('key', 'name'), [('bottle.app', 'app'), ('bottle.route', 'route'), ('route.url_args', 'url_args')]
)
def test_what_the_application_adds(key: Any, name: Any) -> None:
    with pytest.raises(RuntimeError, match='not connected'):
        getattr(make(), name)
    one = BaseRequest({key: 'value'})
    assert getattr(one, name) == 'value'


def test_repr() -> None:
    assert repr(make(PATH_INFO='/x', HTTP_HOST='h')) == '<BaseRequest: GET http://h/x>'
    assert Request is BaseRequest


# Attributes of applications


def test_attributes_are_kept_in_the_environ_and_set_once() -> None:
    one = make()
    one.user = 'me'
    assert one.user == BaseRequest(one.environ).user == one.environ['bottle.request.ext.user'] == 'me'
    with pytest.raises(AttributeError, match='already defined'):
        one.user = 'you'
    del one.user
    for fail in (lambda: one.user, lambda: delattr(one, 'user')):
        with pytest.raises(AttributeError, match=r'not defined'):
            fail()


@pytest.mark.parametrize('name', ['path', 'query', 'json', 'copy', 'MEMFILE_MAX', '_body'])
def test_what_a_request_has_cannot_be_replaced(name: Any) -> None:
    with pytest.raises(AttributeError, match='already defined'):
        setattr(make(), name, 1)


def test_functions_become_methods() -> None:
    one = make(PATH_INFO='/x')
    one.shout = lambda self: self.path.upper()
    assert one.shout() == '/X'


def test_the_environ_can_be_replaced_and_the_request_copied() -> None:
    one = make()
    one.environ = {'PATH_INFO': '/other'}
    assert one.path == '/other'
    assert copy.copy(one).path == '/other'


# The proxy


def test_outside_of_a_request() -> None:
    def outside() -> Any:
        with pytest.raises(RuntimeError, match='handled'):
            _ = request.path
        with pytest.raises(AttributeError):
            _ = request.__wrapped__
        results.append(repr(request))

    results: list[str] = []
    thread = threading.Thread(target=outside)
    thread.start()
    thread.join()
    assert results == ['<LocalRequest: no request>']


def test_each_thread_has_its_own_request() -> None:
    barrier = threading.Barrier(8)
    seen: dict[int, Any] = {}

    def handle(number: Any) -> Any:
        request.bind({'PATH_INFO': f'/{number}'})
        barrier.wait()
        request.number = number
        barrier.wait()
        seen[number] = (request.path, request.number)

    threads = [threading.Thread(target=handle, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {number: (f'/{number}', number) for number in range(8)}


def test_each_task_has_its_own_request() -> None:
    async def handle(number: int) -> str:
        request.bind({'PATH_INFO': f'/{number}'})
        await asyncio.sleep(0)
        return request.path

    async def main() -> list[str]:
        return await asyncio.gather(*(handle(number) for number in range(8)))

    assert asyncio.run(main()) == [f'/{number}' for number in range(8)]


def test_bind_and_environ() -> None:
    local = LocalRequest({'PATH_INFO': '/a'})
    assert (local.path, request.path, request.environ['bottle.request']) == ('/a', '/a', local)
    request.environ = {'PATH_INFO': '/b'}
    assert local.path == '/b'
    assert repr(local) == '<LocalRequest: GET http://127.0.0.1/b>'
    request.bind()
    assert (request.path, list(request)) == ('/', ['bottle.request'])
    current.set(RequestContext({'PATH_INFO': '/c'}))
    assert request.path == '/c'


# Speed


@pytest.mark.parametrize(
    ('key', 'unit', 'attribute'),
    [
        ('HTTP_COOKIE', 'a="', 'cookies'),
        ('HTTP_COOKIE', '\\0', 'cookies'),
        ('HTTP_COOKIE', ';=', 'cookies'),
        ('QUERY_STRING', '%', 'query'),
        ('QUERY_STRING', '&=%f', 'query'),
        ('HTTP_AUTHORIZATION', 'Basic :', 'auth'),
        ('CONTENT_TYPE', 'application/json;', 'json'),
        ('CONTENT_TYPE', 'multipart/form-data; boundary="\\', 'json'),
    ],
)
def test_hostile_fields_take_little_time(key: Any, unit: Any, attribute: Any) -> None:
    def seconds() -> float:
        one = make(b'', **{key: (unit * 50000)[:50000]})
        begin = time.process_time()
        getattr(one, attribute)
        return time.process_time() - begin

    # Measuring coverage makes everything slower.
    assert min(seconds() for _ in range(3)) < (0.5 if sys.gettrace() else 0.05)


def test_a_round_trip_of_json() -> None:
    value = {'a': [1, 2.5, None, True, 'ü']}
    assert make(json.dumps(value).encode(), CONTENT_TYPE='application/json').json == value
