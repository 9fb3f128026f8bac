"""Applications: from a request to its response, errors, hooks, the default application."""

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bottle
from bottle import Bottle, HTTPError, HTTPResponse, RouteBuildError, _util, abort, redirect, request, response
from tests.support.requirements import require_module
from tests.support.wsgi import Answer, call, make_environ, send

HTML = 'text/html; charset=UTF-8'


def app_for(handler: Callable[[], Any], **options: Any) -> Bottle:
    app = Bottle(**options)
    app.route('/', callback=handler)
    return app


def raiser(error: BaseException) -> Callable[..., Any]:
    def handler(*_args: Any) -> None:
        raise error

    return handler


class Body:
    """An iterable that counts how often it is closed."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        piece = next(self.pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self) -> None:
        self.closed += 1


# What handlers return


@pytest.mark.parametrize(
    ('result', 'body', 'length'),
    [
        ('text', b'text', '4'),
        ('ä€', 'ä€'.encode(), '5'),
        (b'bytes', b'bytes', '5'),
        ('', b'', '0'),
        (b'', b'', '0'),
        (None, b'', '0'),
        (False, b'', '0'),
        ([], b'', '0'),
        (['a', 'ä'], 'aä'.encode(), '3'),
        ((b'a', b'b'), b'ab', '2'),
        (['a', b'b'], b'ab', '2'),
        (iter(['', 'a', '', 'ä', b'b']), 'aäb'.encode(), None),
        (iter([]), b'', '0'),
        (iter(['', b'']), b'', '0'),
        (io.BytesIO(b'file'), b'file', None),
        (HTTPResponse('x'), b'x', '1'),
        (iter([HTTPResponse('y')]), b'y', '1'),
        (HTTPResponse(HTTPResponse('z')), b'z', '1'),
    ],
)
def test_results(result: Any, body: bytes, length: str | None) -> None:
    answer = call(app_for(lambda: result))
    assert (answer.status, answer.body, answer.header('Content-Length')) == ('200 OK', body, length)
    assert answer.header('Content-Type') == HTML


@pytest.mark.parametrize('result', [5, object(), True, iter([5]), [1, 2]])
def test_unsupported_results_are_an_error(result: Any) -> None:
    assert call(app_for(lambda: result)).code == 500


def test_generator_reaches_request_and_response() -> None:
    def handler() -> Iterator[str]:
        response.set_header('X-A', 'b')
        yield request.path
        yield request.method

    answer = call(app_for(handler))
    assert (answer.header('X-A'), answer.body) == ('b', b'/GET')


def test_charset_of_the_response_is_used() -> None:
    def handler() -> Any:
        response.content_type = 'text/plain; charset=latin1'
        return iter(['ä', 'ö']) if request.query_string else 'ä'

    app = app_for(handler)
    assert call(app).body == b'\xe4'
    assert call(app, QUERY_STRING='x').body == b'\xe4\xf6'


def test_file_goes_to_the_wrapper_of_the_server() -> None:
    wrapped = []

    def wrapper(file: Any, *_size: int) -> list[bytes]:
        wrapped.append(file)
        return [b'wrap', b'ped']

    file = io.BytesIO(b'file')
    answer = send(app_for(lambda: file), make_environ() | {'wsgi.file_wrapper': wrapper})
    assert (answer.body, wrapped, answer.header('Content-Length')) == (b'wrapped', [file], None)


def test_content_length_that_the_handler_set_stays() -> None:
    def handler() -> str:
        response.content_length = 100
        return ''

    assert call(app_for(handler), method='HEAD').header('Content-Length') == '100'


@pytest.mark.parametrize(
    ('method', 'status', 'length'), [('HEAD', 200, '4'), ('GET', 204, None), ('GET', 304, None), ('GET', 101, None)]
)
def test_responses_without_a_body(method: str, status: int, length: str | None) -> None:
    def handler() -> str:
        response.status = status
        return 'body'

    answer = call(app_for(handler), method=method)
    assert (answer.code, answer.body, answer.header('Content-Length')) == (status, b'', length)


# Closing


@pytest.mark.parametrize(
    ('pieces', 'method', 'code'),
    [
        (['a', 'b'], 'GET', 200),
        ([], 'GET', 200),
        (['a'], 'HEAD', 200),
        ([5], 'GET', 500),
        ([ValueError()], 'GET', 500),
        ([HTTPError(404, 'x')], 'GET', 404),
        ([HTTPResponse(status=201)], 'GET', 201),
    ],
)
def test_bodies_are_closed_once(pieces: list[Any], method: str, code: int) -> None:
    body = Body(*pieces)
    assert call(app_for(lambda: body), method=method).code == code
    assert body.closed == 1


class ClosableList(list[str]):
    """A list that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize('pieces', [[], ['a', 'b']])
def test_lists_that_can_be_closed_are(pieces: list[str]) -> None:
    body = ClosableList(pieces)
    assert call(app_for(lambda: body)).text == ''.join(pieces)
    assert body.closed == 1


def test_closing_twice_closes_once() -> None:
    body = Body('a')
    iterable: Any = app_for(lambda: body)(make_environ(), lambda *_: print)
    iterable.close()
    iterable.close()
    assert body.closed == 1


def test_error_after_the_first_piece_reaches_the_server() -> None:
    body = Body('a', ValueError('late'))
    with pytest.raises(ValueError, match='late'):
        send(app_for(lambda: body), make_environ())
    assert body.closed == 1


def test_body_is_closed_when_the_server_refuses_the_headers() -> None:
    body = Body('a')
    calls: list[str] = []

    def start_response(status: str, _headers: Any, _exc_info: Any = None) -> Callable[[bytes], object]:
        calls.append(status)
        if len(calls) == 1:
            raise ValueError('bad header')
        return lambda _data: None

    list(app_for(lambda: body)(make_environ(), start_response))
    assert calls == ['200 OK', '500 INTERNAL SERVER ERROR']
    assert body.closed == 1


# Errors


def test_exception_becomes_a_page_and_a_log_entry() -> None:
    answer = call(app_for(raiser(ValueError('secret'))))
    assert (answer.status, answer.header('Content-Type'), answer.exc_info) == ('500 Internal Server Error', HTML, True)
    assert 'secret' not in answer.text
    assert 'ValueError: secret' in answer.errors


def test_debug_page_shows_the_exception_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_util.settings, 'debug', True)
    answer = call(app_for(raiser(ValueError('<secret>'))))
    assert '&lt;secret&gt;' in answer.text
    assert '<secret>' not in answer.text


@pytest.mark.parametrize('error', [ValueError('x'), iter([ValueError('x')])])
def test_without_catchall_exceptions_reach_the_server(error: Any) -> None:
    app = app_for(lambda: error if hasattr(error, '__iter__') else raiser(error)(), catchall=False)
    app.route('/iter', callback=lambda: Body(ValueError('x')))
    for path in ('/iter', *(['/'] if isinstance(error, Exception) else [])):
        with pytest.raises(ValueError, match='x'):
            send(app, make_environ(path))


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize('place', ['handler', 'generator', 'hook', 'error handler'])
def test_these_always_reach_the_server(error: type[BaseException], place: str) -> None:
    app = app_for({'handler': raiser(error()), 'generator': lambda: Body(error())}.get(place, lambda: ''))
    if place == 'hook':
        app.add_hook('after_request', raiser(error()))
    if place == 'error handler':
        app.error(404, raiser(error()))
    with pytest.raises(error):
        send(app, make_environ('/missing' if place == 'error handler' else '/'))


def test_error_handlers() -> None:
    app = app_for(lambda: abort(418, 'tea'))

    @app.error(404)
    def not_found(error: HTTPError) -> dict[str, str] | str:
        response.set_header('X-Handled', 'yes')
        return f'nothing: {error.body}'

    app.error(418, callback=lambda error: iter(['no ', error.body]))
    answer = call(app, '/x')
    assert (answer.code, answer.text, answer.header('X-Handled')) == (404, "nothing: Not found: '/x'", 'yes')
    assert (call(app).code, call(app).text) == (418, 'no tea')


def test_error_handler_may_answer_with_another_response() -> None:
    app = Bottle()
    app.error(404, lambda _error: redirect('/login'))
    app.error(405, lambda _error: HTTPError(404, 'x'))
    app.route('/post', 'POST', callback=str)
    assert (call(app, '/x').code, call(app, '/x').header('Location')) == (303, 'http://example.org/login')
    assert call(app, '/post').code == 303


@pytest.mark.parametrize('broken', [raiser(ValueError('<oops>')), lambda error: error])
def test_last_resort(broken: Callable[[HTTPError], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    app = Bottle()
    app.error(404, broken)
    answer = call(app, '/<path>')
    assert (answer.status, answer.exc_info) == ('500 INTERNAL SERVER ERROR', True)
    assert answer.text == '<h1>Critical error while processing request: /&lt;path&gt;</h1>'
    assert 'Traceback' in answer.errors
    assert call(app, method='HEAD').body == b''
    monkeypatch.setattr(_util.settings, 'debug', True)
    assert '<oops>' not in call(app, '/').text
    assert 'Traceback' in call(app, '/').text


def test_header_that_cannot_be_sent_is_an_error() -> None:
    answer = call(app_for(lambda: response.set_header('X-A', 'a\r\nSet-Cookie: b=c')))
    assert answer.code == 500
    assert answer.header('Set-Cookie') is None


@pytest.mark.parametrize(
    'environ',
    [
        {'PATH_INFO': '/\xff'},
        {'PATH_INFO': '/\u1234'},
        {'PATH_INFO': ''},
        {'PATH_INFO': 'no-slash'},
        {'PATH_INFO': '/\x00\r\n<script>'},
        {'REQUEST_METHOD': ''},
        {'REQUEST_METHOD': 'get'},
        {'REQUEST_METHOD': 'B\u00c4'},
        {'wsgi.errors': None},
    ],
)
@pytest.mark.parametrize('hooks', [False, True])
def test_no_environ_lets_an_exception_out(environ: dict[str, Any], hooks: bool) -> None:
    app = Bottle()
    app.route('/<x:re:.*>', callback=lambda x: x)
    if hooks:
        app.add_hook('before_request', lambda: None)
    answer = send(app, make_environ() | environ)
    assert answer.code in {200, 404, 405, 500}
    assert all('\n' not in value for _, value in answer.headers)


@pytest.mark.parametrize('missing', ['PATH_INFO', 'REQUEST_METHOD', 'wsgi.errors', 'SERVER_NAME', 'wsgi.input'])
def test_missing_variables_let_no_exception_out(missing: str) -> None:
    environ = make_environ()
    del environ[missing]
    assert send(app_for(lambda: 'x'), environ).code == (500 if missing == 'REQUEST_METHOD' else 200)


NATIVE = st.text(st.characters(max_codepoint=0x10FFFF), max_size=20)


def echo_path(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response('200 OK', [])
    return [environ['PATH_INFO'].encode('latin-1')]


@settings(max_examples=200, deadline=None)
@given(
    path=NATIVE.map(lambda text: '/' + text),
    method=st.one_of(st.sampled_from(['GET', 'HEAD', 'POST', 'PROXY', 'ANY']), NATIVE),
    script_name=NATIVE,
)
def test_whatever_a_server_hands_over_gets_a_response(path: str, method: str, script_name: str) -> None:
    app = Bottle()
    app.route('/<x:int>', callback=lambda x: [x, request.url])
    app.route('/<x>', ['GET', 'POST'], callback=lambda x: HTTPResponse(x, X_Path=x))
    app.mount('/wsgi/', echo_path)
    answer = send(app, make_environ() | {'PATH_INFO': path, 'REQUEST_METHOD': method, 'SCRIPT_NAME': script_name})
    assert 200 <= answer.code < 600
    for name, value in answer.headers:
        assert not re.search(r'[\x00-\x08\x0a-\x1f\x7f]', name + value.encode('latin-1').decode('latin-1'))


def test_path_is_text_and_comes_back_as_it_came() -> None:
    app = Bottle()
    app.route('/<x>', callback=lambda x: [x, request.path])
    assert call(app, '/ä').text == 'ä/ä'
    assert send(app, make_environ() | {'PATH_INFO': '/\xff'}).body == b'\xff/\xff'


# Requests side by side


def slow_echo(wait: Callable[[], object]) -> Bottle:
    """Return an application that lets others run between every two of its steps."""
    app = Bottle()

    @app.route('/<x>')
    def handler(x: str) -> Iterator[str]:
        response.set_header('X-Name', x)
        wait()
        yield f'{request.path} {request.url_args["x"]} {response.get_header("X-Name")}'
        wait()
        yield f' {request.path}'

    app.add_hook('after_request', lambda: response.set_cookie('name', request.path.strip('/')))
    return app


def assert_own(name: str, answer: Answer) -> None:
    assert answer.text == f'/{name} {name} {name} /{name}'
    assert (answer.header('X-Name'), answer.header('Set-Cookie')) == (name, f'name={name}')


def test_threads_do_not_mix_their_requests() -> None:
    barrier = threading.Barrier(8, timeout=10)
    app = slow_echo(barrier.wait)
    with ThreadPoolExecutor(8) as pool:
        for name, answer in pool.map(lambda name: (name, send(app, make_environ(f'/{name}'))), 'abcdefgh'):
            assert_own(name, answer)


def test_greenlets_do_not_mix_their_requests_without_monkey_patching() -> None:
    gevent = require_module('gevent')
    app = slow_echo(lambda: gevent.sleep(0))
    jobs = {name: gevent.spawn(send, app, make_environ(f'/{name}')) for name in 'abcdefgh'}
    gevent.joinall(list(jobs.values()), raise_error=True)
    for name, job in jobs.items():
        assert_own(name, job.value)


# Hooks


def test_order_of_hooks() -> None:
    order: list[str] = []
    app = app_for(lambda: order.append('handler'))
    for name in ('before_request', 'after_request'):
        for number in '12':
            app.add_hook(name, lambda name=name, number=number: order.append(name + number))
    call(app)
    assert order == ['before_request1', 'before_request2', 'handler', 'after_request2', 'after_request1']


@pytest.mark.parametrize('path', ['/', '/missing', '/abort', '/crash'])
def test_after_request_is_always_called_and_may_change_all_but_a_crash(path: str) -> None:
    app = app_for(lambda: 'x')
    app.route('/abort', callback=lambda: abort(401, 'no'))
    app.route('/crash', callback=raiser(ValueError()))
    seen = []

    @app.hook('after_request')
    def after() -> None:
        seen.append(response.status_code)
        response.set_header('X-After', 'yes')

    answer = call(app, path)
    # As in Bottle, the page for an unexpected exception is made after the hooks.
    assert answer.header('X-After') == (None if path == '/crash' else 'yes')
    assert seen == [200 if path == '/crash' else answer.code]


def test_hooks_may_answer() -> None:
    app = app_for(lambda: 'x')
    app.add_hook('before_request', lambda: abort(403, 'no') if request.query_string == 'b' else None)
    app.add_hook('after_request', lambda: abort(402, 'pay') if request.query_string == 'a' else None)
    assert [call(app, QUERY_STRING=query).code for query in ('', 'a', 'b')] == [200, 402, 403]


def test_before_request_may_change_the_path() -> None:
    app = Bottle()
    app.route('/real', callback=lambda: 'real')

    @app.hook('before_request')
    def strip_slash() -> None:
        request.environ['PATH_INFO'] = request.environ['PATH_INFO'].rstrip('/')

    assert call(app, '/real/').text == 'real'


def test_a_response_shared_by_requests_does_not_collect_what_hooks_add() -> None:
    shared = HTTPResponse('x')
    app = app_for(lambda: shared)
    app.add_hook('after_request', lambda: response.set_cookie('user', 'alice'))
    assert call(app).header('Set-Cookie') == 'user=alice'
    assert 'Set-Cookie' not in dict(shared.headerlist)


def test_other_hooks() -> None:
    app = Bottle()
    events: list[Any] = []
    app.add_hook('app_reset', lambda: events.append('reset'))
    app.hook('config')(lambda _config, key, value: events.append((key, value)))
    app.config['a'] = 1
    app.reset()
    assert events == [('a', 1), 'reset']
    assert app.trigger_hook('app_reset') == [None]
    with pytest.raises(KeyError):
        app.add_hook('unknown', str)


def test_remove_hook() -> None:
    app = app_for(lambda: 'x')
    hook = raiser(ValueError())
    app.add_hook('before_request', hook)
    assert app.remove_hook('before_request', hook)
    assert not app.remove_hook('before_request', hook)
    assert call(app).code == 200


# Routes


@pytest.mark.parametrize('method', ['get', 'post', 'put', 'delete', 'patch'])
def test_method_decorators(method: str) -> None:
    app = Bottle()
    handler = getattr(app, method)('/')(lambda: 'x')
    assert handler() == 'x'
    assert [route.method for route in app.routes] == [method.upper()]
    assert call(app, method=method.upper()).text == 'x'


def test_route_forms() -> None:
    app = Bottle()

    @app.route
    def user__show(name: str, page: str = '1') -> str:
        return name + page

    app.route(['/a', '/b'], ['GET', 'post'], callback=lambda: 'x')
    app.route('/c', callback='operator:attrgetter')
    assert [(route.method, route.rule) for route in app.routes] == [
        ('GET', '/user/show/<name>'),
        ('GET', '/user/show/<name>/<page>'),
        ('GET', '/a'),
        ('POST', '/a'),
        ('GET', '/b'),
        ('POST', '/b'),
        ('GET', '/c'),
    ]
    assert call(app, '/user/show/joe/2').text == 'joe2'
    assert user__show('x') == 'x1'


def test_request_knows_its_route() -> None:
    app = Bottle()
    app.route('/<x:int>', name='here', callback=lambda x: [request.route.name, str(request.url_args), str(x)])
    assert call(app, '/5').text == "here{'x': 5}5"
    environ = make_environ('/5')
    send(app, environ)
    assert environ['bottle.app'] is app
    assert environ['route.handle'] is environ['bottle.route'] is app.routes[0]


@pytest.mark.parametrize(('script_name', 'url'), [('', '/a/5?q=1'), ('/base', '/base/a/5?q=1')])
def test_get_url(script_name: str, url: str) -> None:
    app = Bottle()
    app.route('/a/<x>', name='a', callback=lambda x: app.get_url('a', x=x, q=1))
    assert call(app, '/a/5', SCRIPT_NAME=script_name).text == url
    with pytest.raises(RouteBuildError):
        app.get_url('missing')


def test_attributes_cannot_be_replaced() -> None:
    app = Bottle()
    app.database = 'one'
    with pytest.raises(AttributeError, match='Plugin conflict'):
        app.database = 'two'
    app.catchall = False
    assert app.config['catchall'] is False
    app.catchall = True
    assert app.catchall


def test_middleware_may_replace_wsgi() -> None:
    app = app_for(lambda: 'x')
    inner = app.wsgi
    app.wsgi = lambda *args: [*inner(*args), b'y']  # type: ignore[method-assign]  # what middleware does
    assert send(app, make_environ()).body == b'xy'


# The default application


@pytest.fixture
def app() -> Iterator[Bottle]:
    with Bottle() as fresh:
        yield fresh


def test_module_functions_use_the_default_application(app: Bottle) -> None:
    @bottle.get('/')
    @bottle.route('/<x>')
    def handler(x: str = '') -> str:
        return f'{x} {bottle.url("/<x>", x=1)}'

    @bottle.error(404)
    def missing(_error: HTTPError) -> str:
        return 'missing'

    bottle.hook('after_request')(lambda: response.set_header('X-A', 'b'))
    assert bottle.default_app() is bottle.app() is app
    assert (call(app, '/y').text, call(app, '/y/z').text) == ('y /1', 'missing')
    assert call(app).header('X-A') == 'b'
    assert handler('direct') == 'direct /1'


def test_stack_of_applications() -> None:
    stack = bottle.AppStack()
    first = stack()
    assert stack.default is first
    second = stack.push()
    assert (stack(), len(stack)) == (second, 2)
    stack.pop()
    assert stack.new_app(second) is second
    assert bottle.apps is bottle.app is bottle.default_app


def test_with_restores_the_default_application_after_an_error() -> None:
    before = bottle.default_app()
    with pytest.raises(ValueError, match='x'), Bottle():
        raise ValueError('x')
    assert bottle.default_app() is before


def test_load_app(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType('app_module')
    module.instance = Bottle()  # type: ignore[attr-defined]  # a module made up for the test
    monkeypatch.setitem(sys.modules, 'app_module', module)
    before = bottle.default_app()
    assert bottle.load_app('app_module:instance') is module.instance
    assert isinstance(bottle.load_app('app_module'), Bottle)
    assert bottle.default_app() is before
    with pytest.raises(ImportError):
        bottle.load_app('no_such_module')
    assert (bottle.default_app(), bottle.NORUN) == (before, False)


def test_debug(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    monkeypatch.setattr(_util.settings, 'debug', False)
    bottle.debug()
    assert bottle.DEBUG is True
    bottle.debug(False)
    assert bottle.DEBUG is False


def test_nothing_is_kept_between_requests() -> None:
    app = app_for(lambda: 'plain')

    @app.route('/set')
    def change() -> None:
        response.set_cookie('a', 'b')
        response.status = 201

    assert call(app, '/set').code == 201
    answer = call(app)
    assert (answer.code, answer.header('Set-Cookie')) == (200, None)


def test_the_page_of_a_stream_that_fails_at_once_says_so() -> None:
    def fail() -> Iterator[str]:
        yield str(1 // 0)

    app = Bottle()
    app.route('/', callback=fail)
    app.error(500, callback=lambda error: error.body)
    assert call(app).text == 'Unhandled exception'


@pytest.mark.parametrize('which', [0, -1])
def test_one_route_is_reset_by_its_place(which: int) -> None:
    app = Bottle()
    app.route('/', callback=lambda: 'first')
    assert call(app).text == 'first'
    app.routes[0].callback = lambda: 'second'
    app.reset(which)
    assert call(app).text == 'second'


def test_the_url_of_a_route_outside_of_a_request() -> None:
    outside = Bottle()
    outside.route('/a/<x:int>', callback=str, name='named')
    assert Context().run(outside.get_url, 'named', x=5) == '/a/5'
