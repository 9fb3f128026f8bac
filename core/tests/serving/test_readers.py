"""What each kind of option takes: texts and Python values, and nothing else."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.errors import ServerOptionError
from bottle.serving import readers
from bottle.serving.configuration import ADDRESS
from bottle.serving.options import Option, portable_options

ANYTHING = st.one_of(
    st.text(),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(),
    st.lists(st.one_of(st.text(), st.integers())),
    st.dictionaries(st.text(), st.integers()),
)


@pytest.mark.parametrize('option', [*portable_options().values(), *ADDRESS.values()], ids=lambda option: option.name)
@given(value=ANYTHING)
def test_every_reader_returns_or_says_what_is_wanted(option: Option, value: Any) -> None:
    try:
        result = option.read(value)
    except (ValueError, ServerOptionError):
        return
    assert option.read(result) == result


@pytest.mark.parametrize(
    ('read', 'value', 'expected'),
    [
        (readers.whole_number(1), '8', 8),
        (readers.whole_number(0), 0, 0),
        (readers.seconds, '1.5', 1.5),
        (readers.seconds, 0, 0.0),
        (readers.size, 1024, 1024),
        (readers.size, '10', 10),
        (readers.size, '2K', 2048),
        (readers.size, '1m', 1 << 20),
        (readers.size, '3G', 3 << 30),
        (readers.mode, '660', 0o660),
        (readers.mode, '0o600', 0o600),
        (readers.mode, 0o600, 0o600),
        (readers.flag, True, True),
        (readers.flag, 'Yes', True),
        (readers.flag, '1', True),
        (readers.flag, 'OFF', False),
        (readers.flag, 'no', False),
        (readers.text, Path('/a') / 'b', '/a/b'),
        (readers.host, '', ''),
        (readers.host, '::1', '::1'),
        (readers.one_of('a', 'b'), 'b', 'b'),
        (readers.texts, 'a, b,c', ('a', 'b', 'c')),
        (readers.texts, ['a', 'b'], ('a', 'b')),
        (readers.binds, ':80,[::1]:80', (':80', '[::1]:80')),
        (readers.networks, '10.0.0.0/8, unix', ('10.0.0.0/8', 'unix')),
        (readers.networks, ['::1'], ('::1',)),
        (readers.backend_options, {'a': 1}, {'a': 1}),
    ],
)
def test_values(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    ('read', 'value', 'wanted'),
    [
        (readers.whole_number(1), '0', 'a whole number from 1 up'),
        (readers.whole_number(0), '-1', 'a whole number from 0 up'),
        (readers.whole_number(0), True, 'a whole number'),
        (readers.whole_number(0), 1.0, 'a whole number'),
        (readers.whole_number(0), '1_0', 'a whole number'),
        (readers.whole_number(0), '\u0663', 'a whole number'),
        (readers.whole_number(0), '9' * 5000, 'a whole number from 0 up'),
        (readers.seconds, '-1', 'a number of seconds'),
        (readers.seconds, math.inf, 'a number of seconds'),
        (readers.seconds, math.nan, 'a number of seconds'),
        (readers.seconds, True, 'a number of seconds'),
        (readers.seconds, 10**400, 'a number of seconds'),
        (readers.size, '1T', 'a number of bytes'),
        (readers.size, 'K', 'a number of bytes'),
        (readers.size, '', 'a number of bytes'),
        (readers.size, '9' * 5000, 'a number of bytes'),
        (readers.mode, '888', 'octal permissions'),
        (readers.mode, 660, 'octal permissions'),
        (readers.mode, '1777', 'octal permissions'),
        (readers.mode, -1, 'octal permissions'),
        (readers.mode, True, 'octal permissions'),
        (readers.flag, 'maybe', 'true or false'),
        (readers.flag, 2, 'true or false'),
        (readers.text, '', 'a text'),
        (readers.text, 'a\0b', 'a text'),
        (readers.text, 5, 'a text'),
        (readers.host, None, 'a text'),
        (readers.one_of('a', 'b'), 'c', 'one of a, b'),
        (readers.texts, 5, 'with commas between'),
        (readers.texts, 'a,,b', 'a text'),
        (readers.binds, [], 'at least one address'),
        (readers.binds, ':80,:80', 'one is given twice'),
        (readers.networks, '10.0.0.1/8', 'networks such as'),
        (readers.networks, 'proxy.example', 'networks such as'),
        (readers.networks, 'nobody,unix', 'networks such as'),
        (readers.backend_options, 'a=1', 'names with values'),
        (readers.backend_options, {1: 2}, 'names with values'),
    ],
)
def test_what_is_refused(read: Callable[[Any], Any], value: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        read(value)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [('8', 8), ('1.5', 1.5), ('true', True), ('"8"', '8'), ('[1, 2]', [1, 2]), ('None', 'None'), ('a b', 'a b')],
)
def test_literals(text: str, expected: Any) -> None:
    assert readers.literal(text) == expected


@given(st.one_of(st.text(), st.just('[' * 100_000)))
def test_every_text_is_a_literal(text: str) -> None:
    found = readers.literal(text)
    assert found == text or repr(found) == repr(json.loads(text))  # NaN is not equal to itself
