"""What holds for any input: routes are found by the URLs built from them, ranges stay inside, fields come back."""

import re
from typing import Any
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from bottle import Bottle, HeaderDict, Response, Router, SimpleTemplate, parse_range_header, request
from tests.support.wsgi import call

NAMES = st.text('abé€ .-_~%&=+', min_size=1, max_size=8)
SEGMENTS = NAMES.filter(lambda text: text.strip('.'))

#: Filters of rules with the values that they take.
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    '': SEGMENTS,
    ':int': st.integers(),
    ':float': st.floats(allow_nan=False, allow_infinity=False),
    ':path': st.lists(SEGMENTS, min_size=1, max_size=3).map('/'.join),
    ':re:[a-c]{2,4}': st.text('abc', min_size=2, max_size=4),
}


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return a rule with one wildcard per segment, and values for its wildcards."""
    rule, values = '', {}
    for index, name in enumerate(draw(st.lists(st.sampled_from([None, *FILTERS]), min_size=1, max_size=4))):
        if name is None:
            rule += '/' + draw(st.sampled_from(['static', 'a.b', 'é']))
        else:
            rule += f'/lit{index}/<w{index}{name}>'
            values[f'w{index}'] = draw(FILTERS[name])
    return rule, values


@given(rules())
@example(('/lit0/<w0:path>/lit1/<w1>', {'w0': 'a/lit1/b', 'w1': 'a'}))
def test_what_is_built_is_matched(made: tuple[str, dict[str, Any]]) -> None:
    rule, values = made
    router = Router()
    router.add(rule, 'GET', 'target')
    path = router.build(rule, **values)
    target, found = router.match({'REQUEST_METHOD': 'GET', 'PATH_INFO': path})
    assert target == 'target'
    assert router.build(rule, **found) == path
    assert found.keys() == values.keys()
    if ':path' not in rule:
        assert found == values


@given(SEGMENTS, st.integers())
def test_a_built_url_leads_back_through_an_application(name: str, number: int) -> None:
    app = Bottle()

    @app.route('/<name>/<number:int>', name='here')
    def here(name: str, number: int) -> Any:
        assert app.get_url('here', name=name, number=number) == request.path
        return {'name': name, 'number': number}

    assert call(app, app.get_url('here', name=name, number=number)).code == 200


NUMBERS = st.one_of(st.just(''), st.integers(0, 60).map(str), st.sampled_from(['-1', '+1', '1.0', 'x', '٣', ' 5 ']))
SPECS = st.tuples(NUMBERS, st.sampled_from(['-', '', '--']), NUMBERS).map(''.join)


@given(
    st.one_of(st.lists(SPECS, max_size=5).map(lambda specs: f'bytes={",".join(specs)}'), st.text()), st.integers(0, 50)
)
def test_ranges_stay_inside(header: str, length: int) -> None:
    for start, end in parse_range_header(header, length):
        assert 0 <= start < end <= length


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 50))
def test_a_range_means_what_it_says(first: int, last: int, length: int) -> None:
    wanted = range(length)[first : last + 1] if first <= last else range(0)
    assert [range(*span) for span in parse_range_header(f'bytes={first}-{last}', length)] == (
        [wanted] if wanted else []
    )
    tail = range(length)[-last:] if last else range(0)
    assert [range(*span) for span in parse_range_header(f'bytes=-{last}', length)] == ([tail] if tail else [])


TOKENS = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^`|~-]+", fullmatch=True)
VALUES = st.text(st.characters(codec='utf8', exclude_categories=['Cc']))


@given(st.lists(st.tuples(TOKENS, VALUES)))
def test_header_fields_come_back(fields: list[tuple[str, str]]) -> None:
    headers = HeaderDict()
    for name, value in fields:
        headers.append(name, value)
    for name, value in fields:
        assert headers[name.lower()] == [text for other, text in fields if other.lower() == name.lower()][-1]
        assert value in headers.getall(name.upper())
    assert len(list(headers.allitems())) == len(fields)


@given(st.text(), st.text())
def test_no_field_reaches_the_wire_with_a_line_end(name: str, value: str) -> None:
    made = Response()
    try:
        made.add_header(name, value)
    except ValueError:
        assert re.search(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]|^$", name) or re.search(r'[\x00-\x08\x0a-\x1f\x7f]', value)
    assert not [text for field in made.headerlist for text in field if re.search(r'[\r\n\0]', text)]
    assert all(ord(char) < 256 for field in made.headerlist for char in field[1])


@given(st.text(st.characters(codec='utf8')))
def test_a_cookie_comes_back(value: str) -> None:
    app, got = Bottle(), []
    app.route('/', callback=lambda: got.append(request.get_cookie('name', '')))
    made = Response()
    try:
        made.set_cookie('name', value)
    except ValueError:
        assert re.search(r'[\x00-\x1f\x7f;]', value) or len(quote(value)) > 1000
        return
    call(app, HTTP_COOKIE=dict(made.headerlist)['Set-Cookie'])
    assert got == [value]


@given(st.lists(st.text(st.characters(codec='utf8')), max_size=5))
def test_a_template_prints_what_it_is_given(words: list[str]) -> None:
    source = '% for word in words:\n{{!word}}|\\\\\n% end\n'
    assert SimpleTemplate(source).render(words=words) == ''.join(f'{word}|' for word in words)
