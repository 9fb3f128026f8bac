"""What a backend with a loop written in C does not do itself."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest

from bottle.serving.accepted import file_in_blocks, has_good_head, with_write


@pytest.mark.parametrize(
    ('variables', 'good'),
    [
        ({}, True),
        ({'CONTENT_LENGTH': '5'}, True),
        ({'CONTENT_LENGTH': '+5'}, False),
        ({'CONTENT_LENGTH': '5, 5'}, False),
        ({'CONTENT_LENGTH': '\xb2'}, False),
        ({'HTTP_TRANSFER_ENCODING': 'Chunked'}, True),
        ({'HTTP_TRANSFER_ENCODING': 'gzip, chunked'}, False),
        ({'HTTP_TRANSFER_ENCODING': '\x0bchunked'}, False),
        ({'HTTP_TRANSFER_ENCODING': ''}, False),
        ({'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': '5'}, False),
        ({'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': ''}, False),
        ({'HTTP_TRANSFER_ENCODING ': 'chunked'}, False),
        ({'HTTP_X!#$.A': 'caf\xe9\tand "more"'}, True),
        ({'HTTP_X A': ''}, False),
        ({'HTTP_X\0': ''}, False),
        ({'HTTP_X': 'a\rb'}, False),
        ({'HTTP_X': 'a\0'}, False),
        ({'PATH_INFO': '/\0', 'wsgi.input': None}, True),
    ],
)
def test_a_faulty_head_is_seen(variables: dict[str, Any], good: bool) -> None:
    assert has_good_head(variables) is good


def test_blanks_around_values_are_taken_away() -> None:
    environ = {'HTTP_X': ' \ta b\t ', 'CONTENT_TYPE': 'text/plain ', 'PATH_INFO': '/ '}
    assert has_good_head(environ)
    assert environ == {'HTTP_X': 'a b', 'CONTENT_TYPE': 'text/plain', 'PATH_INFO': '/ '}


class Closable(list[bytes]):
    """A response that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize('written', [[], [b'one ', b'two ']])
def test_what_is_written_comes_first(written: list[bytes]) -> None:
    response = Closable([b'three'])

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response('200 OK', [])
        for piece in written:
            write(piece)
        return response

    heads: list[Any] = []
    found = with_write(application)({}, lambda *head: heads.append(head))  # type: ignore[arg-type]  # as such a backend does
    assert (list(found), heads) == ([*written, b'three'], [('200 OK', [], None)])
    assert response.closed == bool(written)  # else it is for the backend to close it


def test_a_file_comes_in_blocks() -> None:
    file = BytesIO(b'x' * 100_000)
    found = file_in_blocks(file)
    assert [len(piece) for piece in found] == [65536, 34464]
    found.close()
    assert file.closed
