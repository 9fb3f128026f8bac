"""Request bodies: what Bottle 0.13.4 refuses or accepts by mistake, and what we answer."""

from typing import Any

import pytest

from tests.support.bottles import Bottles

CHUNKED = {'HTTP_TRANSFER_ENCODING': 'chunked', 'CONTENT_LENGTH': ''}
JSON = {'CONTENT_TYPE': 'application/json'}


def codes(bottles: Bottles, handler: str = 'body', **request: Any) -> tuple[int, int]:
    """Return the status codes of the old and the new Bottle."""
    old, new = (worker.call('ask', handler=handler, **request).value['code'] for worker in bottles)
    return old, new


@pytest.mark.parametrize(
    'sign', [{'wsgi.input_terminated': True}, {'CONTENT_LENGTH': '5'}], ids=['terminated', 'length']
)
def test_a_body_that_the_server_has_decoded_is_not_decoded_again(bottles: Bottles, sign: dict[str, Any]) -> None:
    request = {'handler': 'body', 'body': 'abcde', 'environ': {**CHUNKED, **sign}}
    assert bottles.old.call('ask', **request).value['code'] == 400
    assert bottles.new.call('ask', **request).value['body'] == 'abcde'


def test_a_raw_chunked_body_is_decoded(bottles: Bottles) -> None:
    raw = '5;a=b\r\nabcde\r\n0\r\n\r\n'
    assert bottles.new.call('ask', handler='body', body=raw, environ=CHUNKED).value['body'] == 'abcde'


@pytest.mark.parametrize('size', ['0x5', '+5', '0_5', ' 5', '5 ', '\t5', '\u0665'])
def test_a_chunk_size_is_digits_alone(bottles: Bottles, size: str) -> None:
    body = f'{size}\r\nabcde\r\n0\r\n\r\n'.encode().decode('latin-1')
    assert codes(bottles, body=body, environ=CHUNKED) == (200, 400)


@pytest.mark.parametrize('length', ['-1', 'abc', '+5', '5_0', ' 5', '1e3', '0x5', '5,5', '\u0665'])
def test_a_length_is_digits_alone(bottles: Bottles, length: str) -> None:
    old, new = codes(bottles, body='x' * 50, environ={'CONTENT_LENGTH': length})
    assert old in {200, 500}
    assert new == 400


@pytest.mark.parametrize('declared', ['50', '500000'], ids=['in memory', 'on disk'])
@pytest.mark.parametrize('handler', ['body', 'form', 'json'])
def test_a_body_that_is_shorter_than_declared_is_refused(bottles: Bottles, handler: str, declared: str) -> None:
    kind = JSON if handler == 'json' else {'CONTENT_TYPE': 'text/plain'}
    body = '{}' if handler == 'json' else 'a=b'
    old, new = codes(bottles, handler, body=body, environ={**kind, 'CONTENT_LENGTH': declared})
    assert old in {200, 413}
    assert new in ({400, 413} if declared == '500000' and handler != 'body' else {400})


def test_deep_json_is_refused(bottles: Bottles) -> None:
    # How deep is too deep, and whether it is refused at all, depends on the version of Python's parser.
    old, new = codes(bottles, 'json', body='[' * 100_000, environ=JSON)
    assert old in {400, 500}
    assert new == 400


@pytest.mark.parametrize('what', [{'parts': 50_000}, {'part_headers': 10_000}], ids=['parts', 'part headers'])
def test_a_form_of_too_many_pieces_is_refused(bottles: Bottles, what: dict[str, int]) -> None:
    assert bottles.old.call('upload', **what).value['code'] != 413
    assert bottles.new.call('upload', **what).value['code'] == 413


@pytest.mark.parametrize('environ', [{}, {**CHUNKED, 'wsgi.input_terminated': True}], ids=['declared', 'not declared'])
def test_a_limit_for_bodies(bottles: Bottles, environ: dict[str, Any]) -> None:
    request: dict[str, Any] = {'body': 'x' * 2000, 'environ': environ, 'limits': {'BODY_MAX': 1000}}
    old, new = codes(bottles, **request)
    assert (old != 413, new) == (True, 413)
    assert codes(bottles, **{**request, 'body': 'x' * 1000})[1] == 200


@pytest.mark.parametrize('handler', ['body', 'form'])
def test_a_full_disk(bottles: Bottles, handler: str) -> None:
    assert bottles.old.call('full_disk', handler=handler, size=300_000).value['code'] == 500
    assert bottles.new.call('full_disk', handler=handler, size=300_000).value == {'code': 507, 'left': 0}
