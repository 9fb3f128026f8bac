"""One application with everything that Bottle 0.13 offers, written so that it runs on any Bottle; and `answer`.

It says in its responses what it sees in the requests. Text is read in the way that gives UTF-8 on every Bottle: through
attributes and `getunicode`.
"""

import atexit
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bottle
from bottle import HTTPError, HTTPResponse, abort, auth_basic, redirect, request, response, static_file, template
from tests.support.wsgi import make_environ, send

SECRET = 'a secret of both'
# 0.13 takes its phrases from the standard library, which renamed these in Python 3.13; ours do not change.
PHRASES = {413: 'Request Entity Too Large', 414: 'Request-URI Too Long', 422: 'Unprocessable Entity'}
PHRASES[416] = 'Requested Range Not Satisfiable'
getattr(bottle, '_HTTP_STATUS_LINES', {}).update({code: f'{code} {phrase}' for code, phrase in PHRASES.items()})
EPOCH = 1_000_000_000  # the time of change of every static file: 2001-09-09 01:46:40

app = bottle.Bottle()
FILES = Path(tempfile.mkdtemp(prefix='differential-'))
atexit.register(shutil.rmtree, FILES, ignore_errors=True)


def make_files() -> None:
    """Write the files that `static_file` serves; both processes write the same ones."""
    texts = {
        'a.txt': b'0123456789' * 10,
        'empty.txt': b'',
        'page.html': b'<p>hi',
        'blob': bytes(range(256)),
        'x.tar.gz': b'z',
    }
    names = [*texts, 'sub/b.json', 'sp ace.css', 'ümlaut.js']
    for name in names:
        path = FILES / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(texts.get(name, b'{}'))
        os.utime(path, (EPOCH, EPOCH))


make_files()


def fields(form: Any) -> dict[str, list[str]]:
    """Return the fields of a FormsDict as UTF-8, whichever text it holds."""
    decoded = form.decode('utf8')
    return {key: decoded.getall(key) for key in sorted(decoded.keys())}


def plain(error: Any) -> str:
    """Describe an error without the page around it."""
    return f'{error.status_line}|{error.body}'


app.default_error_handler = plain  # type: ignore[method-assign,assignment]  # what programs have always done


@app.hook('before_request')
def before() -> None:
    response.set_header('X-Before', request.method)


@app.hook('after_request')
def after() -> None:
    response.set_header('X-After', str(response.status_code))


@app.error(418)
def teapot(error: Any) -> Any:
    response.set_header('X-Tea', 'yes')
    return {'tea': error.body} if 'json' in request.query else f'tea: {error.body}'


@app.error(410)
def gone(error: Any) -> Any:
    raise HTTPResponse('really gone', 404, X_Gone='1')


@app.error(409)
def conflict(error: Any) -> Any:
    return [b'con', b'flict']


# Rules


@app.route('/')
def index() -> str:
    return 'index'


@app.route('/hello/<name>')
@app.route('/int/<name:int>')
@app.route('/float/<name:float>')
@app.route(r'/re/<name:re:[a-z]+\d?>')
@app.route('/path/<name:path>/end')
@app.route('/old/:name')
@app.route('/old/:name#[0-9]+#/x')
@app.route('/mix/<name>-<other>.<ext>')
@app.route(['/list', '/list/<name>'], method=['GET', 'PUT'])
@app.route('/anon/<:int>/<name>')
@app.route('/many/<name:path>/<other:int>/<ext:re:[^/]*>')
@app.route('/esc\\<aped/<name>')
def echo(**args: Any) -> Any:
    return {key: repr(value) for key, value in sorted(args.items())}


@app.route('/any/<name>', method='ANY')
def anything(name: str) -> str:
    return f'{request.method} {name}'


@app.route('/verbs', method=['POST', 'DELETE', 'PATCH', 'OPTIONS'])
def verbs() -> str:
    return f'verb {request.method}'


@app.get('/named/<x:int>/<y>', name='named')
def named(x: int, y: str) -> str:
    return app.get_url('named', x=x + 1, y=y, q='a b')


# Requests


@app.route('/about', method='ANY')
@app.route('/about/<rest:path>', method='ANY')
def about(rest: str = '') -> Any:
    return {
        'method': request.method,
        'path': request.path,
        'fullpath': request.fullpath,
        'script_name': request.script_name,
        'url': request.url,
        'urlparts': list(request.urlparts),
        'query_string': request.query_string,
        'content_type': request.content_type,
        'content_length': request.content_length,
        'chunked': request.chunked,
        'xhr': [request.is_xhr, request.is_ajax],
        'auth': request.auth,
        'remote': [request.remote_addr, request.remote_route],
        'headers': {
            name: request.get_header(name) for name in ('Accept', 'X-Custom', 'content-type', 'Content-Length')
        },
        'names': sorted(request.headers.keys()),
        'handler': request.route.rule,
        'arguments': dict(request.url_args),
    }


@app.route('/query')
def query() -> Any:
    return {'query': fields(request.query), 'x': request.query.x, 'GET': fields(request.GET)}


@app.route('/item')
def item() -> str:
    return ascii(request.query.get('x', 'none'))


@app.post('/form')
def form() -> Any:
    found: Any = {'forms': fields(request.forms), 'x': request.forms.x}
    if not request.content_type.startswith('multipart'):  # there, 0.13 decodes what is decoded already
        found['params'] = fields(request.params)
    files = [(name, upload) for name in sorted(request.files.keys()) for upload in request.files.getall(name)]
    found['files'] = [
        [name, each.filename, each.raw_filename, each.content_type, each.file.read().decode('latin-1')]
        for name, each in files
    ]
    return found


@app.route('/json', method=['POST', 'PUT'])
def json_body() -> Any:
    return {'json': request.json}


@app.route('/body', method='ANY')
def body() -> Any:
    response.content_type = 'application/octet-stream'
    return request.body.read()


@app.route('/cookies')
def cookies() -> Any:
    return {'cookies': fields(request.cookies), 'x': request.cookies.x, 'get': request.get_cookie('y', 'none')}


@app.route('/cookies/set')
def set_cookies() -> str:
    options: dict[str, Any] = (
        {'path': '/p', 'max_age': 60} if request.query.o else {'httponly': True, 'secure': True, 'samesite': 'lax'}
    )
    response.set_cookie(request.query.n or 'name', request.query.v, **options)
    response.set_cookie('second', 'two', expires=EPOCH, domain='example.org')
    response.delete_cookie('third')
    return 'set'


@app.route('/cookies/signed')
def signed_cookies() -> Any:
    response.set_cookie('s', request.query.v, secret=SECRET)
    return repr(request.get_cookie('s', 'bad', secret=SECRET))


# Responses


class File(io.BytesIO):
    """A file that tells when it was closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.owner = CLOSED[-1]

    def close(self) -> None:
        if not self.closed:
            self.owner.append('file')
        super().close()


CLOSED: list[list[str]] = [[]]  # a list for each request, the last one being that of the present


def generate(*pieces: Any) -> Iterator[Any]:
    owner = CLOSED[-1]
    try:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        owner.append('generator')


MAKERS: dict[str, Any] = {
    'text': lambda: 'text',
    'unicode': lambda: 'tëxt \u20ac',
    'bytes': lambda: b'bytes \xff',
    'bytearray': lambda: bytearray(b'array'),
    'empty': lambda: '',
    'none': lambda: None,
    'false': lambda: False,
    'zero': lambda: 0,
    'number': lambda: 5,
    'true': lambda: True,
    'object': object,
    'dict': lambda: {'a': [1, None, 'ü']},
    'emptydict': dict,
    'unserialisable': lambda: {'a': object},
    'list': lambda: ['a', 'bü', 'c'],
    'byteslist': lambda: [b'a', b'b'],
    'tuple': lambda: ('a', 'b'),
    'emptylist': list,
    'numberlist': lambda: [1, 2],
    'generator': lambda: generate('a', 'ü', 'c'),
    'bytesgenerator': lambda: generate(b'a', b'b'),
    'emptyfirst': lambda: generate('', '', 'late'),
    'emptygenerator': generate,
    'errorgenerator': lambda: generate(KeyError('early')),
    'responsegenerator': lambda: generate(HTTPResponse('from inside', 202)),
    'yieldsresponse': lambda: generate(HTTPResponse('yielded', 203)),
    'yieldsnumber': lambda: generate(7),
    'file': lambda: File(b'file content'),
    'response': lambda: HTTPResponse('made', 201, {'X-Made': 'a'}, X_More='b'),
    'nested': lambda: HTTPResponse(['x', 'y'], 202),
    'error': lambda: HTTPError(418, 'short'),
    'error500': lambda: HTTPError(500, 'five'),
    'errordict': lambda: HTTPError(404, {'a': 1}),
    'status': lambda: HTTPResponse('', '299 Very Own'),
}


@app.route('/returns/<kind>', method=['GET', 'POST'])
def returns(kind: str) -> Any:
    return MAKERS[kind]()


@app.route('/raises/<kind>')
def raises(kind: str) -> Any:
    made = MAKERS[kind]() if kind in ('response', 'nested', 'error', 'error500', 'errordict', 'status') else None
    raise made if isinstance(made, Exception) else ValueError(kind)


@app.route('/status/<code:int>')
def status(code: int) -> str:
    response.status = code
    return f'status {code}'


@app.route('/abort/<code:int>')
def aborts(code: int) -> None:
    abort(code, request.query.text or 'aborted')


@app.route('/headers')
def headers() -> str:
    response.set_header('X-Set', request.query.v)
    response.add_header('X-Add', 'one')
    response.add_header('x-add', 'two')
    response.headers['X-Index'] = 3
    response.content_type = 'text/plain; charset=' + (request.query.charset or 'latin1')
    return 'hëaders'


@app.route('/redirect')
def redirects() -> None:
    response.set_cookie('kept', 'yes')
    redirect(request.query.to or '/', *[int(code) for code in [request.query.code] if code.isdecimal()])


@app.route('/auth')
@auth_basic(lambda user, password: user == password)
def auth() -> Any:
    return repr(request.auth)


@app.route('/static/<name:path>')
def static(name: str) -> Any:
    kind: Any = {'': True, 'no': False}.get(request.query.mime, request.query.mime)
    save: Any = {'': False, 'yes': True}.get(request.query.save, request.query.save)
    return static_file(name, str(FILES), kind, save, etag='"one"')


@app.route('/tagged/<name:path>')
def tagged(name: str) -> Any:
    return static_file(name, str(FILES))


TEMPLATE = """\
% title = get('title', 'none')
<h1>{{title}}</h1>{{!title}}
% for number, word in enumerate(words):
  <li>{{number}}: {{word}} \\\\
  % if word == 'stop':
    % break
  % end
% end
<% late = len(words)
%>
{{late}}{{'%' * 2}} % defined: {{defined('nothing')}}
% def shout(text):
{{text.upper()}}!
% end
% shout(title)
"""


@app.route('/template')
def templates() -> Any:
    words = request.query.decode('utf8').getall('w')
    return template(TEMPLATE, words=words, **({'title': request.query.title} if request.query.title else {}))


@app.route('/view')
@bottle.view('Hello {{name}}, {{2 + 2}}')
def views() -> Any:
    return {'name': request.query.name or 'you'}


# Other applications below this one

below = bottle.Bottle()


@below.route('/inside/<name>')
def inside(name: str) -> Any:
    return {'name': name, 'path': request.path, 'script': request.script_name, 'url': below.get_url('in', name='x')}


below.route('/in/<name>', callback=inside, name='in')


@below.route('/broken')
def broken() -> None:
    raise RuntimeError('below')


def foreign(environ: Any, start_response: Any) -> Any:
    start_response('203 Foreign', [('Content-Type', 'text/plain'), ('X-Two', 'a'), ('X-Two', 'b')])
    return [f'{environ["SCRIPT_NAME"]}|{environ["PATH_INFO"]}'.encode('latin-1')]


app.mount('/below/', below)
app.mount('/foreign/', foreign)

# The page that nobody asked for is that of another application.
untouched = bottle.Bottle()


@untouched.route('/fail')
def fail() -> None:
    abort(400, 'bad <input>')


@untouched.route('/crash')
def crash() -> None:
    raise ValueError('<crash>')


def version() -> str:
    """Return the version of the Bottle that this runs on."""
    return str(bottle.__version__)


def answer(method: str, path: str, query: str, headers: dict[str, str], body: str, default_pages: bool = False) -> Any:
    """Return what the application answers: status, header fields in order of their names, body, and what was closed."""
    CLOSED.append([])
    environ = make_environ(method=method, body=body.encode('latin-1'))
    environ.update({'PATH_INFO': path, 'QUERY_STRING': query, 'wsgi.errors': io.StringIO(), **headers})
    got = send(untouched if default_pages else app, environ)
    pairs = sorted((name, value) for name, value in got.headers)
    return {'status': got.status, 'headers': pairs, 'body': got.body.decode('latin-1'), 'closed': sorted(CLOSED.pop())}
