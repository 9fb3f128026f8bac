"""CGI scripts as a web server runs them: lighttpd, and an environment set by hand for what lighttpd filters."""

import json
import os
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.board_driver import drive_board
from tests.support.client import connect, fetch
from tests.support.lighttpd import WebServer, lighttpd
from tests.support.processes import attempt
from tests.support.snippets import snippets
from tests.support.sources import ROOT

README = Path(__file__).parent.parent / 'README.md'
SCRIPT = f"""\
#!{sys.executable}
import json, os
from pathlib import Path
from bottle import request, response, route, run, static_file

HERE = Path(__file__).parent

@route('/')
def root():
    return 'root ' + repr(request.environ['PATH_INFO'])

@route('/path/<rest:path>')
def path(rest):
    return rest + '?' + request.query.getunicode('q', '')

@route('/environ')
def environ():
    return {{'environ': {{name: repr(value) for name, value in request.environ.items()}}, 'process': dict(os.environ)}}

@route('/echo', method='POST')
def echo():
    return request.body.read()

@route('/cookie')
def cookie():
    response.set_cookie('count', str(int(request.get_cookie('count') or 0) + 1))
    response.set_cookie('other', 'b')
    return request.get_cookie('count') or 'none'

@route('/print')
def noisy():
    print('noise')
    return 'clean'

@route('/fail')
def fail():
    raise RuntimeError('the reason')

@route('/static/<name>')
def static(name):
    return static_file(name, root=HERE)

@route('/upload', method='POST')
def upload():
    sent = request.files.get('file')
    sent.save(str(HERE / 'saved'))
    return sent.filename

@route('/stream')
def stream():
    yield b'first'
    yield b'second' if (HERE / 'gate').open('rb').read(1) else b'too late'

class Told:
    def __init__(self, name, pieces):
        self.name, self.pieces = name, pieces
        response.content_length = len(b''.join(pieces))
    def __iter__(self):
        yield from self.pieces[:1]
        (HERE / f'{{self.name}}.between').open('rb').read(1) if self.pieces[1:] else None
        yield from self.pieces[1:]
    def close(self):
        (HERE / f'{{self.name}}.closing').open('rb').read(1)
        (HERE / f'{{self.name}}.closed').open('wb').write(b'closed')

@route('/told/<name>/<count:int>')
def told(name, count):
    return Told(name, [b'piece'] * count)

run(server='cgi')
"""
REQUEST = {
    'GATEWAY_INTERFACE': 'CGI/1.1',
    'REQUEST_METHOD': 'GET',
    'SERVER_NAME': 'localhost',
    'SERVER_PORT': '80',
    'SERVER_PROTOCOL': 'HTTP/1.1',
}
PATIENCE = 10.0  # seconds for what should come at once
MEGABYTE = os.urandom(1 << 20)


def make_script(path: Path, text: str) -> None:
    """Write an executable file."""
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the scripts are."""
    root = tmp_path_factory.mktemp('root')
    make_script(root / 'app.cgi', SCRIPT)
    return root


@pytest.fixture(scope='module')
def web(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Serve the scripts as the README says."""
    [settings] = [block.text for block in snippets(README) if block.language == 'lighttpd']
    with lighttpd(folder, tmp_path_factory.mktemp('lighttpd'), settings) as server:
        yield server


def get(web: WebServer, path: str, method: str = 'GET', body: object = None, **headers: str) -> tuple[int, bytes]:
    """Return the status and the body of what the script answers."""
    answer = fetch(web.url, f'/app.cgi{path}', method, body, **headers)
    return answer.status, answer.body


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('', "root ''"),
        ('/', "root '/'"),
        ('/path/a/b', 'a/b?'),
        ('/path/gr%C3%BC%C3%9Fe/%E6%97%A5?q=1%2B%C3%A9&r=2', 'grüße/日?1+é'),
        ('/path/a%20b', 'a b?'),
    ],
)
def test_paths_and_queries(web: WebServer, path: str, expected: str) -> None:
    assert get(web, path) == (200, expected.encode())


def test_a_body_of_a_megabyte_arrives_byte_exact(web: WebServer) -> None:
    status, body = get(web, '/echo', 'POST', MEGABYTE)
    assert (status, body == MEGABYTE) == (200, True)


def test_a_chunked_body_arrives_byte_exact(web: WebServer) -> None:
    pieces = (MEGABYTE[start : start + 70_000] for start in range(0, len(MEGABYTE), 70_000))
    status, body = get(web, '/echo', 'POST', pieces, **{'Transfer-Encoding': 'chunked'})
    assert (status, body == MEGABYTE) == (200, True)


def test_head_has_the_headers_of_get_and_no_body(web: WebServer) -> None:
    answer = fetch(web.url, '/app.cgi/path/abc', 'HEAD')
    assert (answer.status, answer.headers['Content-Length'], answer.body) == (200, '4', b'')


def test_cookies(web: WebServer) -> None:
    answer = fetch(web.url, '/app.cgi/cookie', Cookie='count=4; other=a')
    assert answer.body == b'4'
    assert answer.headers.get_all('Set-Cookie') == ['count=5', 'other=b']


def test_what_the_application_prints_goes_to_the_log(web: WebServer) -> None:
    assert get(web, '/print') == (200, b'clean')
    assert 'noise\n' in web.cgi_log.read_text()


def test_an_exception_is_an_error_500_and_in_the_log(web: WebServer) -> None:
    status, body = get(web, '/fail')
    assert status == 500
    assert b'the reason' not in body
    assert 'RuntimeError: the reason\n' in web.cgi_log.read_text()


def test_a_static_file(web: WebServer, folder: Path) -> None:
    (folder / 'data.bin').write_bytes(MEGABYTE)
    answer = fetch(web.url, '/app.cgi/static/data.bin')
    assert (answer.status, answer.body == MEGABYTE) == (200, True)
    part = fetch(web.url, '/app.cgi/static/data.bin', Range='bytes=10-19')
    assert (part.status, part.body) == (206, MEGABYTE[10:20])
    known = fetch(web.url, '/app.cgi/static/data.bin', **{'If-Modified-Since': answer.headers['Last-Modified']})
    assert (known.status, known.body) == (304, b'')


def test_an_upload(web: WebServer, folder: Path) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    form = head + MEGABYTE + b'\r\n--x--\r\n'
    assert get(web, '/upload', 'POST', form, **{'Content-Type': 'multipart/form-data; boundary=x'}) == (200, b'a.bin')
    assert (folder / 'saved').read_bytes() == MEGABYTE


def test_a_stream_arrives_piece_by_piece(web: WebServer, folder: Path) -> None:
    os.mkfifo(folder / 'gate')
    with closing(connect(web.url)) as connection, (folder / 'gate').open('r+b', buffering=0) as gate:
        connection.request('GET', '/app.cgi/stream')
        response = connection.getresponse()
        assert response.read(5) == b'first'
        gate.write(b'.')
        assert response.read() == b'second'


class Told:
    """The gates of a response, and where it says that it was closed."""

    def __init__(self, folder: Path, name: str, stack: ExitStack) -> None:
        self.target = f'/told/{name}'
        for gate in ('between', 'closing', 'closed'):
            os.mkfifo(folder / f'{name}.{gate}')
        self.between, self._closing, self._closed = (
            stack.enter_context((folder / f'{name}.{gate}').open('r+b', buffering=0))
            for gate in ('between', 'closing', 'closed')
        )

    def is_closed(self) -> bool:
        """Open the gate at its end; return whether it says before long that it was closed."""
        self._closing.write(b'.')
        readable, _, _ = select.select([self._closed], [], [], PATIENCE)
        return bool(readable) and self._closed.read(6) == b'closed'


@pytest.fixture
def told(folder: Path, request: pytest.FixtureRequest) -> Iterator[Told]:
    """Return the gates of a response."""
    with ExitStack() as stack:
        yield Told(folder, request.node.name, stack)


def test_a_response_is_closed_that_the_web_server_has_whole(web: WebServer, told: Told) -> None:
    """Lighttpd sends SIGTERM as soon as it has as many bytes as were declared."""
    assert get(web, f'{told.target}/1') == (200, b'piece')
    assert told.is_closed()


def test_a_response_is_closed_whose_client_has_left(web: WebServer, told: Told) -> None:
    """Lighttpd sends SIGTERM then, too; nobody complains in the log that nobody reads."""
    with closing(connect(web.url)) as connection:
        connection.request('GET', f'/app.cgi{told.target}/2')
        assert connection.getresponse().read(5) == b'piece'
    told.between.write(b'.')
    assert told.is_closed()
    assert get(web, '/print') == (200, b'clean')  # the last words of the other process are in the log by then
    assert 'BrokenPipeError' not in web.cgi_log.read_text()


def test_the_environ(web: WebServer) -> None:
    answer = fetch(web.url, '/app.cgi/environ?a=b', **{'X-Own': 'c'})
    environ = json.loads(answer.body)['environ']
    expected = {
        'SCRIPT_NAME': '/app.cgi',
        'PATH_INFO': '/environ',
        'QUERY_STRING': 'a=b',
        'HTTP_X_OWN': 'c',
        'wsgi.run_once': True,
        'wsgi.multiprocess': True,
        'wsgi.multithread': False,
        'wsgi.url_scheme': 'http',
        'wsgi.input_terminated': True,
    }
    assert {name: environ[name] for name in expected} == {name: repr(value) for name, value in expected.items()}
    assert 'wsgi.file_wrapper' in environ


def test_a_proxy_header_is_no_configuration(web: WebServer, folder: Path) -> None:
    """Lighttpd drops it; other web servers do not, so the variable is also set by hand (CVE-2016-5385)."""
    behind = fetch(web.url, '/app.cgi/environ', Proxy='http://evil/').body
    alone = attempt(
        [str(folder / 'app.cgi')], folder, {**REQUEST, 'PATH_INFO': '/environ', 'HTTP_PROXY': 'http://evil/'}
    )
    for body in (behind, alone.stdout.partition('\n\n')[2]):
        found = json.loads(body)
        assert 'HTTP_PROXY' not in found['environ'].keys() | found['process'].keys()


@pytest.mark.parametrize('length', ['-1', '5_0', '+5', 'five'])
def test_a_length_that_is_none_is_refused(folder: Path, length: str) -> None:
    request = {**REQUEST, 'REQUEST_METHOD': 'POST', 'PATH_INFO': '/echo', 'CONTENT_LENGTH': length}
    done = attempt([str(folder / 'app.cgi')], folder, request)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == f'bottle: the web server passed an invalid CONTENT_LENGTH: {length!r}\n'


@pytest.mark.parametrize('start', [['app.cgi'], ['-m', 'bottle', '-s', 'cgi', 'bottle:Bottle']])
def test_outside_of_cgi_it_says_so_in_one_line(folder: Path, start: list[str]) -> None:
    done = attempt([sys.executable, *start], folder)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == "bottle: the server 'cgi' answers CGI requests alone: let a web server start this program\n"


def test_auto_is_cgi_in_a_cgi_request(folder: Path) -> None:
    (folder / 'auto.py').write_text(SCRIPT.replace("'cgi'", "'auto'"))
    done = attempt([sys.executable, 'auto.py'], folder, {**REQUEST, 'PATH_INFO': '/path/auto'})
    assert (done.returncode, done.stdout.partition('\n\n')[2]) == (0, 'auto?')


def test_the_example_application(web: WebServer, folder: Path, tmp_path: Path) -> None:
    board = folder / 'board'
    shutil.copytree(ROOT / 'examples' / 'board', board, ignore=shutil.ignore_patterns('data', '__pycache__'))
    database = f'os.environ["BOARD_DB"] = {str(tmp_path / "board.sqlite3")!r}'
    make_script(
        board / 'board.cgi', f'#!{sys.executable}\nimport os\n{database}\nimport app\napp.app.run(server="cgi")\n'
    )
    drive_board(f'{web.url}/board/board.cgi')
    assert (tmp_path / 'board.sqlite3').stat().st_size > 0
