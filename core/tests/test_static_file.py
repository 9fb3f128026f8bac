"""static_file: what is found and what is refused, conditions, ranges, and that each file is closed once."""

import ntpath
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle._context import RequestContext, current
from bottle.httputil import http_date, parse_date
from bottle.requests import request
from bottle.responses import HTTPError, HTTPResponse
from bottle.shortcuts import resolve_below, static_file

CONTENT = bytes(range(256)) * 1000
MTIME = 1000000000


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / 'root'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'a.txt').write_bytes(CONTENT)
    (folder / 'sub' / 'b.txt').write_text('b')
    (folder / 'empty').touch()
    (tmp_path / 'root-secret').write_text('secret')
    os.utime(folder / 'a.txt', (MTIME, MTIME))
    token = current.set(RequestContext({}))
    request.bind({})
    yield folder
    current.reset(token)


def get(
    name: str, root: Path | str, environ: dict[str, Any] | None = None, **options: Any
) -> tuple[HTTPResponse, bytes]:
    """Return the response and the whole body."""
    request.bind({'REQUEST_METHOD': 'GET', **(environ or {})})
    answer = static_file(name, root, **options)
    body = answer.body.encode() if isinstance(answer.body, str) else b''.join(answer.body)
    answer.close()
    return answer, body


# Which file


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('a.txt', CONTENT),
        ('/a.txt', CONTENT),
        ('\\a.txt', CONTENT),
        ('sub/b.txt', b'b'),
        ('sub/../a.txt', CONTENT),
        ('./sub/./b.txt', b'b'),
        ('sub//b.txt', b'b'),
        ('empty', b''),
    ],
)
def test_found(root: Any, name: Any, expected: Any) -> None:
    for folder in (root, str(root), f'{root}/', os.path.relpath(root)):
        answer, body = get(name, folder)
        assert (answer.status_code, body) == (200, expected)
        assert answer.content_length == len(expected)


@pytest.mark.parametrize(
    ('name', 'status'),
    [
        ('../root-secret', 403),
        ('../../etc/passwd', 403),
        ('/../root-secret', 403),
        ('sub/../../root-secret', 403),
        ('nope', 404),
        ('a.txt/x', 404),
        ('', 403),
        ('sub', 404),
        ('sub/', 404),
        ('a.txt\0', 404),
        ('\0', 404),
        ('\udcff', 404),
        ('\xff', 404),
        (chr(0xD800), 404),
        ('x' * 5000, 404),
        ('../' * 5000, 403),
    ],
)
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_refused(root: Any, name: Any, status: Any, method: Any) -> None:
    answer, _ = get(name, root, {'REQUEST_METHOD': method})
    assert isinstance(answer, HTTPError)
    assert answer.status_code == status


@given(st.text('./\\ab\0:\udcff\ud800é', max_size=12))
def test_no_name_raises_or_escapes(name: Any) -> None:
    try:
        path = resolve_below(name, '/srv/root')
    except HTTPError as error:
        status = error.status_code
        assert status in (403, 404)
    else:
        assert path == '/srv/root' or path.startswith('/srv/root/')


def test_links_must_stay_inside(root: Any) -> None:
    (root / 'out').symlink_to(root.parent / 'root-secret')
    (root / 'out-folder').symlink_to(root.parent)
    (root / 'in').symlink_to('sub/b.txt')
    (root / 'loop').symlink_to('loop')
    (root.parent / 'other-way').symlink_to(root)
    assert get('out', root)[0].status_code == 403
    assert get('out-folder/root-secret', root)[0].status_code == 403
    assert get('loop', root)[0].status_code == 404
    assert get('in', root)[1] == b'b'
    assert get('a.txt', root.parent / 'other-way')[1] == CONTENT


def test_links_may_lead_out_when_told_so(root: Any) -> None:
    (root / 'out').symlink_to(root.parent / 'root-secret')
    (root / 'out-folder').symlink_to(root.parent)
    assert get('out', root, follow_links=True)[0].status_code == 200
    assert get('out-folder/root-secret', root, follow_links=True)[0].status_code == 200
    assert get('../root-secret', root, follow_links=True)[0].status_code == 403


def test_special_files_do_not_block(root: Any) -> None:
    os.mkfifo(root / 'pipe')
    assert get('pipe', root)[0].status_code == 404


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while if this is root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_permissions(root: Path) -> None:
    with TemporaryDirectory() as name:  # that of pytest is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        for file, mode in (('open', 0o644), ('closed', 0)):
            (folder / file).touch()
            (folder / file).chmod(mode)
        with unprivileged():
            assert [get(file, folder)[0].status_code for file in ('open', 'closed')] == [200, 403]


def test_the_root_may_be_the_root(root: Any) -> None:
    assert get(str(root / 'a.txt'), '/')[1] == CONTENT


@pytest.mark.parametrize(
    'name',
    [
        'CON',
        'con.txt',
        'sub/NUL',
        'COM1.tar.gz',
        'COM¹',
        'C:x',
        'C:/x',
        'a:b',
        'x.',
        'x ',
        'sub./x',
        'x\\..\\..\\y',
        '\\\\server\\share',
    ],
)
def test_what_windows_would_make_of_a_name_is_refused(name: Any) -> None:
    if name == '\\\\server\\share':
        assert resolve_below(name, 'C:\\root', ntpath) == 'C:\\root\\server\\share'
        return
    with pytest.raises(HTTPError) as caught:
        resolve_below(name, 'C:\\root', ntpath)
    assert caught.value.status_code in (403, 404)


@pytest.mark.parametrize('name', ['a.txt', 'sub/b', 'sub\\b', 'console.log', 'sub/../a'])
def test_plain_names_are_found_on_windows(name: Any) -> None:
    expected = ntpath.normpath(ntpath.join('C:\\root', name))
    assert resolve_below(name, 'C:\\root', ntpath) == expected


# What is said about it


@pytest.mark.parametrize(
    ('name', 'options', 'expected'),
    [
        ('a.txt', {}, 'text/plain; charset=UTF-8'),
        ('a.txt', {'charset': 'latin1'}, 'text/plain; charset=latin1'),
        ('a.txt', {'charset': None}, 'text/plain'),
        ('a.txt', {'mimetype': 'text/x'}, 'text/x; charset=UTF-8'),
        ('a.txt', {'mimetype': 'text/x; charset=y'}, 'text/x; charset=y'),
        ('a.txt', {'mimetype': 'image/x'}, 'image/x'),
        ('a.txt', {'mimetype': 'application/javascript'}, 'application/javascript; charset=UTF-8'),
        ('a.txt', {'mimetype': False}, ''),
        ('a.txt', {'download': 'x.mp3'}, 'audio/mpeg'),
        ('x.tar.gz', {}, 'application/gzip'),
        ('x.css.bz2', {}, 'application/x-bzip2'),
        ('empty', {}, ''),
    ],
)
def test_content_type(root: Any, name: Any, options: Any, expected: Any) -> None:
    (root / name).touch()
    assert get(name, root, **options)[0].content_type == expected


@pytest.mark.parametrize(
    ('download', 'expected'),
    [
        (False, None),
        (True, 'attachment; filename="a.txt"'),
        ('other.txt', 'attachment; filename="other.txt"'),
        ('a"b\\c\r\n.txt', 'attachment; filename="a_b_c__.txt"'),
        ('ü €.txt', 'attachment; filename="_ _.txt"; filename*=UTF-8\'\'%C3%BC%20%E2%82%AC.txt'),
    ],
)
def test_download(root: Any, download: Any, expected: Any) -> None:
    assert get('a.txt', root, download=download)[0].get_header('Content-Disposition') == expected


def test_a_link_is_named_as_it_was_asked_for(root: Any) -> None:
    (root / 'latest.json').symlink_to('a.txt')
    answer, _ = get('latest.json', root, download=True)
    assert answer.content_type == 'application/json'
    assert answer.get_header('Content-Disposition') == 'attachment; filename="latest.json"'


def test_header_fields(root: Any) -> None:
    given_headers = {'X-Y': 'z', 'Content-Type': 'lost'}
    answer, _ = get('a.txt', root, headers=given_headers)
    assert (answer.get_header('X-Y'), answer.get_header('Accept-Ranges')) == ('z', 'bytes')
    assert answer.get_header('Last-Modified') == http_date(MTIME)
    sent = parse_date(answer.get_header('Date'))
    assert sent is not None
    assert abs(sent - time.time()) < 3
    assert given_headers == {'X-Y': 'z', 'Content-Type': 'lost'}


def test_head_has_all_fields_and_no_body(root: Any) -> None:
    full, _ = get('a.txt', root)
    head, body = get('a.txt', root, {'REQUEST_METHOD': 'HEAD', 'HTTP_RANGE': 'bytes=0-1'})
    assert (head.status_code, body) == (200, b'')
    assert dict(head.headerlist) == dict(full.headerlist) | {'Date': head.get_header('Date')}


# Conditions


@pytest.mark.parametrize(('etag', 'expected'), [(False, None), ('x', '"x"'), ('"x"', '"x"'), ('W/"x"', 'W/"x"')])
def test_a_given_etag(root: Any, etag: Any, expected: Any) -> None:
    assert get('a.txt', root, etag=etag)[0].get_header('ETag') == expected


def test_an_etag_changes_with_the_file(root: Any) -> None:
    first = get('a.txt', root)[0].get_header('ETag')
    assert first == get('a.txt', root)[0].get_header('ETag')
    os.utime(root / 'a.txt', ns=(1, 2))
    second = get('a.txt', root)[0].get_header('ETag')
    (root / 'a.txt').write_text('x')
    os.utime(root / 'a.txt', ns=(1, 2))
    third = get('a.txt', root)[0].get_header('ETag')
    assert len({first, second, third}) == 3


@pytest.mark.parametrize(
    ('environ', 'status'),
    [
        ({'HTTP_IF_MODIFIED_SINCE': http_date(MTIME)}, 304),
        ({'HTTP_IF_MODIFIED_SINCE': http_date(MTIME + 1)}, 304),
        ({'HTTP_IF_MODIFIED_SINCE': http_date(MTIME - 1)}, 200),
        ({'HTTP_IF_MODIFIED_SINCE': 'nonsense'}, 200),
        ({'HTTP_IF_NONE_MATCH': '"tag"'}, 304),
        ({'HTTP_IF_NONE_MATCH': 'W/"tag", "other"'}, 304),
        ({'HTTP_IF_NONE_MATCH': '*'}, 304),
        ({'HTTP_IF_NONE_MATCH': '"other"'}, 200),
        ({'HTTP_IF_NONE_MATCH': '"other"', 'HTTP_IF_MODIFIED_SINCE': http_date(MTIME)}, 200),
        ({'HTTP_IF_NONE_MATCH': '"tag"', 'HTTP_RANGE': 'bytes=0-1'}, 304),
    ],
)
def test_conditional(root: Any, environ: Any, status: Any) -> None:
    answer, body = get('a.txt', root, environ, etag='tag')
    assert (answer.status_code, body) == (status, b'' if status == 304 else CONTENT)
    assert answer.get_header('ETag') == '"tag"'
    if status == 304:
        assert not {'Accept-Ranges', 'Content-Length', 'Content-Type', 'Last-Modified'} & dict(answer.headerlist).keys()


def test_a_fraction_of_a_second_does_not_count(root: Any) -> None:
    os.utime(root / 'a.txt', (MTIME, MTIME + 0.9))
    assert get('a.txt', root, {'HTTP_IF_MODIFIED_SINCE': http_date(MTIME)})[0].status_code == 304


# Ranges


@pytest.mark.parametrize(
    ('header', 'start', 'end'),
    [
        ('bytes=0-0', 0, 1),
        ('bytes=10-99', 10, 100),
        ('bytes=255990-', 255990, 256000),
        ('bytes=-10', 255990, 256000),
        ('bytes=0-999999', 0, 256000),
        ('bytes=5-6,0-1', 5, 7),
        ('Bytes=100-200000', 100, 200001),
    ],
)
def test_range(root: Any, header: Any, start: Any, end: Any) -> None:
    answer, body = get('a.txt', root, {'HTTP_RANGE': header})
    assert (answer.status_code, body) == (206, CONTENT[start:end])
    assert answer.get_header('Content-Range') == f'bytes {start}-{end - 1}/256000'
    assert answer.content_length == end - start


@pytest.mark.parametrize(
    'header', ['bytes=256000-', 'bytes=-0', 'bytes=', 'bytes=9-1', 'bytes=x', 'bytes=' + '9' * 5000 + '-']
)
def test_impossible_range(root: Any, header: Any) -> None:
    answer, _ = get('a.txt', root, {'HTTP_RANGE': header})
    assert (answer.status_code, answer.get_header('Content-Range')) == (416, 'bytes */256000')


@pytest.mark.parametrize(
    ('environ', 'status'),
    [
        ({'HTTP_RANGE': 'items=0-1'}, 200),
        ({'HTTP_RANGE': 'nonsense'}, 200),
        ({'HTTP_RANGE': 'bytes=0-1', 'HTTP_IF_RANGE': '"tag"'}, 206),
        ({'HTTP_RANGE': 'bytes=0-1', 'HTTP_IF_RANGE': '"old"'}, 200),
        ({'HTTP_RANGE': 'bytes=0-1', 'HTTP_IF_RANGE': http_date(MTIME)}, 206),
        ({'HTTP_RANGE': 'bytes=0-1', 'HTTP_IF_RANGE': http_date(MTIME + 1)}, 200),
    ],
)
def test_ranges_that_do_not_apply(root: Any, environ: Any, status: Any) -> None:
    assert get('a.txt', root, environ, etag='tag')[0].status_code == status


def test_a_file_that_shrinks_ends_the_body(root: Any) -> None:
    request.bind({'REQUEST_METHOD': 'GET', 'HTTP_RANGE': 'bytes=0-199999'})
    answer = static_file('a.txt', root)
    (root / 'a.txt').write_bytes(b'short')
    assert b''.join(answer.body) == b'short'
    answer.close()


# Closing


@pytest.mark.parametrize(
    ('environ', 'left_open'),
    [
        ({}, True),
        ({'HTTP_RANGE': 'bytes=0-1'}, True),
        ({'HTTP_RANGE': 'bytes=9-1'}, False),
        ({'HTTP_IF_NONE_MATCH': '*'}, False),
        ({'REQUEST_METHOD': 'HEAD'}, False),
    ],
)
def test_each_file_is_closed_once(root: Any, monkeypatch: Any, environ: Any, left_open: Any) -> None:
    closed: list[int] = []
    opened: list[Any] = []
    real = os.fdopen

    class Watched:
        def __init__(self, *arguments: Any) -> None:
            self.inner = real(*arguments)
            opened.append(self)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def close(self) -> None:
            closed.append(self.inner.fileno())
            self.inner.close()

    monkeypatch.setattr(os, 'fdopen', Watched)
    request.bind({'REQUEST_METHOD': 'GET', **environ})
    answer = static_file('a.txt', root)
    assert (len(opened), len(closed)) == (1, 0 if left_open else 1)
    answer.close()
    assert len(closed) == 1


@pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='counts open files as Linux shows them')
def test_a_field_that_is_refused_closes_the_file(root: Any) -> None:
    before = len(list(Path('/proc/self/fd').iterdir()))
    for _ in range(3):
        with pytest.raises(ValueError, match='control'):
            static_file('a.txt', root, headers={'X': 'a\nb'})
    assert len(list(Path('/proc/self/fd').iterdir())) == before
