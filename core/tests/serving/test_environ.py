"""Mending what a backend got wrong."""

from email.message import Message
from io import BytesIO
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from bottle.serving.environ import ServerNames, framing_fault, latin1_path, terminate_input
from bottle.serving.sockets import listen


@pytest.mark.parametrize(
    ('coding', 'lengths', 'fault'),
    [
        (None, [], ''),
        (None, ['5'], ''),
        (None, ['5', '5'], ''),
        ('chunked', [], ''),
        (' Chunked ', [], ''),
        ('chunked', ['5'], 'both Transfer-Encoding and Content-Length'),
        ('gzip, chunked', [], 'unsupported Transfer-Encoding'),
        ('chunked|chunked', [], 'unsupported Transfer-Encoding'),
        ('chunked|identity', [], 'unsupported Transfer-Encoding'),
        ('', [], 'unsupported Transfer-Encoding'),
        (None, ['5', '6'], 'invalid Content-Length'),
        (None, ['+5'], 'invalid Content-Length'),
        (None, ['5_0'], 'invalid Content-Length'),
        (None, ['-1'], 'invalid Content-Length'),
        (None, ['\uff15'], 'invalid Content-Length'),
    ],
)
def test_framing(coding: str | None, lengths: list[str], fault: str) -> None:
    headers = Message()
    for value in [] if coding is None else coding.split('|'):
        headers['Transfer-Encoding'] = value
    for value in lengths:
        headers['Content-Length'] = value
    assert framing_fault(headers) == fault


class Connected:
    """A connection that says where it was made to."""

    def getsockname(self) -> tuple[str, int]:
        return '192.0.2.1', 81


def test_server_names() -> None:
    one, two = listen('127.0.0.1', 0), listen('', 0)
    port = one.getsockname()[1]
    with one, two:
        elsewhere: Any = Connected()
        assert ServerNames([one]).of(elsewhere) == {'SERVER_NAME': '127.0.0.1', 'SERVER_PORT': str(port)}
        assert ServerNames([two]).of(elsewhere)['SERVER_NAME'] == gethostname()
        assert ServerNames([one, two]).of(elsewhere) == {'SERVER_NAME': '192.0.2.1', 'SERVER_PORT': '81'}


def test_a_unix_socket_has_no_server_names(tmp_path: Path) -> None:
    with listen(f'unix:{tmp_path}/socket', 0) as listener:
        assert ServerNames([listener]).of(listener) == {}


@pytest.mark.parametrize(
    ('target', 'path'),
    [
        ('/a?b=/c', '/a'),
        ('/h%C3%A9', '/h\xc3\xa9'),
        ('/a%2Fb', '/a/b'),
        ('//a//b', '//a//b'),
        ('/a/../b', '/a/../b'),
        ('http://host/a/b?c', '/a/b'),
        ('http://host', '/'),
        ('http://[::1/a', '/a'),
        ('*', '*'),
    ],
)
def test_path_info_is_latin_1(target: str, path: str) -> None:
    assert latin1_path(target) == path


def test_a_chunked_body_is_decoded_and_ends() -> None:
    raw = BytesIO(b'3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1')
    environ: dict[str, Any] = {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': '0'}
    terminate_input(environ, raw)
    assert environ['wsgi.input'].read() == b'abc'
    assert environ['wsgi.input_terminated'] is True
    assert environ.keys() == {'wsgi.input', 'wsgi.input_terminated'}
    assert raw.read() == b'GET / HTTP/1.1'


@pytest.mark.parametrize(('length', 'body'), [('3', b'abc'), ('', b''), (None, b'')])
def test_a_body_of_declared_length_ends(length: str | None, body: bytes) -> None:
    environ: dict[str, Any] = {} if length is None else {'CONTENT_LENGTH': length}
    terminate_input(environ, BytesIO(b'abcdef'))
    assert environ['wsgi.input'].read() == body
