"""Mending what a backend got wrong."""

from io import BytesIO
from typing import Any

import pytest

from bottle.serving.environ import framing_fault, latin1_path, terminate_input


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
        ('', [], 'unsupported Transfer-Encoding'),
        (None, ['5', '6'], 'invalid Content-Length'),
        (None, ['+5'], 'invalid Content-Length'),
        (None, ['5_0'], 'invalid Content-Length'),
        (None, ['-1'], 'invalid Content-Length'),
        (None, ['\uff15'], 'invalid Content-Length'),
    ],
)
def test_framing(coding: str | None, lengths: list[str], fault: str) -> None:
    assert framing_fault(coding, lengths) == fault


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
