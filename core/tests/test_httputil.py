"""Dates, ranges, credentials, query strings, header fields, paths and status codes."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl as reference_parse_qsl
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.httputil import (
    HTTP_CODES,
    HTTP_STATUS_LINES,
    etag_matches,
    from_wire,
    header_name,
    header_value,
    http_date,
    parse_auth,
    parse_date,
    parse_qsl,
    parse_range_header,
    path_shift,
    to_wire,
)

# Status codes


def test_every_code_of_the_standard_library_has_a_text() -> None:
    assert {int(status) for status in HTTPStatus} <= set(HTTP_CODES)


@pytest.mark.parametrize(
    ('code', 'line'),
    [
        (200, '200 OK'),
        (404, '404 Not Found'),
        (413, '413 Request Entity Too Large'),
        (418, "418 I'm a teapot"),
        (428, '428 Precondition Required'),
        (429, '429 Too Many Requests'),
        (431, '431 Request Header Fields Too Large'),
        (451, '451 Unavailable For Legal Reasons'),
        (511, '511 Network Authentication Required'),
    ],
)
def test_status_lines(code: Any, line: Any) -> None:
    assert HTTP_STATUS_LINES[code] == line


# Dates

EPOCH = 'Thu, 01 Jan 1970 00:00:00 GMT'


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (0, EPOCH),
        (784111777.9, 'Sun, 06 Nov 1994 08:49:37 GMT'),
        ('any text', 'any text'),
        (time.gmtime(0), EPOCH),
        (date(1970, 1, 1), EPOCH),
        (datetime(1970, 1, 1, 0, 0), EPOCH),  # noqa: DTZ001 - naive means UTC
        (datetime(1970, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=2))), EPOCH),
    ],
)
def test_http_date(value: Any, expected: Any) -> None:
    assert http_date(value) == expected


@given(st.integers(0, 253402300799))
def test_http_date_and_parse_date_are_inverse(seconds: Any) -> None:
    text = http_date(seconds)
    assert text == formatdate(seconds, usegmt=True)
    assert parse_date(text) == seconds


@pytest.mark.parametrize('value', [None, object()])
def test_http_date_refuses_what_is_no_date(value: Any) -> None:
    with pytest.raises(TypeError):
        http_date(value)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('Sun, 06 Nov 1994 08:49:37 GMT', 784111777),
        ('Sunday, 06-Nov-94 08:49:37 GMT', 784111777),
        ('Sun Nov  6 08:49:37 1994', 784111777),
        ('Sun, 06 Nov 1994 08:49:37 +0100', 784108177),
        ('Sun, 06 Nov 1994 08:49:37 GMT; length=5', 784111777),
        ('', None),
        (None, None),
        ('yesterday', None),
        ('Sun, 06 Foo 1994 08:49:37 GMT', None),
        ('Sun, 06 Nov 99999 08:49:37 GMT', None),
        ('Sun, 06 Nov 1994 08:49:37 GMT' + ' ' * 80, None),
    ],
)
def test_parse_date(text: Any, expected: Any) -> None:
    assert parse_date(text) == expected


@given(st.text(max_size=60))
def test_parse_date_never_raises(text: Any) -> None:
    parse_date(text)


def test_dates_do_not_depend_on_the_zone(monkeypatch: Any) -> None:
    monkeypatch.setenv('TZ', 'Asia/Tokyo')
    time.tzset()
    try:
        assert http_date(datetime(1970, 1, 1, tzinfo=UTC)) == EPOCH
        assert parse_date(EPOCH) == 0
    finally:
        monkeypatch.undo()
        time.tzset()


# Ranges


@pytest.mark.parametrize(
    ('header', 'expected'),
    [
        ('bytes=0-0', [(0, 1)]),
        ('bytes=5-10', [(5, 11)]),
        ('bytes=10-', [(10, 100)]),
        ('bytes=-10', [(90, 100)]),
        ('bytes=-500', [(0, 100)]),
        ('bytes=0-500', [(0, 100)]),
        ('BYTES = 1 - 2 ', [(1, 3)]),
        ('bytes=10-,-10,5-10', [(10, 100), (90, 100), (5, 11)]),
        ('bytes=x-y,3-4,', [(3, 5)]),
        *((header, []) for header in (None, '', 'bytes', 'bytes=', 'bytes=-', 'bytes=5', 'items=0-1', 'bytes=100-')),
        *((f'bytes={spec}', []) for spec in ('-0', '10-5', '+1-2', '1-+2', '1_0-20', '0x1-2', '--5', '1-2-3', '²-3')),
        (f'bytes=0-{"9" * 5000}', []),
    ],
)
def test_parse_range_header(header: Any, expected: Any) -> None:
    assert list(parse_range_header(header, 100)) == expected


def test_a_hundred_ranges_are_enough() -> None:
    assert len(list(parse_range_header('bytes=' + '0-1,' * 12500, 100))) == 100


def test_an_empty_file_has_no_ranges() -> None:
    assert list(parse_range_header('bytes=0-,-1', 0)) == []


# Credentials and tags


@pytest.mark.parametrize(
    ('header', 'expected'),
    [
        ('Basic dXNlcjpwYXNz', ('user', 'pass')),
        ('basic  dXNlcjpwYXNz ', ('user', 'pass')),
        ('Basic dTpwOnE=', ('u', 'p:q')),
        ('Basic w7w6', ('ü', '')),
        *(
            (header, None)
            for header in ('', None, 'Basic', 'Basic !!!', 'Basic dXNlcg==', 'Basic dTpw=x', 'Basic /w==')
        ),
        ('Bearer dXNlcjpwYXNz', None),
        ('Basic dXNlcjpwYXNz\udcff', None),
    ],
)
def test_parse_auth(header: Any, expected: Any) -> None:
    assert parse_auth(header) == expected


@pytest.mark.parametrize(
    ('header', 'etag', 'expected'),
    [
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('"x", "a"', '"a"', True),
        (' * ', '"a"', True),
        ('"x"', '"a"', False),
        ('a', '"a"', False),
        ('"x",,', '', False),
    ],
)
def test_etag_matches(header: Any, etag: Any, expected: Any) -> None:
    assert etag_matches(header, etag) is expected


# Query strings


@pytest.mark.parametrize(
    ('query', 'expected'),
    [
        ('', []),
        ('a=1&b=2&a=3', [('a', '1'), ('b', '2'), ('a', '3')]),
        ('a=1;b=2&c=3', [('a', '1;b=2'), ('c', '3')]),
        ('=1&b&c=', [('', '1'), ('b', ''), ('c', '')]),
        ('&&a=1&', [('a', '1')]),
        ('a+b=c+d%20%2B', [('a b', 'c d +')]),
        ('a=b=c', [('a', 'b=c')]),
        ('a=%zz&%=%1', [('a', '%zz'), ('%', '%1')]),
        ('a=%C3%BC', [('a', 'ü')]),
        ('a=\xc3\xbc', [('a', 'ü')]),
        ('a=\xc3%BC', [('a', 'ü')]),
        ('a=%ff', [('a', '\udcff')]),
        ('a=\xff', [('a', '\udcff')]),
        ('a=€', [('a', '€')]),
    ],
)
def test_parse_qsl(query: Any, expected: Any) -> None:
    assert parse_qsl(query) == expected


@given(st.lists(st.tuples(st.text(), st.text()).filter(any)))
def test_parse_qsl_reads_what_urlencode_writes(pairs: Any) -> None:
    encodable = [(a.encode('utf8', 'replace').decode(), b.encode('utf8', 'replace').decode()) for a, b in pairs]
    assert parse_qsl(urlencode(encodable)) == encodable


@given(st.text('ab&=+%0fF;ü', max_size=30))
def test_parse_qsl_agrees_with_the_standard_library(query: Any) -> None:
    native = query.encode().decode('latin-1')
    expected = reference_parse_qsl(query, keep_blank_values=True, errors='surrogateescape')
    assert parse_qsl(native) == expected


@given(st.binary())
def test_no_byte_is_lost(raw: Any) -> None:
    ((_, value),) = parse_qsl('a=' + quote_plus(raw)) or [('a', '')]
    assert value.encode('utf8', 'surrogateescape') == raw


# Header fields


@given(st.text())
def test_wire_strings_are_latin_1_and_can_be_read_back(text: Any) -> None:
    try:
        text.encode('utf8', 'surrogateescape')
    except UnicodeEncodeError:
        return
    wire = to_wire(text)
    wire.encode('latin-1')
    assert from_wire(wire).encode('utf8', 'surrogateescape') == text.encode('utf8', 'surrogateescape')


def test_header_names_are_spelt_as_bottle_does() -> None:
    assert header_name('x_REQUEST-id') == 'X-Request-Id'


@pytest.mark.parametrize('char', [chr(n) for n in (*range(32), 127) if n != 9])
def test_header_values_refuse_control_characters(char: Any) -> None:
    with pytest.raises(ValueError, match='control'):
        header_value(f'a{char}')


# Paths


@pytest.mark.parametrize(
    ('script', 'path', 'shift', 'expected'),
    [
        ('/a/b', '/c/d', 0, ('/a/b', '/c/d')),
        ('/a/b', '/c/d', 1, ('/a/b/c', '/d')),
        ('/a/b', '/c/d', 2, ('/a/b/c/d', '/')),
        ('/a/b', '/c/d', -1, ('/a', '/b/c/d')),
        ('/a/b', '/c/d', -2, ('/', '/a/b/c/d')),
        ('/a/b/', '/c/d/', 1, ('/a/b/c', '/d/')),
        ('/a/b', '/c/d/', 2, ('/a/b/c/d', '/')),
        ('/', '/c/d/', 1, ('/c', '/d/')),
        ('', 'a', 1, ('/a', '/')),
        ('/a', '', -1, ('/', '/a')),
        ('/a', '/b//c', 2, ('/a/b/', '/c')),
    ],
)
def test_path_shift(script: Any, path: Any, shift: Any, expected: Any) -> None:
    assert path_shift(script, path, shift) == expected


@pytest.mark.parametrize(('shift', 'name'), [(3, 'PATH_INFO'), (-3, 'SCRIPT_NAME')])
def test_path_shift_says_what_is_missing(shift: Any, name: Any) -> None:
    with pytest.raises(AssertionError, match=name):
        path_shift('/a/b', '/c/d', shift)
