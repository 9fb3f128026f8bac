"""Bodies that are too long, and counting what runs."""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bottle
from bottle.bodies import BodyTooLarge
from bottle.serving.limits import Activity, LimitedInput, limited
from tests.support.client import fetch
from tests.support.wsgi import call, make_environ, send

PLAIN = [('Content-Type', 'text/plain')]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or -1))
    start_response('200 OK', PLAIN)
    return [body]


def unreachable(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise AssertionError('the application was called')


def chunked(body: bytes) -> dict[str, Any]:
    """Return what the environ of a request holds whose body has been sent in chunks."""
    return {'wsgi.input': io.BytesIO(body), 'wsgi.input_terminated': True}


def undeclared(body: bytes) -> dict[str, Any]:
    """Return the environ of such a request."""
    return make_environ('/', 'POST', **chunked(body))


def ignore(*_: Any) -> Callable[[bytes], object]:
    """Start a response that nobody reads."""
    return io.BytesIO().write


def whole_body() -> bytes:
    """Return what the request has sent, in the framework."""
    return bytes(bottle.request.body.read())


# Declared


@pytest.mark.parametrize('length', ['11', '0000000000000000011', '9' * 4000])
def test_a_declared_length_is_refused_before_anything_is_read(length: str) -> None:
    source = io.BytesIO(b'x' * 20)
    extra: dict[str, Any] = {'wsgi.input': source, 'CONTENT_LENGTH': length}
    answer = call(limited(unreachable, 10), '/', 'POST', **extra)
    assert (answer.status, answer.text) == ('413 Content Too Large', 'The request body is too large.\n')
    assert answer.header('Content-Length') == str(len(answer.body))
    assert answer.header('Connection') is None  # PEP 3333 forbids it
    assert source.tell() == 0


def test_head_is_refused_without_a_body() -> None:
    answer = call(limited(unreachable, 10), '/', 'HEAD', CONTENT_LENGTH='11')
    assert (answer.code, answer.body) == (413, b'')


def test_a_declared_length_within_the_limit_is_not_wrapped() -> None:
    environ = make_environ('/', 'POST', b'x' * 10)
    source = environ['wsgi.input']
    assert send(limited(echo, 10), environ).body == b'x' * 10
    assert environ['wsgi.input'] is source


def test_without_a_body_nothing_is_wrapped() -> None:
    environ = make_environ()
    source = environ['wsgi.input']
    assert send(limited(echo, 10), environ).code == 200
    assert environ['wsgi.input'] is source


@pytest.mark.parametrize('length', ['x', '-1', '+11', '1_1', '\xb2'])
def test_a_length_that_is_no_number_is_left_to_the_application(length: str) -> None:
    answer = send(limited(bottle.Bottle(), 10), make_environ('/', 'POST', CONTENT_LENGTH=length))
    assert answer.code == 404


def test_no_limit() -> None:
    assert limited(echo, 0) is echo


# Undeclared


def generator(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    body = environ['wsgi.input'].read(100)
    start_response('200 OK', PLAIN)
    yield body


@pytest.mark.parametrize('app', [echo, generator])
@pytest.mark.parametrize(('size', 'code'), [(0, 200), (9, 200), (10, 200), (11, 413), (50, 413)])
def test_an_undeclared_body_is_counted(app: Callable[..., Any], size: int, code: int) -> None:
    assert call(limited(validator(generator), 10), '/', 'POST', **chunked(b'x' * size)).code == code
    answer = send(limited(app, 10), undeclared(b'x' * size))
    assert (answer.code, answer.exc_info) == (code, code == 413)


def test_a_transfer_coding_that_the_server_leaves_in_is_counted() -> None:
    environ = undeclared(b'x' * 11) | {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': '5'}
    del environ['wsgi.input_terminated']
    assert send(limited(generator, 10), environ).code == 413


def test_the_framework_answers_by_itself() -> None:
    app = bottle.Bottle()
    app.route('/', 'POST', callback=whole_body)
    answer = send(limited(app, 10), undeclared(b'x' * 11))
    assert (answer.code, answer.exc_info) == (413, False)
    assert send(limited(app, 10), undeclared(b'x' * 10)).body == b'x' * 10


def test_a_response_on_its_way_is_not_replaced() -> None:
    sent: list[bytes] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response('200 OK', PLAIN)
        yield b'begun'
        yield environ['wsgi.input'].read()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        if exc_info and sent:
            raise exc_info[1]
        return sent.append

    with pytest.raises(BodyTooLarge):
        sent.extend(limited(app, 10)(undeclared(b'x' * 11), start_response))
    assert sent == [b'begun']


def test_an_undeclared_body_is_streamed_and_closed_once() -> None:
    closed: list[bool] = []
    steps: list[int] = []

    class Body:  # its own iterator, whose end must not be taken for that of the body
        def __iter__(self) -> 'Body':
            return self

        def __next__(self) -> bytes:
            steps.append(len(steps))
            return b'x'

        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Body:
        start_response('200 OK', PLAIN)
        return Body()

    body: Any = limited(app, 10)(undeclared(b''), ignore)
    assert steps == []
    assert next(iter(body)) == b'x'
    assert steps == [0]
    body.close()
    assert closed == [True]


METHODS: dict[str, Callable[[Any], Any]] = {
    'read': lambda stream: stream.read(),
    'read with -1': lambda stream: stream.read(-1),
    'read with a size': lambda stream: stream.read(1000),
    'read in pieces': lambda stream: b''.join(iter(lambda: stream.read(3), b'')),
    'readline': lambda stream: b''.join(iter(stream.readline, b'')),
    'readline with a size': lambda stream: b''.join(iter(lambda: stream.readline(3), b'')),
    'readlines': lambda stream: b''.join(stream.readlines()),
    'readlines with a hint': lambda stream: b''.join(iter(lambda: b''.join(stream.readlines(4)), b'')),
    'iteration': b''.join,
}


@pytest.mark.parametrize('read', METHODS.values(), ids=METHODS)
@given(st.lists(st.sampled_from([b'a', b'bc', b'\n']), max_size=20).map(b''.join), st.integers(0, 20))
def test_every_way_to_read(read: Callable[[Any], bytes], body: bytes, limit: int) -> None:
    stream = LimitedInput(io.BytesIO(body), limit)
    if len(body) <= limit:
        assert read(stream) == body
        return
    for _ in range(2):  # a failure is final
        with pytest.raises(BodyTooLarge):
            read(stream)


def test_a_line_that_never_ends_is_not_kept() -> None:
    source = io.BytesIO(b'x' * 1_000_000)
    with pytest.raises(BodyTooLarge):
        LimitedInput(source, 10).readline()
    assert source.tell() == 11


def test_over_a_socket() -> None:
    app = bottle.Bottle()
    app.route('/', 'POST', lambda: str(len(bottle.request.body.read())))
    with bottle.start(limited(app, 1000), 'wsgiref', port=0) as server:
        assert fetch(server.url, '/', 'POST', b'x' * 1000).body == b'1000'
        assert fetch(server.url, '/', 'POST', b'x' * 1001).status == 413
        assert fetch(server.url, '/', 'POST', iter([b'x' * 500] * 2), **{'Transfer-Encoding': 'chunked'}).status == 200
        assert fetch(server.url, '/', 'POST', iter([b'x' * 500] * 3), **{'Transfer-Encoding': 'chunked'}).status == 413


# Counting


def streaming(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response('200 OK', PLAIN)
    yield b'one'
    yield b'two'


def test_a_request_runs_until_its_body_is_closed() -> None:
    totals: list[int] = []
    activity = Activity(totals.append)
    body: Any = activity.wrap(streaming)(make_environ(), ignore)
    seen = {activity.progress}
    pieces = iter(body)
    for piece in (b'one', b'two'):
        assert next(pieces) == piece
        assert activity.progress not in seen
        seen.add(activity.progress)
    assert list(pieces) == []
    assert (activity.running, activity.started, totals) == (1, 1, [])
    body.close()
    assert activity.progress not in seen
    body.close()
    assert (activity.running, activity.started, totals) == (0, 1, [1])


def test_a_request_that_fails_has_ended() -> None:
    totals: list[int] = []
    activity = Activity(totals.append)
    with pytest.raises(AssertionError):
        activity.wrap(unreachable)(make_environ(), ignore)
    assert (activity.running, activity.started, totals) == (0, 1, [1])


def test_a_close_that_fails_is_an_end_and_is_not_repeated() -> None:
    class Body(list[bytes]):
        closed = 0

        def close(self) -> None:
            self.closed += 1
            raise OSError('gone')

    body = Body([b'x'])
    activity = Activity()
    passage: Any = activity.wrap(lambda *_: body)(make_environ(), ignore)
    with pytest.raises(OSError, match='gone'):
        passage.close()
    passage.close()
    assert (body.closed, activity.running) == (1, 0)


def test_counting_follows_the_specification_and_keeps_the_length() -> None:
    activity = Activity()
    assert call(activity.wrap(validator(streaming))).body == b'onetwo'
    assert call(activity.wrap(validator(lambda *given: list(streaming(*given)))), '/').body == b'onetwo'
    whole: Any = activity.wrap(echo)(make_environ(), ignore)
    assert len(whole) == 1  # what servers make a Content-Length of
    assert not hasattr(activity.wrap(streaming)(make_environ(), ignore), '__len__')


def test_counting_in_many_threads() -> None:
    totals: list[int] = []
    activity = Activity(totals.append)
    app = activity.wrap(streaming)

    def ask() -> None:
        for _ in range(200):
            send(app, make_environ())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (activity.running, activity.started, len(totals), max(totals)) == (0, 1600, 1600, 1600)
    assert activity.progress == 4 * 1600


def test_counting_over_a_socket() -> None:
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    inside: list[int] = []
    activity = Activity(ended.put)
    app = bottle.Bottle()

    @app.route('/')
    def seen() -> str:
        inside.append(activity.running)
        return 'seen'

    with bottle.start(activity.wrap(app), 'wsgiref', port=0) as server:
        for number in (1, 2):
            assert fetch(server.url, '/').headers['Content-Length'] == '4'
            assert ended.get(timeout=5) == number
    assert (inside, activity.running, activity.started) == ([1, 1], 0, 2)


def test_what_is_written_is_progress() -> None:
    activity = Activity()
    seen = []

    def writing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response('200 OK', [('Content-Type', 'text/plain')])
        for _ in range(3):
            seen.append(activity.progress)
            write(b'piece')
        return []

    call(activity.wrap(writing))
    assert len(set(seen)) == 3
