"""Reading, writing and signing of cookies."""

import base64
import hashlib
import hmac
import pickle
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.cookies import (
    cookie_decode,
    cookie_encode,
    cookie_is_encoded,
    dump_cookie,
    parse_cookies,
    set_cookie_value,
    sign_cookie,
    unsign_cookie,
)

# Reading


@pytest.mark.parametrize(
    ('header', 'expected'),
    [
        ('', []),
        ('a=1', [('a', '1')]),
        ('a=1; b=2;c=3;', [('a', '1'), ('b', '2'), ('c', '3')]),
        ('a=1; a=2', [('a', '1'), ('a', '2')]),
        ('a=1,b=2', [('a', '1,b=2')]),
        ('a=; b="";', [('a', ''), ('b', '')]),
        ('nameless; =x; a=1', [('a', '1')]),
        ('a = 1=2 ', [('a', '1=2')]),
        ('[bad=1; a=2', [('[bad', '1'), ('a', '2')]),
        ('a="x y"; b="', [('a', 'x y'), ('b', '"')]),
        (r'a="\303\274 \"q\" \\ \054\x"', [('a', 'ü "q" \\ ,x')]),
        ('a=\xc3\xbc; b=\xff', [('a', 'ü'), ('b', '\udcff')]),
    ],
)
def test_parse_cookies(header: Any, expected: Any) -> None:
    assert parse_cookies(header) == expected


@given(st.text('ab=;," \\073ü', max_size=40))
def test_parse_cookies_never_raises(header: Any) -> None:
    for name, _ in parse_cookies(header):
        assert name


# Writing

VALUES = st.text().filter(lambda text: not any(c < ' ' or c in ';\x7f' or '\ud800' <= c <= '\udfff' for c in text))


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    field = dump_cookie('name', value)
    assert field.isascii()
    assert parse_cookies(field) == [('name', value)]


@given(VALUES.filter(str.isascii))
def test_the_standard_library_reads_the_same(value: Any) -> None:
    assert SimpleCookie(dump_cookie('name', value))['name'].value == value


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({}, 'a=b'),
        ({'max_age': 5}, 'a=b; Max-Age=5'),
        ({'maxage': 5.7}, 'a=b; Max-Age=5'),
        ({'max_age': timedelta(days=1)}, 'a=b; Max-Age=86400'),
        ({'expires': 0}, 'a=b; expires=Thu, 01 Jan 1970 00:00:00 GMT'),
        ({'expires': datetime(1970, 1, 1, tzinfo=UTC)}, 'a=b; expires=Thu, 01 Jan 1970 00:00:00 GMT'),
        ({'domain': 'example.com', 'path': '/x'}, 'a=b; Domain=example.com; Path=/x'),
        ({'secure': True, 'httponly': True, 'partitioned': True}, 'a=b; Secure; HttpOnly; Partitioned'),
        ({'secure': False, 'httponly': None, 'path': None, 'domain': None, 'expires': None, 'max_age': None}, 'a=b'),
        ({'samesite': 'LAX'}, 'a=b; SameSite=lax'),
        ({'same_site': 'strict'}, 'a=b; SameSite=strict'),
        ({'samesite': None}, 'a=b; SameSite=none'),
    ],
)
def test_attributes(options: Any, expected: Any) -> None:
    assert dump_cookie('a', 'b', **options) == expected


@pytest.mark.parametrize('char', [';', '\r', '\n', '\0', '\t', '\x0b', '\x7f'])
@pytest.mark.parametrize('part', ['name', 'value', 'path', 'domain', 'expires'])
def test_no_part_can_break_out(part: Any, char: Any) -> None:
    parts = {'name': 'a', 'value': 'b', part: f'x{char}Secure'}
    with pytest.raises(ValueError, match=r'cookie|Cookie'):
        dump_cookie(**parts)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('', {}),
        ('a b', {}),
        ('a=b', {}),
        ('a,b', {}),
        ('ü', {}),
        ('a', {'path': '/a,b'}),
        ('a', {'domain': 'ü'}),
        ('a', {'samesite': 'sometimes'}),
    ],
)
def test_refused(name: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r'cookie|Cookie'):
        dump_cookie(name, 'x', **options)


def test_unknown_options_and_types_are_named() -> None:
    with pytest.raises(TypeError, match=r"'maxagee'.*known are domain, expires"):
        dump_cookie('a', 'b', max_agee=1)
    with pytest.raises(TypeError, match='Path'):
        dump_cookie('a', 'b', path=5)


def test_a_cookie_has_a_size_limit() -> None:
    assert dump_cookie('a', 'x' * 3799)
    with pytest.raises(ValueError, match='does not fit'):
        dump_cookie('a', 'x' * 3800)
    with pytest.raises(ValueError, match='does not fit'):
        dump_cookie('a', 'ü' * 500)


# Signing


def test_the_format_is_the_one_of_bottle() -> None:
    payload = base64.b64encode(b'text')
    signature = base64.b64encode(hmac.new(b'key', payload, hashlib.sha256).digest())
    assert cookie_encode('text', 'key') == b'!' + signature + b'?' + payload


@given(st.text().filter(lambda text: not any('\ud800' <= c <= '\udfff' for c in text)), st.text('ab', min_size=1))
def test_signed_text_survives(text: Any, key: Any) -> None:
    assert cookie_decode(cookie_encode(text, key), key) == text
    assert unsign_cookie('name', sign_cookie('name', text, key), key) == text


@pytest.mark.parametrize('digestmod', [None, 'sha512', hashlib.sha1])
def test_the_hash_can_be_chosen(digestmod: Any) -> None:
    signed = sign_cookie('a', 'x', b'key', digestmod)
    assert unsign_cookie('a', signed, 'key', digestmod) == 'x'
    assert unsign_cookie('a', signed, 'key', 'md5') is None


def test_a_signature_covers_name_value_and_key() -> None:
    signed = sign_cookie('a', 'x', 'key')
    other = sign_cookie('a', 'y', 'key')
    assert unsign_cookie('b', signed, 'key') is None
    assert unsign_cookie('a', signed, 'other') is None
    assert unsign_cookie('a', signed.partition('?')[0] + '?' + other.partition('?')[2], 'key') is None


@pytest.mark.parametrize('data', ['', '!', '!?', 'x', '!a?b', '!é?x', '!====?', b'!\xff?x', '!\udcff?', '?!'])
def test_rubbish_is_not_signed(data: Any) -> None:
    assert cookie_decode(data, 'key') is None
    assert unsign_cookie('a', data, 'key') is None


@pytest.mark.parametrize('content', ['', 'x', '"a"', '["a"]', '["b","x"]', '["a",5]', '["a","x",1]', '[' * 100000])
def test_signed_content_must_be_a_cookie(content: Any) -> None:
    assert unsign_cookie('a', cookie_encode(content, 'key'), 'key') is None


class Bomb:
    def __reduce__(self) -> Any:
        return exec, ('raise SystemExit("the pickle was loaded")',)


@pytest.mark.parametrize('value', [Bomb(), ['a', Bomb()], ('a', 'x')])
def test_a_validly_signed_pickle_is_never_loaded(value: Any) -> None:
    payload = base64.b64encode(pickle.dumps(value))
    signed = b'!%b?%b' % (base64.b64encode(hmac.digest(b'key', payload, 'sha256')), payload)
    assert cookie_decode(signed, 'key') is None
    assert unsign_cookie('a', signed, 'key') is None


@pytest.mark.parametrize('value', [None, 5, b'bytes', ['a'], {'a': 1}])
def test_only_strings_can_be_cookies(value: Any) -> None:
    for refuse in (
        lambda: cookie_encode(value, 'key'),
        lambda: sign_cookie('a', value, 'key'),
        lambda: set_cookie_value('a', value),
        lambda: set_cookie_value('a', value, 'key'),
    ):
        with pytest.raises(TypeError, match=r'[Ss]tring'):
            refuse()


def test_set_cookie_value_signs_if_there_is_a_secret() -> None:
    assert set_cookie_value('a', 'x', path='/') == 'a=x; Path=/'
    ((name, value),) = parse_cookies(set_cookie_value('a', 'x', 'key'))
    assert cookie_is_encoded(value)
    assert not cookie_is_encoded('x')
    assert unsign_cookie(name, value, 'key') == 'x'
