"""What a backend gets of a response that it would send as it is."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from bottle.serving.responses import check_head, strict

OK = '200 OK'
PLAIN = ('Content-Type', 'text/plain')
Head = tuple[str, list[tuple[str, str]]]


class Sent:
    """What a backend has been given, and how it ended."""

    def __init__(self, application: Callable[..., Iterable[bytes]], method: str = 'GET', **environ: Any) -> None:
        self.heads: list[Head] = []
        self.pieces: list[bytes] = []
        self.error: Exception | None = None
        body = strict(application)({'REQUEST_METHOD': method, **environ}, self.start_response)
        try:
            self.pieces += body
        except ValueError as error:
            self.error = error
        getattr(body, 'close', bool)()

    def start_response(self, status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], object]:
        self.heads.append((status, headers))
        return self.pieces.append

    @property
    def body(self) -> bytes:
        return b''.join(self.pieces)


def listed(*pieces: bytes, status: str = OK, headers: Iterable[tuple[str, str]] = (PLAIN,)) -> Any:
    """Return an application that returns a list."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [*headers])
        return [*pieces]

    return application


def yielded(*pieces: bytes, status: str = OK, headers: Iterable[tuple[str, str]] = (PLAIN,)) -> Any:
    """Return an application that yields, and calls start_response when it is asked for the first piece."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response(status, [*headers])
        yield from pieces

    return application


KINDS = pytest.mark.parametrize('kind', [listed, yielded])


def declared(length: int) -> list[tuple[str, str]]:
    return [PLAIN, ('Content-Length', str(length))]


@KINDS
def test_what_is_right_arrives(kind: Any) -> None:
    sent = Sent(kind(b'a', b'', b'bc'))
    assert (sent.heads, sent.body, sent.error) == ([(OK, [PLAIN])], b'abc', None)


def test_a_list_is_handed_on_as_it_is() -> None:
    pieces = [b'a']

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response(OK, declared(1))
        return pieces

    assert strict(application)({'REQUEST_METHOD': 'GET'}, lambda *_: bool) is pieces


@KINDS
@pytest.mark.parametrize(('length', 'body'), [(2, b'ab'), (5, b'abc')])
def test_a_body_of_another_length_is_an_error(kind: Any, length: int, body: bytes) -> None:
    sent = Sent(kind(b'abc', headers=declared(length)))
    assert sent.body == body
    assert 'Content-Length' in str(sent.error)


@KINDS
@pytest.mark.parametrize(
    ('method', 'status'), [('HEAD', OK), ('GET', '204 No Content'), ('GET', '304 Not Modified'), ('GET', '103 Early')]
)
def test_no_body_where_there_is_none(kind: Any, method: str, status: str) -> None:
    sent = Sent(kind(b'abc', status=status, headers=declared(3)), method)
    assert (sent.body, sent.error) == (b'', None)
    kept = status.startswith(('200', '304'))
    assert sent.heads == [(status, declared(3) if kept else [PLAIN])]


def test_head_tells_the_length_of_a_list() -> None:
    assert Sent(listed(b'ab', b'c'), 'HEAD').heads == [(OK, declared(3))]


def test_what_follows_101_is_handed_on() -> None:
    sent = Sent(yielded(b'frame', status='101 Switching Protocols', headers=[('Upgrade', 'websocket')]))
    assert sent.body == b'frame'


@pytest.mark.parametrize(
    ('status', 'headers'),
    [
        ('200', [PLAIN]),
        ('99 Low', [PLAIN]),
        ('200 OK\r\nX: y', [PLAIN]),
        (OK, [('X', 'a\nb')]),
        (OK, [('X', 'a\0b')]),
        (OK, [('X', '€')]),
        (OK, [('X y', 'z')]),
        (OK, [('', 'z')]),
        (OK, [('X:', 'z')]),
        (OK, [('Content-Length', '-1')]),
        (OK, [('Content-Length', '1'), ('content-length', '2')]),
    ],
)
def test_a_head_that_cannot_be_sent_is_refused(status: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match='cannot be sent'):
        check_head(status, headers)
    with pytest.raises(ValueError, match='cannot be sent'):
        Sent(listed(b'', status=status, headers=headers))


@pytest.mark.parametrize('header', [('X', 1), (1, 'x'), ('X', b'y')])
def test_a_head_is_text(header: Any) -> None:
    with pytest.raises(TypeError):
        check_head(OK, [header])


def failing(begun: bool) -> Any:
    """Return an application that replaces its head after an error, before or after its first piece."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response(OK, declared(5))
        if begun:
            yield b'a'
        try:
            int('planned')
        except ValueError:
            start_response('500 Oh', [PLAIN], sys.exc_info())
        yield b'sorry'

    return application


def test_a_head_that_is_replaced_is_replaced_as_a_whole() -> None:
    sent = Sent(failing(begun=False))
    assert (sent.heads, sent.body) == ([('500 Oh', [PLAIN])], b'sorry')


def test_it_is_too_late_after_the_first_piece() -> None:
    sent = Sent(failing(begun=True))
    assert (sent.heads, sent.body, 'planned' in str(sent.error)) == ([(OK, declared(5))], b'a', True)


def test_start_response_twice_is_an_error() -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response(OK, [])
        start_response(OK, [])
        return []

    with pytest.raises(AssertionError, match='exc_info'):
        Sent(application)


def test_an_application_that_never_calls_start_response() -> None:
    with pytest.raises(AssertionError, match='start_response'):
        Sent(lambda environ, start_response: [b'a'])


def test_write_sends_at_once_and_no_more_than_declared() -> None:
    sent: list[bytes] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response(OK, declared(3))
        write(b'ab')
        assert sent == [b'ab']
        with pytest.raises(ValueError, match='longer'):
            write(b'cd')
        return []

    body = strict(application)({'REQUEST_METHOD': 'GET'}, lambda *_: sent.append)
    assert [*body] == []
    assert sent == [b'ab', b'c']


class File:
    """A body that is closed."""

    closed = 0

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
@pytest.mark.parametrize('wrapper', [None, File])
def test_what_is_returned_is_closed_once(method: str, wrapper: Any) -> None:
    body = File(b'ab')

    def application(environ: Any, start_response: Any) -> File:
        start_response(OK, declared(2))
        return body

    sent = Sent(application, method, **{'wsgi.file_wrapper': wrapper})
    assert (sent.body, body.closed) == (b'ab' if method == 'GET' else b'', 1)


def test_a_file_of_the_backend_is_handed_on_as_it_is() -> None:
    body = File(b'ab')

    def application(environ: Any, start_response: Any) -> File:
        start_response(OK, [PLAIN])
        return body

    assert strict(application)({'REQUEST_METHOD': 'GET', 'wsgi.file_wrapper': File}, lambda *_: bool) is body
