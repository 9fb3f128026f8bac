"""MultiDict, FormsDict, HeaderDict, WSGIHeaderDict."""

import copy
import pickle
from typing import Any

import pytest

from bottle.datastructures import FormsDict, HeaderDict, MultiDict, WSGIHeaderDict

PAIRS = [('a', 1), ('b', 2), ('a', 3)]


@pytest.mark.parametrize('source', [PAIRS, iter(PAIRS), MultiDict(PAIRS)], ids=['list', 'iterator', 'multidict'])
def test_multidict_keeps_all_values_in_order(source: Any) -> None:
    many = MultiDict(source, c=4)
    assert many.dict == {'a': [1, 3], 'b': [2], 'c': [4]}


def test_multidict_shows_the_newest_value() -> None:
    many = MultiDict(PAIRS)
    assert many['a'] == 3
    assert (len(many), list(many), 'a' in many, 'z' in many) == (2, ['a', 'b'], True, False)
    assert list(many.keys()) == list(many.iterkeys()) == ['a', 'b']
    assert list(many.values()) == list(many.itervalues()) == [3, 2]
    assert list(many.items()) == list(many.iteritems()) == [('a', 3), ('b', 2)]
    assert list(many.allitems()) == list(many.iterallitems()) == [('a', 1), ('a', 3), ('b', 2)]


def test_multidict_changes() -> None:
    many = MultiDict({'a': 1})
    many['a'] = 2
    many.append('a', 3)
    assert many.getall('a') == many.getlist('a') == [1, 2, 3]
    many.replace('a', 4)
    assert many.getall('a') == [4]
    del many['a']
    assert many.getall('a') == []
    with pytest.raises(KeyError):
        _ = many['a']
    with pytest.raises(TypeError, match='at most 1'):
        MultiDict({}, {})


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (('a',), '3'),
        (('a', None, 0), '1'),
        (('a', 'none', 9), 'none'),
        (('z',), None),
        (('z', 'none'), 'none'),
        (('a', 'none', -1, int), 3),
        (('b', 'none', -1, int), 'none'),
        (('a', 'none', -1, lambda value: 1 / 0), 'none'),
    ],
)
def test_multidict_get(arguments: Any, expected: Any) -> None:
    many = MultiDict([('a', '1'), ('a', '3'), ('b', 'x')])
    assert many.get(*arguments) == many.getone(*arguments) == expected


def test_multidict_repr() -> None:
    assert repr(MultiDict([('a', 1), ('a', 2)])) == "MultiDict([('a', 1), ('a', 2)])"


# FormsDict


def test_fields_are_attributes() -> None:
    forms = FormsDict(name='ü', bad='\udcff')
    assert (forms.name, forms.missing, forms.bad) == ('ü', '', '')
    with pytest.raises(AttributeError):
        _ = forms.__missing__


def test_getunicode() -> None:
    forms = FormsDict(name='ü', bad='\udcff', raw=b'\xc3\xbc', number=5)
    assert forms.getunicode('name') == forms.getunicode('raw') == 'ü'
    assert forms.getunicode('bad') is None
    assert forms.getunicode('bad', 'default') == forms.getunicode('missing', 'default') == 'default'
    assert forms.getunicode('bad', encoding='latin1') == 'ÿ'
    assert forms.getunicode('number') == 5


def test_decode_reads_all_fields_in_another_encoding() -> None:
    forms = FormsDict([('ü', 'ü'), ('a', '\udcfc')])
    assert forms.decode('latin1').dict == {'Ã¼': ['Ã¼'], 'a': ['ü']}
    with pytest.raises(UnicodeDecodeError):
        forms.decode()


def test_native_strings_are_recoded_when_told() -> None:
    forms = FormsDict(name='\xc3\xbc')
    forms.recode_unicode = True
    assert (forms.name, forms.decode().name) == ('ü', 'ü')


@pytest.mark.parametrize('clone', [copy.copy, copy.deepcopy, lambda forms: pickle.loads(pickle.dumps(forms))])
def test_forms_can_be_copied(clone: Any) -> None:
    forms = FormsDict([('a', '1'), ('a', '2')])
    assert clone(forms).getall('a') == ['1', '2']


# HeaderDict


def test_header_names_have_no_case() -> None:
    headers = HeaderDict({'content-type': 'x'}, x_custom=5)
    assert headers.dict == {'Content-Type': ['x'], 'X-Custom': ['5']}
    assert headers['CONTENT_TYPE'] == headers['content-Type'] == 'x'
    assert 'content_type' in headers
    assert not any(name in headers for name in ('nope', 'not a name', '', 'ü'))
    assert (headers.get('X-custom'), headers.get('nope', 1), headers.getall('nope')) == ('5', 1, [])


def test_header_assignment_replaces_and_append_adds() -> None:
    headers = HeaderDict()
    headers['a'] = 1
    headers['A'] = 2
    headers.append('a', 3)
    assert headers.getall('a') == ['2', '3']
    assert headers.get('a', index=0) == '2'
    headers.replace('a', 4)
    assert headers.getall('a') == ['4']
    assert headers.setdefault('b', 'x') == headers['B'] == 'x'
    headers.filter(['A', 'nope', 'not a name'])
    assert list(headers.allitems()) == [('B', 'x')]
    del headers['b']
    with pytest.raises(KeyError):
        del headers['b']


@pytest.mark.parametrize(
    ('value', 'expected'), [(None, ''), (b'\xc3\xbc', 'ü'), ('ü', 'ü'), (1.5, '1.5'), ('a\tb', 'a\tb')]
)
def test_header_values_become_text(value: Any, expected: Any) -> None:
    headers = HeaderDict(a=value)
    headers.append('a', value)
    assert headers.getall('a') == [expected, expected]


@pytest.mark.parametrize('char', ['\r', '\n', '\0', '\x0b', '\x1f', '\x7f'])
@pytest.mark.parametrize('method', ['__setitem__', 'append', 'replace', 'setdefault'])
def test_header_values_have_no_control_characters(method: Any, char: Any) -> None:
    headers = HeaderDict()
    with pytest.raises(ValueError, match='control characters'):
        getattr(headers, method)('a', f'x{char}y')
    assert headers.dict == {}


@pytest.mark.parametrize('name', ['', 'a:b', 'a b', 'a\nb', 'a\0', 'ü', 'a\x7f', 'a(b)', 'a\n'])
@pytest.mark.parametrize('method', ['__setitem__', 'append', 'replace'])
def test_header_names_are_tokens(method: Any, name: Any) -> None:
    with pytest.raises(ValueError, match='header name'):
        getattr(HeaderDict(), method)(name, 'x')


# WSGIHeaderDict


@pytest.fixture
def request_headers() -> Any:
    return WSGIHeaderDict({'HTTP_X_Y': '1', 'CONTENT_TYPE': 't', 'wsgi.x': 1, 'HTTP_RAW': b'\xfc', 'HTTPS': 'on'})


def test_wsgi_headers_are_a_view(request_headers: Any) -> None:
    assert list(request_headers) == request_headers.keys() == ['X-Y', 'Content-Type', 'Raw']
    assert len(request_headers) == 3
    assert request_headers['x-y'] == request_headers['X_Y'] == '1'
    assert request_headers['content-type'] == 't'
    assert ('X-Y' in request_headers, 'nope' in request_headers) == (True, False)
    assert request_headers.get('nope', 'default') == 'default'
    request_headers.environ['HTTP_NOPE'] = 'there'
    assert request_headers['Nope'] == 'there'


@pytest.mark.parametrize('value', ['\xc3\xbc', b'\xc3\xbc'])
def test_wsgi_headers_are_text_in_utf_8(value: Any) -> None:
    headers = WSGIHeaderDict({'HTTP_X': value, 'HTTP_BAD': '\xff'})
    assert headers['x'] == headers.get('x') == 'ü'
    assert headers.raw('x') == value
    assert headers.raw('nope', 1) == 1
    assert headers['bad'] == '\udcff'
    assert 'ü' in repr(headers)


def test_wsgi_headers_are_read_only(request_headers: Any) -> None:
    with pytest.raises(TypeError, match='read-only'):
        request_headers['a'] = 'b'
    with pytest.raises(TypeError, match='read-only'):
        del request_headers['x-y']
