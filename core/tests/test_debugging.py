"""The answer to a request that failed in debug mode: what it shows, what it never shows, and to whom."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

import bottle
from bottle import Bottle, HTTPError, SimpleTemplate, debugging, response, responses
from bottle._util import settings
from bottle.errors import StplSyntaxError
from tests.support.client import Answer, fetch, raw, read_all
from tests.support.processes import Server, serving
from tests.support.wsgi import call, make_environ, send

BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
LONGEST = 200_000  # bytes
VOID = {'meta', 'br'}
NOTHING: dict[object, object] = {}
FAILURES = (ArithmeticError, LookupError, NameError, RuntimeError, StplSyntaxError, SyntaxError, ValueError)


@pytest.fixture(autouse=True)
def debug_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch debug mode on."""
    monkeypatch.setattr(settings, 'debug', True)


class Page(HTMLParser):
    """A page as a browser reads it; what is not closed, or not opened, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)
            self.texts.setdefault(tag, []).append('')

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.opened):
            self.texts[tag][-1] += data

    def text(self, tag: str) -> str:
        """Return the text of the only element of a kind."""
        (found,) = self.texts[tag]
        return found


def page_of(error: BaseException) -> Page:
    """Return the page for an exception."""
    headers, text = debugging.answer(error, make_environ('/p', QUERY_STRING='a=<b>'), '500 Oops: body')
    assert headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert len(text.encode()) <= LONGEST
    return Page(text)


def caught(function: Callable[..., object], *args: Any) -> BaseException:
    """Return the exception that a function raises."""
    with pytest.raises(FAILURES) as found:
        function(*args)
    return found.value


def failing(error: BaseException) -> Bottle:
    """Return an application whose only handler raises an exception."""

    def handler() -> None:
        raise error

    app = Bottle()
    app.route('/', callback=handler)
    return app


# What is shown


def test_heading_request_and_frames() -> None:
    answer = call(failing(ValueError('<wrong>')), QUERY_STRING='q=<1>', HTTP_ACCEPT=BROWSER)
    page = Page(answer.text)
    assert answer.code == 500
    assert page.text('h1') == page.text('title') == 'ValueError: <wrong>'
    assert 'GET /?q=<1> HTTP/1.' in page.text('body')
    assert '500 Internal Server Error' in page.text('body')
    first, *others = page.texts['details']
    assert first.startswith(f'{__file__}, line ')
    assert ', in handler (application)' in first
    assert all(text.startswith(bottle.__path__[0]) and '(library)' in text for text in others)
    assert [attributes.get('open', 'closed') for tag, attributes in page.tags if tag == 'details'] == [
        None,
        *['closed'] * len(others),
    ]
    assert page.texts['mark'][0].startswith('→')
    assert page.texts['mark'][0].endswith('        raise error')
    assert 'def handler() -> None:' in page.texts['pre'][0]
    assert page.text('textarea').startswith('\nTraceback (most recent call last):\n')
    assert page.text('textarea').rstrip().endswith('ValueError: <wrong>')


def test_values_are_not_shown() -> None:
    secret = 'hunter' + '2' * 7
    error = caught(lambda key: NOTHING[bool(key)], secret)
    assert secret not in str(debugging.answer(error, {'wsgi.errors': secret, 'HTTP_COOKIE': secret}, ''))


def test_nothing_is_run_and_nothing_is_loaded() -> None:
    answer = call(failing(ValueError('x')), HTTP_ACCEPT=BROWSER)
    policy = answer.header('Content-Security-Policy') or ''
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert (answer.header('X-Content-Type-Options'), answer.header('Cache-Control')) == ('nosniff', 'no-store')
    page = Page(answer.text)
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {tag for tag, _ in page.tags} & {'script', 'link', 'img', 'iframe', 'form', 'a', 'object'}
    assert not [name for name in names if name.startswith('on') or name in {'src', 'href', 'style', 'action'}]
    assert 'url(' not in answer.text


def test_causes_follow() -> None:
    def explicit() -> None:
        try:
            implicit()
        except KeyError as error:
            raise ValueError('second') from error

    def implicit() -> None:
        try:
            int('none')
        finally:
            NOTHING['first']

    page = page_of(caught(explicit))
    assert page.text('h1') == 'ValueError: second'
    assert page.texts['h2'][:2] == [
        "Caused by: KeyError: 'first'",
        "Raised while this was handled: ValueError: invalid literal for int() with base 10: 'none'",
    ]


def test_a_context_that_is_suppressed_is_not_shown() -> None:
    def hiding() -> None:
        try:
            int('hidden')
        except ValueError:
            raise KeyError('shown') from None

    page = page_of(caught(hiding))
    assert page.texts['h2'] == ['Traceback, to copy']


def test_groups_and_notes() -> None:
    member = ValueError('member')
    member.add_note('a <note>')
    group = ExceptionGroup('several', [member, ExceptionGroup('inner', [KeyError('deep')])])
    page = page_of(group)
    assert page.text('h1') == 'ExceptionGroup: several (2 sub-exceptions)'
    assert page.texts['h2'][:3] == [
        'In this group: ValueError: member\na <note>',
        'In this group: ExceptionGroup: inner (1 sub-exception)',
        "In this group: KeyError: 'deep'",
    ]


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError('first'), ValueError('second')
    first.__cause__, second.__cause__ = second, first
    assert page_of(first).texts['h2'][:-1] == ['Caused by: ValueError: second']


def test_recursion_is_folded() -> None:
    def down() -> None:
        down()

    page = page_of(caught(down))
    assert 'RecursionError' in page.text('h1')
    assert any(' times (application)' in text for text in page.texts['summary'])
    assert len(page.texts['details']) < 6


def test_recursion_in_turns_is_left_out_in_the_middle() -> None:
    def ping() -> None:
        pong()

    def pong() -> None:
        ping()

    page = page_of(caught(ping))
    assert len(page.texts['details']) == 30
    assert 'in caught' in page.texts['details'][-1]
    assert any('frames are left out' in text for text in page.texts['p'])


def test_a_crowd_of_exceptions_is_cut() -> None:
    page = page_of(BaseExceptionGroup('crowd', [ValueError('small') for _ in range(500)]))
    assert len(page.texts['h2']) == 20  # and the heading of the traceback, instead of that of the page


def test_however_much_went_wrong_the_page_is_bounded() -> None:
    members = [caught(compile, 'x = (' + '"' * 5000, '"' * 5000, 'exec') for _ in range(30)]
    error = BaseExceptionGroup('"' * 10**6, members)
    environ = make_environ('/' + '"' * 10**6, HTTP_ACCEPT=BROWSER) | {'QUERY_STRING': '"' * 10**6}
    _, text = debugging.answer(error, environ, '"' * 10**6)
    assert 150_000 < len(text.encode()) <= LONGEST
    assert 'The rest is left out' in Page(text).texts['p'][-1]


def test_long_lines_and_many_frames_are_cut(tmp_path: Path) -> None:
    file = tmp_path / 'wide.py'
    padding = '"' * 4 + '<&>' * 300 + '"' * 3
    body = ''.join(f'def f{n}():\n    f{n + 1}()  # {padding}\n' for n in range(90))
    namespace: dict[str, Any] = {}
    file.write_text(body)
    exec(compile(file.read_text(), str(file), 'exec'), namespace)
    page = page_of(caught(namespace['f0']))
    assert 'The rest is left out' in page.texts['p'][-1]


def test_source_that_cannot_be_read_is_absent(tmp_path: Path) -> None:
    binary = tmp_path / 'binary.py'
    binary.write_bytes(b'\xff\xfe\x00' * 100)
    for name in (str(binary), str(tmp_path / 'none.py'), '<string>', '<nowhere>', 'with\x1b[31mescape', ''):
        error = ValueError('x')
        error.__traceback__ = caught(eval, compile('1 / 0', name, 'eval')).__traceback__
        page = page_of(error)
        assert '→' not in page.texts['details'][0]
        assert '\x1b' not in page.text('body')


# Templates


def test_a_template_from_text_shows_its_own_line() -> None:
    page = page_of(caught(SimpleTemplate('one\n% def part():\n{{1 // zero}}\n% end\n% part()\n').render, {'zero': 0}))
    assert 'ZeroDivisionError' in page.text('h1')
    assert page.texts['mark'][:2] == ['→    3  {{1 // zero}}', '→    5  % part()']


def test_a_template_from_a_file_shows_its_own_line(tmp_path: Path) -> None:
    (tmp_path / 'page.tpl').write_text('one\n<p>{{missing}}</p>\nthree\n')
    page = page_of(caught(SimpleTemplate(name='page', lookup=[str(tmp_path)]).render))
    assert page.texts['details'][0].startswith(f'{tmp_path / "page.tpl"}, line 2')
    assert page.texts['mark'][0] == '→    2  <p>{{missing}}</p>'


def test_a_syntax_error_shows_its_place(tmp_path: Path) -> None:
    (tmp_path / 'page.tpl').write_text('one\n% if True\nthree\n')
    page = page_of(caught(lambda: SimpleTemplate(name='page', lookup=[str(tmp_path)]).co))
    assert page.texts['details'][0].startswith(f'{tmp_path / "page.tpl"}, line 2')
    assert page.texts['mark'][0] == '→    2  % if True'


# To whom


@pytest.mark.parametrize(
    ('accept', 'html'),
    [
        ('', True),
        (BROWSER, True),
        ('TEXT/HTML', True),
        ('text/html;charset=utf-8;q=0.5, */*', True),
        ('application/json;q=0.5, text/html', True),
        ('text/plain;q=0.5, text/html;q=0.6', True),
        ('application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,*/*;q=0.5', True),
        ('*/*', False),
        ('application/json', False),
        ('text/plain', False),
        ('text/plain, text/html', False),
        ('application/json, text/html;q=0.9', False),
        ('text/html;q=0', False),
        ('text/htmlx', False),
        ('image/png', False),
        (',;q=,', False),
    ],
)
def test_html_for_who_wants_it(accept: str, html: bool) -> None:
    extra: dict[str, Any] = {'HTTP_ACCEPT': accept} if accept else {}
    answer = call(failing(ValueError('<x>')), **extra)
    assert (answer.code, '<html' in answer.text) == (500, html)
    assert answer.header('Content-Type') == f'text/{"html" if html else "plain"}; charset=UTF-8'
    if not html:
        assert answer.text.startswith('GET / HTTP/1.1\n\nTraceback (most recent call last):\n')
        assert answer.text.endswith('\nValueError: <x>\n')


@pytest.mark.parametrize('accept', ['', BROWSER, '*/*', 'application/json'])
def test_without_debug_mode_nothing_is_told(accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, 'debug', False)
    answer = call(failing(ValueError('secret')), HTTP_ACCEPT=accept)
    assert answer.headers == [('Content-Length', str(len(answer.body))), ('Content-Type', 'text/html; charset=UTF-8')]
    assert not [text for text in ('secret', 'ValueError', 'Traceback', __file__) if text in answer.text]


def test_an_error_that_is_no_exception_keeps_its_page() -> None:
    answer = call(Bottle(), '/missing', HTTP_ACCEPT='*/*')
    assert (answer.code, '<h1>Error: 404 Not Found</h1>' in answer.text) == (404, True)
    assert answer.header('Content-Security-Policy') is None


def test_an_error_with_an_exception_keeps_status_and_fields() -> None:
    error = HTTPError(400, 'Invalid <thing>', exception=ValueError('why'), X_More='1', Content_Type='image/png')
    answer = call(failing(error), HTTP_ACCEPT=BROWSER)
    page = Page(answer.text)
    assert (answer.code, answer.header('X-More'), answer.header('Content-Type')) == (
        400,
        '1',
        'text/html; charset=UTF-8',
    )
    assert page.text('h1') == 'ValueError: why'
    assert '400 Bad Request: Invalid <thing>' in page.text('body')
    assert page.text('textarea') == '\nValueError: why\n'


# What programs replace


def test_an_error_handler_of_the_application_answers() -> None:
    app = failing(ValueError('mine'))

    @app.error(500)
    def own(error: HTTPError) -> dict[str, str] | str:
        return f'own: {error.exception!r} {"Traceback" in str(error.traceback)}'

    answer = call(app, HTTP_ACCEPT=BROWSER)
    assert (answer.text, answer.header('Content-Security-Policy')) == ("own: ValueError('mine') True", None)


def test_an_error_handler_may_ask_for_the_page() -> None:
    app = failing(ValueError('mine'))
    app.error(500, app.default_error_handler)
    assert Page(call(app).text).text('h1') == 'ValueError: mine'


@pytest.mark.parametrize('accept', [BROWSER, '*/*'])
def test_hooks_add_to_the_answer(accept: str) -> None:
    app = failing(ValueError('x'))
    app.add_hook('after_request', lambda: response.set_header('X-After', 'yes'))
    app.error(500, app.default_error_handler)
    answer = call(app, HTTP_ACCEPT=accept)
    assert ('ValueError: x' in answer.text, answer.header('X-Content-Type-Options')) == (True, 'nosniff')
    assert call(app, method='HEAD', HTTP_ACCEPT=accept).body == b''


def test_a_template_of_the_program_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, 'ERROR_PAGE_TEMPLATE', 'own {{e.exception}} {{e.traceback}} {{!e.report}}')
    answer = call(failing(ValueError('<mine>')), HTTP_ACCEPT=BROWSER)
    assert answer.text.startswith('own &lt;mine&gt; Traceback')
    assert '<h2>Exception:</h2>\n<pre>ValueError(&#039;&lt;mine&gt;&#039;)</pre>' in answer.text
    assert answer.header('Content-Security-Policy') is None


def test_a_page_without_a_request_is_the_plain_one() -> None:
    from contextvars import Context

    error = HTTPError(500, 'x', ValueError('y'))
    assert '<h1>Error: 500' in Context().run(Bottle().default_error_handler, error)


# Where it fails


def test_a_generator_that_fails_before_its_first_piece() -> None:
    def pieces() -> Iterator[str]:
        yield ''
        raise KeyError('early')

    app = Bottle()
    app.route('/', callback=pieces)
    page = Page(call(app, HTTP_ACCEPT=BROWSER).text)
    assert page.text('h1') == "KeyError: 'early'"
    assert ', in pieces (application)' in page.texts['details'][0]


def test_an_error_handler_that_fails() -> None:
    app = failing(ValueError('first'))

    @app.error(500)
    def broken(_error: HTTPError) -> str:
        raise KeyError('<second>')

    answer = call(app, HTTP_ACCEPT=BROWSER)
    page = Page(answer.text)
    assert (answer.status, page.text('h1')) == ('500 INTERNAL SERVER ERROR', "KeyError: '<second>'")
    assert ', in broken (application)' in page.texts['details'][0]
    assert 'no error page could be made' in page.text('body')
    assert call(app, HTTP_ACCEPT='*/*').text.endswith("KeyError: '<second>'\n")


def test_when_this_page_fails_there_is_a_simpler_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debugging, '_PAGE', '{nothing}')
    answer = call(failing(ValueError('<first>')))
    assert answer.text.startswith('<h1>Critical error while processing request: /</h1>')
    assert 'KeyError: &#039;nothing&#039;' in answer.text


# Hostile exceptions

HOSTILE = st.one_of(
    st.text(st.characters(max_codepoint=0x10FFFF, categories=None)),
    st.sampled_from(
        ['<script>alert(1)</script>', '</textarea><script>', '\x1b[2J\x00\r\n\x9b', '\u202eabc\ud800', '"\'&']
    ),
    st.builds(
        lambda text, count: text * count, st.sampled_from(['<', '\ud800', '"\n', '\U0001f600', 'x']), st.just(10**6)
    ),
)


@effort(deadline=None, max_examples=150)
@given(HOSTILE, HOSTILE, st.sampled_from(['', '*/*']))
def test_hostile_messages(message: str, path: str, accept: str) -> None:
    environ = make_environ(HTTP_ACCEPT=accept) | {'QUERY_STRING': path}
    answer = send(failing(type('<b>', (Exception,), {})(message)), environ)
    text = answer.body.decode()
    assert answer.code == 500
    assert len(answer.body) <= LONGEST
    assert not debugging._INVISIBLE.search(text)
    if not accept:
        assert {tag for tag, _ in Page(text).tags} == PLAIN_TAGS
        assert '<script' not in text


PLAIN_TAGS = {
    *(
        'html',
        'head',
        'meta',
        'title',
        'style',
        'body',
        'h1',
        'h2',
        'p',
        'code',
        'details',
        'summary',
        'pre',
        'mark',
        'textarea',
    )
}


class Speechless(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError('no text')

    __repr__ = __str__


Liar = type('Liar', (Exception,), {'__str__': lambda _self: 5})


def raising(error: HTTPError) -> None:
    """Raise what went wrong once more."""
    assert error.exception
    raise error.exception


@pytest.mark.parametrize('kind', [Speechless, Liar])
@pytest.mark.parametrize('place', ['handler', 'error handler'])
@pytest.mark.parametrize('accept', ['*/*', BROWSER])
def test_an_exception_without_text(kind: type[Exception], place: str, accept: str) -> None:
    app = failing(kind())
    if place == 'error handler':
        app.error(500, raising)
    answer = send(app, make_environ(HTTP_ACCEPT=accept))
    assert (answer.code, kind.__name__ in answer.text) == (500, True)


# A real server

PROGRAM = """
from bottle import request, response, route, run, template

@route('/crash')
def crash():
    token = request.query.token
    raise LookupError('<b>lost</b>')

@route('/template')
def broken():
    return template('first\\n{{nothing.here}}\\n', nothing=None)

@route('/stream')
def stream():
    response.content_type = 'text/plain'
    yield 'first piece;'
    raise LookupError('late')

run(port=0, debug=DEBUG)
"""


@contextmanager
def program(folder: Path, *, debug: bool) -> Iterator[Server]:
    """Run the program."""
    file = folder / 'program.py'
    file.write_text(PROGRAM.replace('DEBUG', str(debug)))
    with serving([sys.executable, str(file)], folder) as server:
        yield server


def get(server: Server, path: str, accept: str) -> Answer:
    return fetch(server.url, path, Accept=accept)


def test_on_a_server(tmp_path: Path) -> None:
    with program(tmp_path, debug=True) as server:
        answer = get(server, '/crash', BROWSER)
        page = Page(answer.body.decode())
        assert (answer.status, page.text('h1')) == (500, 'LookupError: <b>lost</b>')
        assert page.texts['details'][0].startswith(f'{tmp_path / "program.py"}, line 7, in crash (application)')
        plain = get(server, '/crash', 'application/json')
        assert plain.headers['Content-Type'] == 'text/plain; charset=UTF-8'
        assert plain.body.endswith(b'\nLookupError: <b>lost</b>\n')
        assert Page(get(server, '/template', BROWSER).body.decode()).texts['mark'][0] == '→    2  {{nothing.here}}'


def test_on_a_server_without_debug_mode(tmp_path: Path) -> None:
    with program(tmp_path, debug=False) as server:
        for path in ('/crash', '/template'):
            for accept in (BROWSER, '*/*', 'application/json'):
                answer = get(server, path, accept)
                assert answer.status == 500
                assert not [text for text in (b'lost', b'LookupError', b'Traceback', b'.py') if text in answer.body]


def test_a_stream_that_fails_after_it_began_gets_no_page(tmp_path: Path) -> None:
    with program(tmp_path, debug=True) as server:
        with closing(raw(server.url)) as connection:
            connection.sendall(b'GET /stream HTTP/1.0\r\nHost: x\r\nAccept: text/html\r\n\r\n')
            answer = read_all(connection)
        assert answer.startswith(b'HTTP/1.')
        assert b'first piece;' in answer
        assert b'LookupError' not in answer
        server.stop()
    assert 'LookupError: late' in ''.join(server.output)
