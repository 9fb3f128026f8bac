"""The access log, and where logs go."""

import io
import json
import logging
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from time import time as now
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bottle
from bottle.errors import ServerOptionError
from bottle.serving.logs import StandardStream, access_logged, access_logger, configure, reopen, server_logger
from bottle.serving.options import ServerOptions
from bottle.serving.proxies import trusting
from tests.support.client import fetch
from tests.support.processes import attempt, clean_environment
from tests.support.wsgi import call, make_environ, send

PLAIN = [('Content-Type', 'text/plain')]
QUOTED = r'"((?:[^"\\]|\\.)*)"'
COMMON = rf'(\S+) - (\S+) \[(\d\d/[A-Z][a-z]{{2}}/\d{{4}}:\d\d:\d\d:\d\d [+-]\d{{4}})\] {QUOTED} (\d{{3}}|-) (\d+|-)'
FORMATS = {'common': re.compile(COMMON), 'combined': re.compile(f'{COMMON} {QUOTED} {QUOTED}')}


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[str]]:
    """Collect the lines of the access log; leave both loggers as they were."""
    saved = [(each, each.handlers.copy(), each.level, each.propagate) for each in (access_logger, server_logger)]
    handler = Lines()
    access_logger.addHandler(handler)
    access_logger.setLevel(logging.INFO)
    yield handler.texts
    for logger, handlers, level, propagate in saved:
        for each in set(logger.handlers) - set(handlers):
            logger.removeHandler(each)
            each.close()
        logger.setLevel(level)
        logger.propagate = propagate


def hello(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response('200 OK', PLAIN)
    yield b'hello '
    yield b'world'


def nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response('204 No Content', [])
    return []


def fail() -> None:
    """Raise an error that an application may have."""
    raise RuntimeError('late')


# What a line says


def test_combined(lines: list[str]) -> None:
    fields = {'HTTP_REFERER': 'http://a/', 'HTTP_USER_AGENT': 'curl "8"', 'REMOTE_ADDR': '203.0.113.9'}
    extra: dict[str, Any] = {**fields, 'QUERY_STRING': 'a=b', 'REMOTE_USER': 'ann lee', 'SCRIPT_NAME': '/app'}
    call(access_logged(validator(hello), 'combined'), '/gr\xfc\xdfe', **extra)
    [line] = lines
    found = FORMATS['combined'].fullmatch(line)
    assert found, line
    address, user, time, request, status, size, referer, agent = found.groups()
    assert (address, user, status, size, referer) == ('203.0.113.9', 'ann\\x20lee', '200', '11', 'http://a/')
    assert (request, agent) == ('GET /app/gr%C3%BC%C3%9Fe?a=b HTTP/1.1', r'curl \"8\"')
    assert abs(datetime.strptime(time, '%d/%b/%Y:%H:%M:%S %z').timestamp() - now()) < 60


def test_what_is_not_known_is_a_dash(lines: list[str]) -> None:
    environ = make_environ('/')
    send(access_logged(nothing, 'combined'), environ)
    assert re.fullmatch(r'- - - \[[^]]+\] "GET / HTTP/1.1" 204 - "-" "-"', lines[0]), lines


def test_json(lines: list[str]) -> None:
    extra: dict[str, Any] = {'REMOTE_ADDR': '::1', 'QUERY_STRING': 'a=b', 'HTTP_HOST': 'a.org'}
    call(access_logged(validator(hello), 'json'), '/a b', 'POST', **extra)
    entry = json.loads(lines[0])
    when, duration = entry.pop('time'), entry.pop('duration_ms')
    assert datetime.fromisoformat(when).tzinfo is not None
    assert abs(datetime.fromisoformat(when).timestamp() - now()) < 60
    assert 0 < duration < 10_000
    assert entry == {
        'remote_addr': '::1',
        'method': 'POST',
        'path': '/a%20b',
        'query': 'a=b',
        'protocol': 'HTTP/1.1',
        'status': 200,
        'bytes': 11,
        'referer': None,
        'user_agent': None,
        'host': 'a.org',
    }


def test_the_client_behind_a_proxy_whoever_wraps_whom(lines: list[str]) -> None:
    forwarded: dict[str, Any] = {'REMOTE_ADDR': '10.0.0.1', 'HTTP_X_FORWARDED_FOR': '203.0.113.9'}
    call(access_logged(trusting(hello, ['10.0.0.1']), 'common'), **forwarded)
    call(trusting(access_logged(hello, 'common'), ['10.0.0.1']), **forwarded)
    call(access_logged(trusting(hello, ['10.0.0.1']), 'common'), **forwarded | {'HTTP_X_FORWARDED_FOR': 'x'})
    assert [(line.split()[0], line.split()[8]) for line in lines] == [
        ('203.0.113.9', '200'),
        ('203.0.113.9', '200'),
        ('10.0.0.1', '400'),
    ]


def test_what_the_framework_changes_in_the_environ_is_logged_as_it_came(lines: list[str]) -> None:
    outer, inner = bottle.Bottle(), bottle.Bottle()
    inner.route('/<name>', callback=lambda name: name)
    outer.mount('/sub/', inner)
    call(access_logged(outer, 'common'), '/sub/\xe9')
    assert '"GET /sub/%C3%A9 HTTP/1.1" 200 2' in lines[0]


@pytest.mark.parametrize('format', ['common', 'combined', 'json'])
@given(st.data())
def test_no_client_can_forge_a_line(format: str, data: st.DataObject) -> None:
    hostile = st.text(st.characters(codec='latin-1') | st.sampled_from('"\\\r\n\t\0\x1b\x85 %'), max_size=20)
    names = ['HTTP_REFERER', 'HTTP_USER_AGENT', 'HTTP_HOST', 'QUERY_STRING', 'REMOTE_USER', 'SERVER_PROTOCOL']
    names += ['REQUEST_METHOD', 'PATH_INFO', 'SCRIPT_NAME', 'REMOTE_ADDR']
    environ = make_environ('/') | {name: data.draw(hostile) for name in names}
    handler = Lines()
    access_logger.addHandler(handler)
    try:
        assert send(access_logged(hello, format), environ).body == b'hello world'
    finally:
        access_logger.removeHandler(handler)
    [line] = handler.texts
    assert line.isascii()
    assert line.isprintable()
    if format == 'json':
        assert json.loads(line)['user_agent'] == environ['HTTP_USER_AGENT']
    else:
        found = FORMATS[format].fullmatch(line)
        assert found, line
        assert (found[5], found[6]) == ('200', '11')


def test_a_text_that_is_not_native_is_logged_all_the_same(lines: list[str]) -> None:
    environ = make_environ('/') | {'PATH_INFO': '/\u65e5\udc80', 'HTTP_USER_AGENT': '\u2028\udc80'}
    for name in ('combined', 'json'):
        send(access_logged(hello, name), environ)
    assert len(lines) == 2
    assert all(line.isascii() for line in lines)


# When, and how often


def endings(lines: list[str]) -> list[str]:
    """Return status and size of each line of the common format."""
    return [' '.join(line.rsplit(' ', 2)[1:]) for line in lines]


class Body:
    """A body that notes what is done to it."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.given = 0
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> 'Body':
        start_response('200 OK', PLAIN)
        return self

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.given += 1
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1


def begin(app: Callable[..., Any]) -> Any:
    """Return the body of a response for which the server has not asked yet."""
    return access_logged(app, 'common')(make_environ(), lambda *_: io.BytesIO().write)


def test_a_stream_is_passed_on_piece_by_piece(lines: list[str]) -> None:
    source = Body(b'one', b'two')
    body = begin(source)
    assert source.given == 0
    pieces = iter(body)
    assert (next(pieces), source.given, lines) == (b'one', 1, [])
    assert (next(pieces), source.given, lines) == (b'two', 2, [])
    assert list(pieces) == []
    body.close()
    body.close()
    assert (endings(lines), source.closed) == (['200 6'], 1)


def test_a_client_that_leaves(lines: list[str]) -> None:
    source = Body(b'one', b'two')
    body = begin(source)
    next(iter(body))
    body.close()
    assert (endings(lines), source.closed, source.given) == (['200 3'], 1, 1)


def test_a_body_that_nobody_asked_for(lines: list[str]) -> None:
    source = Body(b'one')
    begin(source).close()
    assert (endings(lines), source.closed, source.given) == (['200 -'], 1, 0)


@pytest.mark.parametrize(
    ('pieces', 'ending'),
    [
        ((b'one', RuntimeError('late')), '200 3'),
        ((b'', RuntimeError('early')), '500 -'),  # no header is sent before the first byte of the body
    ],
)
def test_a_body_that_raises(lines: list[str], pieces: tuple[Any, ...], ending: str) -> None:
    source = Body(*pieces)
    body = begin(source)
    with pytest.raises(RuntimeError):
        list(body)
    body.close()
    assert (endings(lines), source.closed) == ([ending], 1)


def test_an_application_that_raises(lines: list[str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(app)
    assert endings(lines) == ['500 -']


def test_a_close_that_raises(lines: list[str]) -> None:
    class Stubborn(Body):
        def close(self) -> None:
            super().close()
            raise OSError('gone')

    source = Stubborn(b'one')
    body = begin(source)
    with pytest.raises(OSError, match='gone'):
        body.close()
    body.close()
    assert (endings(lines), source.closed) == (['200 -'], 1)


def test_what_is_written_is_counted(lines: list[str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response('200 OK', PLAIN)
        write(b'one')
        return [b'more']

    call(access_logged(validator(app), 'common'))
    assert endings(lines) == ['200 7']


def test_a_response_that_is_replaced(lines: list[str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response('200 OK', PLAIN)
        try:
            fail()
        except RuntimeError:
            start_response('503 Later', PLAIN, sys.exc_info())
        return [b'later']

    assert call(access_logged(validator(app), 'common')).exc_info
    assert endings(lines) == ['503 5']


def test_a_replacement_that_comes_too_late(lines: list[str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response('200 OK', PLAIN)
        yield b'begun'
        try:
            fail()
        except RuntimeError:
            start_response('503 Later', PLAIN, sys.exc_info())

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            raise exc_info[1]

    with pytest.raises(RuntimeError, match='late'):
        list(access_logged(app, 'common')(make_environ(), start_response))
    assert endings(lines) == ['200 5']


def test_a_file_is_counted_and_closed(lines: list[str]) -> None:
    file = io.BytesIO(b'x' * 20_000)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response('200 OK', PLAIN)
        return environ['wsgi.file_wrapper'](file)

    extra: dict[str, Any] = {'wsgi.file_wrapper': FileWrapper}
    assert len(call(access_logged(app, 'common'), **extra).body) == 20_000
    assert (endings(lines), file.closed) == (['200 20000'], True)


def test_a_list_keeps_its_length() -> None:
    assert len(begin(lambda _, start: start('200 OK', PLAIN) and [b'x'])) == 1


def test_nothing_is_wrapped_when_nobody_listens(lines: list[str]) -> None:
    assert access_logged(hello, 'none') is hello
    access_logger.setLevel(logging.WARNING)
    source = Body(b'x')
    assert begin(source) is source
    assert lines == []


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(ServerOptionError, match='common, combined, json'):
        access_logged(hello, 'apache')


def test_over_a_socket(tmp_path: Path) -> None:
    access_logger.propagate = False
    path = tmp_path / 'access.log'
    app = bottle.Bottle()
    app.route('/<name>', callback=lambda name: name)
    configure(ServerOptions(access_log='combined', access_log_file=path))  # type: ignore[arg-type]  # a path is read, too
    with bottle.start(access_logged(app, 'combined'), 'wsgiref', port=0) as server:
        fetch(server.url, '/one', **{'User-Agent': 'x" 200 "'})
        fetch(server.url, '/two/three')
    one, two = sorted(path.read_text().splitlines(), key=lambda line: '/two' in line)  # threads may change places
    assert one.startswith('127.0.0.1 - - [')
    assert one.endswith(r'"GET /one HTTP/1.1" 200 3 "-" "x\" 200 \""')
    assert '"GET /two/three HTTP/1.1" 404 ' in two


# Where the lines go


def test_a_standard_stream_takes_what_wsgi_errors_takes(capsys: pytest.CaptureFixture[str]) -> None:
    stream = StandardStream('stderr')
    stream.writelines(['one\n', 'two\n'])
    stream.flush()
    assert capsys.readouterr().err == 'one\ntwo\n'


def test_a_new_file_is_not_for_others(tmp_path: Path) -> None:
    path = tmp_path / 'access.log'
    previous = os.umask(0)
    try:
        configure(ServerOptions(access_log='common', access_log_file=str(path)))
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.write_text('before\n')
    for _ in range(2):  # the second call changes nothing
        configure(ServerOptions(access_log='common', access_log_file=str(path)))
    access_logger.info('after')
    assert path.read_text() == 'before\nafter\n'


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ServerOptionError, match='create its folder') as caught:
        configure(ServerOptions(access_log='common', access_log_file=str(tmp_path / 'no' / 'access.log')))
    assert '\n' not in str(caught.value)


def test_what_the_program_has_configured_is_left_alone(lines: list[str]) -> None:
    access_logger.setLevel(logging.WARNING)
    server_logger.setLevel(logging.NOTSET)
    own = Lines()
    server_logger.addHandler(own)
    before = access_logger.handlers.copy()
    configure(ServerOptions(access_log='common'))
    assert (access_logger.handlers, server_logger.handlers) == (before, [own])
    assert (access_logger.level, server_logger.level) == (logging.WARNING, logging.INFO)
    assert access_logger.propagate


PROGRAM = """\
import os, sys, logging
from bottle.serving.logs import access_logger, configure, ensure_standard_streams, server_logger
from bottle.serving.options import ServerOptions
"""


def program(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return attempt([sys.executable, '-c', PROGRAM + text], tmp_path)


def test_requests_go_to_standard_output_and_messages_to_standard_error(tmp_path: Path) -> None:
    done = program(
        'for quiet in (False, False, True):\n'
        '    configure(ServerOptions(access_log="common", quiet=quiet))\n'
        '    access_logger.info("line")\n'
        '    server_logger.info("said")\n'
        '    server_logger.warning("warned")\n',
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, 'line\n' * 3)
    assert done.stderr == 'bottle: said\nbottle: warned\n' * 2 + 'bottle: warned\n'


def test_without_an_access_log_no_request_is_printed(tmp_path: Path) -> None:
    done = program('configure(ServerOptions())\naccess_logger.info("line")', tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_streams_that_come_and_go(tmp_path: Path) -> None:
    done = program(
        'import io\n'
        'class Full(io.StringIO):\n'
        '    def write(self, text):\n'
        '        raise OSError(28, "No space left on device")\n'
        'configure(ServerOptions(access_log="common"))\n'
        'real, closed = sys.stdout, io.StringIO()\n'
        'closed.close()\n'
        'for sys.stdout in (real, None, closed, io.StringIO(), Full(), real):\n'
        '    access_logger.info("line")\n',
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, 'line\n' * 2, '')


def test_a_reader_that_has_gone(tmp_path: Path) -> None:
    text = (
        'configure(ServerOptions(access_log="common"))\n'
        'sys.stdin.readline()\n'
        'before = len(os.listdir("/dev/fd"))\n'
        'for _ in range(5000):\n'
        '    access_logger.info("x" * 100)\n'
        'sys.stderr.write(str(len(os.listdir("/dev/fd")) - before))\n'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM + text],
        env=clean_environment({'PYTHONUNBUFFERED': ''}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate('go\n', timeout=60)
    assert (process.returncode, errors) == (0, '0')  # not 120, which a failing flush at the exit would give


def test_closed_descriptors_are_taken(tmp_path: Path) -> None:
    text = (
        'import socket\n'
        'ensure_standard_streams()\n'
        'ensure_standard_streams()\n'
        'null = os.stat(os.devnull).st_rdev\n'
        'print("lost"); print("lost", file=sys.stderr)\n'
        'with open("result", "w") as file:\n'
        '    print(socket.socket().fileno() > 2, sys.stdin.read(), file=file)\n'
        '    print([os.fstat(number).st_rdev == null for number in range(3)], file=file)\n'
        '    print([os.get_inheritable(number) for number in range(3)], file=file)\n'
    )
    command = ['sh', '-c', 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, '-c', PROGRAM + text]
    assert attempt(command, tmp_path).returncode == 0
    assert (tmp_path / 'result').read_text() == 'True \n[True, True, True]\n[True, True, True]\n'


def test_open_descriptors_are_left_alone(tmp_path: Path) -> None:
    done = program('before = sys.stdout\nensure_standard_streams()\nprint(sys.stdout is before)', tmp_path)
    assert (done.stdout, done.stderr) == ('True\n', '')


# After the files have been renamed


@pytest.mark.parametrize('mode', ['a', 'w'])
def test_reopening_loses_no_line(tmp_path: Path, mode: str) -> None:
    path = tmp_path / 'own.log'
    handler = logging.FileHandler(path, mode)
    logger = logging.getLogger(f'tests.{tmp_path.name}')
    logger.propagate = False
    logger.addHandler(handler)
    written = threading.Barrier(5)

    def write(name: int) -> None:
        written.wait(10)
        for number in range(500):
            logger.error('%d-%d', name, number)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    written.wait(10)
    for number in range(20):
        path.rename(tmp_path / f'old.{number}')
        reopen()
    for thread in threads:
        thread.join(30)
    reopen()  # of a file that is still there: appended to
    logger.error('last')
    handler.close()
    texts = [each.read_text() for each in tmp_path.iterdir()]
    assert len(texts) == 21
    assert sorted(''.join(texts).split()) == sorted(
        ['last', *(f'{name}-{number}' for name in range(4) for number in range(500))]
    )


def test_a_file_that_cannot_be_reopened_is_kept(tmp_path: Path) -> None:
    warned = Lines()
    server_logger.addHandler(warned)
    folder = tmp_path / 'logs'
    folder.mkdir()
    handler = logging.FileHandler(folder / 'own.log')
    folder.rename(tmp_path / 'moved')
    reopen()
    handler.emit(logging.makeLogRecord({'msg': 'line'}))
    handler.close()
    assert (tmp_path / 'moved' / 'own.log').read_text() == 'line\n'
    assert len(warned.texts) == 1
    assert 'own.log cannot be reopened' in warned.texts[0]


def test_a_file_that_is_not_open_stays_so(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / 'own.log', delay=True)
    reopen()
    handler.close()
    assert list(tmp_path.iterdir()) == []


def test_reopening_in_a_signal_handler_loses_no_line(tmp_path: Path) -> None:
    text = (
        'import signal, threading\n'
        'from bottle.serving.logs import reopen\n'
        'handler = logging.FileHandler("own.log")\n'
        'logger = logging.getLogger("own")\n'
        'logger.addHandler(handler)\n'
        'renamed, more = [], threading.Event()\n'
        'def rotate(*_):\n'
        '    os.rename("own.log", f"old.{len(renamed)}.log")\n'
        '    reopen()\n'
        '    renamed.append(True)\n'
        '    more.set()\n'
        'signal.signal(signal.SIGUSR1, rotate)\n'
        'def ask():\n'
        '    for _ in range(20):\n'
        '        more.clear()\n'
        '        os.kill(os.getpid(), signal.SIGUSR1)\n'
        '        more.wait(10)\n'
        'asking = threading.Thread(target=ask)\n'
        'asking.start()\n'
        'count = 0\n'
        'while asking.is_alive():\n'
        '    logger.error(count)\n'
        '    count += 1\n'
        'print(count, len(renamed))\n'
    )
    done = program(text, tmp_path)
    count, renamed = map(int, done.stdout.split())
    written = ''.join(path.read_text() for path in tmp_path.glob('*.log')).split()
    assert (renamed, done.stderr) == (20, '')
    assert sorted(map(int, written)) == list(range(count))
