"""Requests that Hypothesis makes: mostly those that a browser could send, and some that only an attacker would."""

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from hypothesis import strategies as st


class Request(NamedTuple):
    """What `application.answer` takes; path, query and header values are native strings (PEP 3333), so is the body."""

    method: str = 'GET'
    path: str = '/'
    query: str = ''
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    body: str = ''
    default_pages: bool = False


def wire(text: str) -> str:
    """Return text as a native string, lone surrogates as the bytes that they stand for."""
    return text.encode('utf8', 'surrogateescape').decode('latin-1')


def percent(text: str) -> str:
    """Return text percent-encoded, lone surrogates as the bytes that they stand for."""
    return quote(text, errors='surrogateescape')


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


SPECIAL = ['a b', '\u00fc', '\u20ac', '\u00e9%2F', '\udcff', '\\101']
WORDS = st.sampled_from(
    [
        *words(
            'a stop x1 abc 12 -3 0 1.5 -.5 A-b.c x-y-z.t.u .. . <b>&"\' a+b % 100% b=c c;d q,r "q" # ? a/b // end {{x}}'
        ),
        *SPECIAL,
    ]
)
ALPHABET = 'ab1-._~:/?#[]@!$&\'()*+,;=% "<>\\^`{|}\u00fc\u20ac\U0001f600'
# Control characters in a path are refused by servers; they stay a small part.
TEXTS = st.one_of(WORDS, st.text(ALPHABET, max_size=12), st.text(st.characters(codec='utf8'), max_size=5))

METHODS = st.sampled_from(['GET'] * 8 + ['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'get', 'TRACE', 'BREW'])
TEXT_KINDS = (
    'text unicode bytes bytearray empty none false zero number true object list byteslist tuple emptylist numberlist'
)
OTHER_KINDS = """
    dict emptydict unserialisable generator bytesgenerator emptyfirst emptygenerator errorgenerator responsegenerator
    yieldsresponse yieldsnumber file response nested error error500 errordict status unknown
"""
KINDS = st.sampled_from(words(TEXT_KINDS + OTHER_KINDS))
CODES = st.sampled_from(
    [100, 101, 199, 200, 201, 204, 205, 206, 299, 301, 304, 400, 404, 409, 410, 418, 451, 500, 599, 999]
)
CODE_PATHS = st.one_of(CODES, st.integers(0, 1100)).map(str)
ROOTS = [
    '/hello/',
    '/int/',
    '/float/',
    '/re/',
    '/path/',
    '/old/',
    '/mix/',
    '/list/',
    '/anon/',
    '/many/',
    '/esc<aped/',
    '/any/',
]
ROOTS += ['/about/', '/below/', '/below/inside/', '/foreign/', '/static/', '/named/', '/', '/below/in/']
FILE_NAMES = [
    'a.txt',
    'empty.txt',
    'page.html',
    'blob',
    'x.tar.gz',
    'sub/b.json',
    'sp ace.css',
    'ümlaut.js',
    'sub',
    '../x',
    'no',
]
FILE_NAMES += ['sub/../a.txt', './a.txt', '/a.txt', 'a.txt/', 'sub\\b.json', '..\\..\\etc', 'a.txt\0', '/etc/passwd']
FIXED = [
    '/',
    '/list',
    '/verbs',
    '/about',
    '/below/broken',
    '/below/nothing',
    '/below',
    '/foreign',
    '/nowhere',
    '',
    '//',
    'x',
]
FIXED += ['/cookies', '/auth', '/view', '/hello', '/hello/', '/hello/a/b', '/esc<aped/q', '/body', '/json', '/form']

Pairs = list[tuple[str, str]]


def queries(*names: str) -> st.SearchStrategy[str]:
    """Return query strings that use these names: well-formed ones and any text."""
    pairs = st.lists(st.tuples(st.sampled_from(names), TEXTS), max_size=4)
    # A lone surrogate stands for a byte that is not UTF-8.
    formed = pairs.map(lambda fields: urlencode(fields, errors='surrogateescape'))
    return st.one_of(formed, formed, formed, st.text('ab=&;+%2fF0 xy', max_size=15))


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Return a path, decoded as a server does it."""
    if draw(st.booleans()):
        return wire(draw(st.sampled_from(FIXED)))
    root = draw(st.sampled_from(ROOTS))
    return wire(root + '/'.join(draw(st.lists(TEXTS, max_size=4))) + draw(st.sampled_from(['', '', '/end', '/x', '/'])))


@st.composite
def plain_requests(draw: st.DrawFn) -> Request:
    """Return requests that are about rules and methods."""
    return Request(draw(METHODS), draw(paths()), draw(queries('a', 'x')), draw(HEADERS))


HEADER_VALUES: dict[str, st.SearchStrategy[str]] = {
    'HTTP_ACCEPT': st.sampled_from(['*/*', 'text/html, application/json;q=0.5']),
    'HTTP_X_CUSTOM': TEXTS.map(wire),
    'HTTP_HOST': st.sampled_from(['example.org', 'example.org:8080', '127.0.0.1:80', '[::1]:8080', 'EXAMPLE.org', '']),
    'HTTP_X_REQUESTED_WITH': st.sampled_from(['XMLHttpRequest', 'xmlhttprequest', 'no']),
    'HTTP_USER_AGENT': st.just('differential'),
    'REMOTE_ADDR': st.sampled_from(['10.0.0.1', '::1', '']),
    'REMOTE_USER': st.sampled_from(['me', '']),
    'SCRIPT_NAME': st.sampled_from(['/app', '/app/', '', '/a/b']),
    'SERVER_PROTOCOL': st.sampled_from(['HTTP/1.0', 'HTTP/1.1']),
    'SERVER_PORT': st.sampled_from(['80', '443', '8080']),
    'wsgi.url_scheme': st.sampled_from(['http', 'https']),
    'CONTENT_TYPE': st.sampled_from(['text/plain', 'application/json', '', 'Text/HTML; charset=latin1']),
    'HTTP_X_FORWARDED_FOR': st.sampled_from(['1.2.3.4', '1.2.3.4, 5.6.7.8']),
}
HEADERS = st.fixed_dictionaries({}, optional={k: v for k, v in HEADER_VALUES.items() if k != 'HTTP_X_FORWARDED_FOR'})


@st.composite
def seen_requests(draw: st.DrawFn) -> Request:
    """Return requests whose own properties are what is compared."""
    rest = ''.join('/' + percent(text) for text in draw(st.lists(TEXTS, max_size=2)))
    path = draw(st.sampled_from(['/about', '/query', '/item', '/about' + rest, '/below/inside/n', '/foreign/a']))
    headers = draw(st.fixed_dictionaries({}, optional=HEADER_VALUES))
    return Request(draw(METHODS), path, draw(queries('x', 'a', 'ü', '')), headers)


@st.composite
def returning_requests(draw: st.DrawFn) -> Request:
    """Return requests whose responses are of every type and status."""
    which = draw(st.sampled_from(['/returns/', '/returns/', '/raises/', '/status/', '/abort/']))
    end = draw(CODE_PATHS if which in ('/status/', '/abort/') else KINDS)
    query = draw(queries('text', 'json'))
    return Request(draw(st.sampled_from(['GET', 'GET', 'HEAD', 'POST'])), which + end, query)


@st.composite
def answering_requests(draw: st.DrawFn) -> Request:
    """Return requests that choose header fields, cookies, targets of redirects, and the text in templates."""
    path, names = draw(
        st.sampled_from(
            [
                ('/headers', ('v', 'v', 'charset')),
                ('/redirect', ('to', 'to', 'code')),
                ('/cookies/set', ('n', 'v', 'v', 'o')),
                ('/cookies/signed', ('v',)),
                ('/template', ('w', 'w', 'w', 'title')),
                ('/view', ('name',)),
                ('/named/1/b', ('q',)),
            ]
        )
    )
    headers = draw(HEADERS) if path == '/redirect' else {}
    return Request(draw(st.sampled_from(['GET', 'GET', 'HEAD'])), path, draw(queries(*names)), headers)


@st.composite
def cookie_requests(draw: st.DrawFn) -> Request:
    """Return requests with cookies, and some with credentials."""
    if draw(st.integers(0, 3)) == 0:
        header = draw(
            st.sampled_from(
                ['Basic YTph', 'basic YTph', 'Basic YTpi', 'Basic', 'Bearer x', 'Basic YTph=', 'Basic ???', '']
            )
        )
        return Request('GET', draw(st.sampled_from(['/auth', '/about'])), '', {'HTTP_AUTHORIZATION': header})
    value = st.one_of(
        st.text('abx0', max_size=5), TEXTS.map(percent), st.sampled_from(['"a b"', '"\\303\\274"', 'a=b', '"a\\"b"'])
    )
    pairs = draw(st.lists(st.tuples(st.sampled_from(['x', 'y', 'z', 'X', 'x-y']), value), max_size=4))
    separator = draw(st.sampled_from(['; ', '; ', ';', ' ; ']))
    header = separator.join(f'{name}={text}' for name, text in pairs)
    return Request(
        'GET', draw(st.sampled_from(['/cookies', '/cookies', '/cookies/signed'])), 'v=1', {'HTTP_COOKIE': header}
    )


def multipart(fields: list[tuple[str, str | None, str, str]], boundary: str = 'bOuNd') -> str:
    """Return a multipart form: name, file name or None, type, content."""
    parts = []
    for name, filename, kind, content in fields:
        head = f'Content-Disposition: form-data; name="{wire(name)}"'
        head += '' if filename is None else f'; filename="{wire(filename)}"'
        head += f'\r\nContent-Type: {kind}' if kind else ''
        parts.append(f'--{boundary}\r\n{head}\r\n\r\n{wire(content)}\r\n')
    return ''.join(parts) + f'--{boundary}--\r\n'


def chunked(body: str, size: int) -> str:
    """Return a body in the chunked transfer coding."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return ''.join(f'{len(piece):x}\r\n{piece}\r\n' for piece in [*pieces, ''])


PART_NAMES = st.sampled_from(['x', 'y', 'ü', 'a b'])
FILE_KINDS = st.sampled_from(['', '', 'text/plain', 'image/png', 'text/plain; charset=utf-8'])
UPLOAD_NAMES = st.sampled_from(
    [None, None, 'f.txt', 'ü.png', '../../etc/x', 'C:\\dir\\f.txt', '', 'a b  c', '.hidden', 'x' * 300]
)
PARTS = st.tuples(PART_NAMES, UPLOAD_NAMES, FILE_KINDS, TEXTS)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, str]:
    """Return a body with its `Content-Type`."""
    kind = draw(st.sampled_from(['urlencoded', 'multipart', 'json', 'raw']))
    if kind == 'urlencoded':
        return draw(queries('x', 'y', 'ü')), draw(
            st.sampled_from(['application/x-www-form-urlencoded', '', 'text/plain'])
        )
    if kind == 'multipart':
        return multipart(draw(st.lists(PARTS, max_size=3))), 'multipart/form-data; boundary=bOuNd'
    if kind == 'json':
        value: Any = st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | TEXTS.filter(lambda text: '\udcff' not in text),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('abü'), inner, max_size=2),
            max_leaves=4,
        )
        import json

        text = json.dumps(draw(value), ensure_ascii=draw(st.booleans()))
        broken = draw(st.sampled_from(['', '', '', '}', ',']))
        return wire(text + broken), draw(
            st.sampled_from(['application/json', 'application/json; charset=utf-8', 'text/plain'])
        )
    return wire(draw(TEXTS)), draw(st.sampled_from(['application/octet-stream', 'text/plain']))


@st.composite
def sending_requests(draw: st.DrawFn) -> Request:
    """Return requests with a body, of declared length or chunked."""
    body, kind = draw(bodies())
    headers = {'CONTENT_TYPE': kind}
    if draw(st.integers(0, 4)) == 0 and body:
        body = chunked(body, draw(st.sampled_from([1, 7, 1000])))
        headers.update(HTTP_TRANSFER_ENCODING='chunked', CONTENT_LENGTH='')
    path = draw(st.sampled_from(['/form', '/json', '/body', '/form', '/about']))
    return Request(draw(st.sampled_from(['POST', 'POST', 'PUT'])), path, draw(queries('x', 'q')), headers, body)


RANGES = [
    'bytes=0-9',
    'bytes=50-',
    'bytes=-5',
    'bytes=5-2',
    'bytes=1000-',
    'bytes=0-0,5-6',
    'bytes=-0',
    'bytes=-1000',
    'bytes=99-99',
]
RANGES += ['bytes=0-1000', 'items=0-1', 'bytes=', 'bytes', 'bytes=a-b', 'bytes=0-,1-', 'bytes= 1 - 3', 'Bytes=0-3', '']
DATES = [
    'Sun, 09 Sep 2001 01:46:40 GMT',
    'Sunday, 09-Sep-01 01:46:40 GMT',
    'Sun Sep  9 01:46:40 2001',
    'Sun, 09 Sep 2001 01:46:39 GMT',
]
DATES += [
    'Sun, 09 Sep 2001 01:46:41 GMT',
    'Sun, 09 Sep 2001 03:46:40 +0200',
    'never',
    '',
    'Sun, 09 Sep 2001 01:46:40 GMT; length=3',
]
CONDITIONS = {
    'HTTP_RANGE': st.sampled_from(RANGES),
    'HTTP_IF_MODIFIED_SINCE': st.sampled_from(DATES),
    'HTTP_IF_NONE_MATCH': st.sampled_from(['"one"', '"two"', '"two", "one"', 'W/"one"', '*', 'one', '']),
    'HTTP_IF_RANGE': st.sampled_from(['"one"', '"two"', DATES[0]]),
    'HTTP_ACCEPT_ENCODING': st.sampled_from(['gzip', 'br, gzip', '']),
}


@st.composite
def file_requests(draw: st.DrawFn) -> Request:
    """Return requests for static files, with ranges and conditions."""
    name = draw(st.one_of(st.sampled_from(FILE_NAMES[:8]), st.sampled_from(FILE_NAMES)))
    headers = draw(st.fixed_dictionaries({}, optional=CONDITIONS))
    query = draw(
        st.one_of(
            st.just(''),
            st.sampled_from(['mime=no', 'mime=text/x-own', 'save=yes', 'save=o.zip', 'mime=text/a&save=%C3%BC.t']),
        )
    )
    return Request(draw(st.sampled_from(['GET', 'GET', 'HEAD', 'POST'])), '/static/' + wire(name), query, headers)


REQUESTS = st.one_of(
    plain_requests(),
    seen_requests(),
    returning_requests(),
    answering_requests(),
    cookie_requests(),
    sending_requests(),
    file_requests(),
)
