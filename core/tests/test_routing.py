"""Rules, the tree that finds them, building URLs, and what a Route knows about its callback."""

import re
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bottle
from bottle import Bottle, HTTPError, Route, RouteBuildError, Router, RouterUnknownModeError, RouteSyntaxError, _util
from bottle.rules import parse


def router(*rules: str, method: str = 'GET', strict: bool = False) -> Router:
    made = Router(strict)
    for rule in rules:
        made.add(rule, method, rule)
    return made


def match(made: Router, path: str, method: str = 'GET') -> tuple[Any, dict[str, Any]]:
    return made.match({'REQUEST_METHOD': method, 'PATH_INFO': path})


def refusal(made: Router, path: str, method: str = 'GET') -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        match(made, path, method)
    return caught.value


@pytest.mark.parametrize(
    ('rule', 'path', 'expected'),
    [
        ('/', '/', {}),
        ('/', '', {}),
        ('/static', '/static', {}),
        ('/its/:here', '/its/a', {'here': 'a'}),
        ('/:#anon#/match', '/anon/match', {}),
        (r'/:num#\d+#/x', '/42/x', {'num': '42'}),
        ('/<a>', '/x y', {'a': 'x y'}),
        ('/<a>/<b>', '/1/2', {'a': '1', 'b': '2'}),
        ('/<a>.<ext>', '/file.tar.gz', {'a': 'file.tar', 'ext': 'gz'}),
        ('/v<n:int>/x', '/v-12/x', {'n': -12}),
        ('/<x:float>', '/-1.5', {'x': -1.5}),
        ('/<p:path>', '/a/b/c', {'p': 'a/b/c'}),
        ('/<p:path>/end', '/a/b/end', {'p': 'a/b'}),
        ('/a/<p:path>/<q>', '/a/b/c/d', {'p': 'b/c', 'q': 'd'}),
        ('/<x:re:[a-c]+>', '/abc', {'x': 'abc'}),
        ('/<x:re:(a|b)(c)>', '/bc', {'x': 'bc'}),
        (r'/<x:re:[(]+>', '/((', {'x': '(('}),
        (r'/<x:re:a\>b>', '/a>b', {'x': 'a>b'}),
        ('/<x:re:[a-z]*>', '/', {'x': ''}),
        ('/<:re:.*>', '/any/thing', {}),
        ('/<:int>/<x>', '/5/6', {'x': '6'}),
        (r'/\<x>', '/<x>', {}),
        (r'/\:x', '/:x', {}),
        (r'/a\\<x>', '/a\\5', {'x': '5'}),
        ('/<x', '/<x', {}),
        ('/<1x>', '/<1x>', {}),
        ('/ü/<x>', '/ü/ä', {'x': 'ä'}),
        ('<p:path>', '/whole', {'p': '/whole'}),
        ('/<x:re:a$>', '/a', {'x': 'a'}),
        (r'/<x:re:\w+\b>/z', '/a/z', {'x': 'a'}),
        ('/<x:re:a(?=/)>/z', '/a/z', {'x': 'a'}),
    ],
)
@pytest.mark.filterwarnings('ignore:The rule:DeprecationWarning')
def test_rule_matches(rule: str, path: str, expected: dict[str, Any]) -> None:
    assert match(router(rule), path) == (rule, expected)


@pytest.mark.parametrize(
    ('rule', 'path'),
    [
        ('/<a>', '/'),
        ('/<a>', '/a/b'),
        ('/<a>', '/a/'),
        ('/<n:int>', '/a'),
        ('/<n:int>', '/1\n'),
        ('/<x:re:[a-c]+>', '/abcd'),
        ('/<p:path>', '/'),
        ('/a/<p:path>', '/a'),
        ('/a/<p:re:.*>', '/a'),
        ('/static', '/static/'),
        ('/a.b', '/axb'),
        ('/<x:re:a(?=/)>/z', '/b/z'),
    ],
)
def test_rule_does_not_match(rule: str, path: str) -> None:
    error = refusal(router(rule), path)
    assert (error.status_code, error.body) == (404, f'Not found: {path!r}')


@pytest.mark.parametrize('rule', ['/<a>/<a>', '/<x:re:[>', '/<x:re:a)(b>', '/<x:re:a(?i)>'])
def test_bad_rules_are_refused(rule: str) -> None:
    with pytest.raises(RouteSyntaxError, match=re.escape(repr(rule))):
        router(rule)


def test_unknown_filter_is_refused() -> None:
    with pytest.raises(RouterUnknownModeError, match='nope'):
        router('/<x:nope>')


def test_old_syntax_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match='old route syntax') as caught:
        Bottle().route('/:name')(str)
    assert caught[0].filename == __file__


def test_own_filter() -> None:
    made = Router()
    made.add_filter('list', lambda config: (r'[^/]+', lambda text: text.split(config), '-'.join))
    made.add('/<x:list:,>', 'GET', 'target', name='name')
    assert match(made, '/1,2') == ('target', {'x': ['1', '2']})
    assert made.build('name', x=['a', 'b']) == '/a-b'


def test_a_value_that_the_filter_refuses_is_a_bad_request() -> None:
    made = router('/<x:float>', '/<x>')
    assert refusal(made, '/1.2.3').status_code == 400


# Precedence


@pytest.mark.parametrize(
    ('rules', 'path', 'winner'),
    [
        (['/<a>', '/static'], '/static', '/static'),
        (['/<a>/x', '/y/<b>'], '/y/x', '/<a>/x'),
        (['/y/<b>', '/<a>/x'], '/y/x', '/y/<b>'),
        (['/<p:path>', '/a/<b>'], '/a/b', '/<p:path>'),
        (['/a/<b>', '/<p:path>'], '/a/b', '/a/<b>'),
        (['/a/<b>/c', '/<p:path>'], '/a/b/d', '/<p:path>'),
        (['/<a>', '/<a:int>'], '/5', '/<a>'),
        (['/<a:int>', '/<a>'], '/5', '/<a:int>'),
        (['/<a:int>', '/<a>'], '/x', '/<a>'),
    ],
)
def test_first_added_dynamic_rule_wins(rules: list[str], path: str, winner: str) -> None:
    assert match(router(*rules), path)[0] == winner


def test_strict_router_tries_static_rules_in_their_order() -> None:
    assert match(router('/<a>', '/static', strict=True), '/static')[0] == '/<a>'
    assert match(router('/static', '/<a>', strict=True), '/static')[0] == '/static'


def test_equal_rule_replaces_and_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_util.settings, 'debug', True)
    made = router('/<a>/x', '/y/<b>')
    with pytest.warns(RuntimeWarning, match='overwrites'):
        made.add('/<other>/x', 'GET', 'new')
    assert match(made, '/y/x') == ('new', {'other': 'y'})


SEGMENTS = ['', 'a', 'b', '1', '12', 'a1', 'ab']
WILDCARDS = {
    '<{}>': '[^/]+',
    '<{}:int>': r'-?\d+',
    '<{}:path>': '.+?',
    '<{}:re:[ab]*>': '[ab]*',
    '<{}:re:.*>': '.*',
    '<{}:re:a|b/a>': 'a|b/a',
    '<{}:re:[^b]+>': '[^b]+',
}
PIECES = st.lists(st.one_of(st.sampled_from(['/', '/', '/a', '/b', 'a', '1', '.']), st.sampled_from(list(WILDCARDS))))


def to_rule(pieces: list[str]) -> tuple[str, re.Pattern[str]]:
    """Return a rule and the regular expression of the whole of it."""
    rule, expression = '/', '/'
    for index, piece in enumerate(pieces):
        name = f'w{index}'
        rule += piece.format(name)
        expression += f'(?P<{name}>{WILDCARDS[piece]})' if piece in WILDCARDS else re.escape(piece)
    return rule, re.compile(expression)


@settings(max_examples=400, deadline=None)
@given(
    rules=st.lists(PIECES.map(to_rule), min_size=1, max_size=8),
    path=st.lists(st.sampled_from(SEGMENTS), max_size=4).map(lambda parts: '/' + '/'.join(parts)),
)
@example(rules=[to_rule(['<{}:path>']), to_rule(['a'])], path='/a')
def test_the_tree_agrees_with_an_ordered_list_of_expressions(
    rules: list[tuple[str, re.Pattern[str]]], path: str
) -> None:
    made = Router(strict=True)
    naive: dict[str, tuple[re.Pattern[str], str]] = {}
    for rule, pattern in rules:
        made.add(rule, 'GET', rule)
        shape = re.sub(r'\?P<w\d+>', '', pattern.pattern)
        naive[shape] = (pattern, rule)  # a rule of the same shape takes the place of the older one
    for pattern, rule in naive.values():
        if found := pattern.fullmatch(path):
            target, args = match(made, path)
            assert target == rule
            assert {name: str(value) for name, value in args.items()} == {
                name: str(int(value)) if f'<{name}:int>' in rule else value for name, value in found.groupdict().items()
            }
            return
    assert refusal(made, path).status_code == 404


# Methods


def test_methods() -> None:
    made = Router()
    for rule, method in [('/s', 'GET'), ('/s', 'POST'), ('/<d>/x', 'GET'), ('/any', 'ANY'), ('/p/<d>', 'PROXY')]:
        made.add(rule, method, (rule, method))
    made.add('/p/x', 'GET', 'shadowed')
    assert match(made, '/s', 'HEAD')[0] == ('/s', 'GET')
    assert match(made, '/s', 'post')[0] == ('/s', 'POST')
    assert match(made, '/any', 'BREW')[0] == ('/any', 'ANY')
    assert match(made, '/p/x', 'GET')[0] == ('/p/<d>', 'PROXY')


def test_head_prefers_its_own_route() -> None:
    made = router('/x')
    made.add('/x', 'HEAD', 'head')
    assert match(made, '/x', 'HEAD')[0] == 'head'


@pytest.mark.parametrize(('path', 'allowed'), [('/s', 'GET,POST'), ('/d/1', 'PUT')])
def test_405_names_the_allowed_methods(path: str, allowed: str) -> None:
    made = Router()
    for rule, method in [('/s', 'POST'), ('/s', 'GET'), ('/d/<x>', 'PUT')]:
        made.add(rule, method, None)
    error = refusal(made, path, 'DELETE')
    assert (error.status_code, error.get_header('Allow')) == (405, allowed)


def test_rules_added_after_a_match_are_found() -> None:
    made = router('/a')
    assert refusal(made, '/b').status_code == 404
    made.add('/b', 'GET', 'b')
    made.add('/<x>/c', 'GET', 'c')
    assert (match(made, '/b')[0], match(made, '/a/c')[0]) == ('b', 'c')


def test_unknown_methods_do_not_fill_the_memory() -> None:
    made = router('/a')
    for number in range(100):
        refusal(made, '/a', f'M{number}')
    assert len(made._tables) < 5


# Building


@pytest.mark.parametrize(
    ('anons', 'values', 'url'),
    [((), {'a': 5, 'b': 'x/y'}, '/r/5/x/y/'), (('z',), {'a': 1, 'b': 2, 'q': ['1', 'ä b']}, '/r/1/2/z?q=1&q=%C3%A4+b')],
)
def test_build(anons: tuple[str, ...], values: dict[str, Any], url: str) -> None:
    made = Router()
    made.add('/r/<a:int>/<b:path>/<:re:.*>', 'GET', None, name='named')
    assert made.build('named', *(anons or ('',)), **values) == url
    assert made.build('/r/<a:int>/<b:path>/<:re:.*>', *(anons or ('',)), **values) == url


def test_build_refuses() -> None:
    made = Router()
    made.add('/<a>', 'GET', None, name='named')
    with pytest.raises(RouteBuildError, match="Missing URL argument: 'a'"):
        made.build('named', b=1)
    with pytest.raises(RouteBuildError, match='No route with that name'):
        made.build('other')


# Cost


def seconds(made: Router, path: str) -> float:
    environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': path}
    best = 1.0
    for _ in range(15):
        begin = time.process_time()
        for _ in range(300):
            made.match(environ)
        best = min(best, time.process_time() - begin)
    return best


@pytest.mark.parametrize(
    'rule',
    [
        '/r{}/<a>/<b>',
        '/<a>/<b>/r{}',
        '/r{}/<a:int>/<b:path>',
        '/r{}-<a>/<b>',
        '/<a>-r{}/<b>',
        '/<a:path>/r{}/<b>/x{}',
    ],
)
def test_matching_does_not_depend_on_the_number_of_routes(rule: str) -> None:
    def numbered(text: str, number: int) -> str:
        return text.replace('{}', f'{number:05}')

    few, many = (router(*(numbered(rule, number) for number in range(count))) for count in (10, 10_000))
    path = re.sub('<[^>]+>', '1', rule)
    # Whatever else the machine does can spoil one measurement, hardly three.
    ratios = (seconds(many, numbered(path, 9_999)) / seconds(few, numbered(path, 9)) for _ in range(3))
    assert any(ratio <= 1.5 for ratio in ratios)


def test_ten_thousand_routes_are_ready_soon() -> None:
    begin = time.process_time()
    app = Bottle()
    for number in range(10_000):
        app.route(f'/r{number}/<a>/<b>', callback=lambda a, b: a + b)
    app.match({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/r9999/1/2'})[0].prepare()
    assert time.process_time() - begin < 3  # 0.5 s on an idle machine


def test_long_paths_are_refused_quickly() -> None:
    made = router('/<a>/<b>', '/<a:int>/<p:path>/x', '/<p:path>/y')
    begin = time.process_time()
    assert refusal(made, '/1' * 50_000).status_code == 404
    assert time.process_time() - begin < 1


# Routes


def handler(first: str, second: int = 1) -> str:
    return f'{first}{second}'


def with_wraps(func: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


def without_wraps(func: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


class Controller:
    def method(self, first: str) -> str:
        return first


@pytest.mark.parametrize('decorate', [with_wraps, without_wraps, lambda func: with_wraps(without_wraps(func))])
def test_undecorated_callback(decorate: Callable[..., Any]) -> None:
    route = Route(Bottle(), '/', 'GET', decorate(handler))
    assert route.get_undecorated_callback() is handler
    assert route.get_callback_args() == ['first', 'second']
    assert repr(route).endswith(':handler>')


def test_callback_may_be_a_method() -> None:
    assert Route(Bottle(), '/', 'GET', Controller().method).get_callback_args() == ['self', 'first']


def test_route_config_shows_the_application_through() -> None:
    app = Bottle()
    app.config['a'] = 1
    route = Route(app, '/', 'GET', handler, b=2, ns={'c': 3})
    app.config['later'] = 4
    assert [route.config[key] for key in ('a', 'b', 'ns.c', 'later')] == [1, 2, 3, 4]
    assert (route.get_config('a'), route.get_config('zz', 'default')) == (1, 'default')
    assert 'b' not in app.config


def test_call_is_built_once_and_after_reset_again() -> None:
    app = Bottle()
    applied = []

    def plugin(callback: Callable[..., Any]) -> Callable[..., Any]:
        applied.append(1)
        return callback

    route = Route(app, '/', 'GET', handler, plugins=[plugin])
    assert route.call is route.call
    assert len(applied) == 1
    route.reset()
    route.prepare()
    assert len(applied) == 2


def a__b(c: str, d: int = 5) -> None: ...
def index() -> None: ...


@pytest.mark.parametrize(('func', 'rules'), [(a__b, ['/a/b/<c>', '/a/b/<c>/<d>']), (index, ['/index'])])
def test_yieldroutes(func: Callable[..., Any], rules: list[str]) -> None:
    assert list(bottle.yieldroutes(func)) == rules


def test_segments_of_a_rule() -> None:
    rule = parse('/a/<x>-<y>/<p:path>/z', Router().filters)
    assert [len(pieces) for pieces in rule.segments] == [0, 1, 3]
    assert len(rule.tail) == 2
