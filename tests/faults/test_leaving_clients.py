"""Clients that leave in the middle: no short body passes for a whole one, and every response is closed once."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.watching import Reports, Watched, await_condition
from tests.support.client import raw
from tests.support.processes import Server

NIGHTLY = os.environ.get('BOTTLE_NIGHTLY') == '1'
CLIENTS = 1000 if NIGHTLY else 50
SENT = b'x' * 700_000  # more than any of them keeps in memory
DECLARED = 10 * len(SENT)


@pytest.fixture(autouse=True)
def nothing_is_left(watched: Watched, folder: Path, reports: Reports) -> Iterator[None]:
    """Compare the server's files before and after, the temporary ones that have lost their name included."""
    before = watched.files()
    yield
    assert await_condition(lambda: watched.files() <= before), (watched.files(), before)
    assert list(folder.iterdir()) == []
    assert reports.waiting() == []


def begin_upload(url: str, head: bytes, body: bytes) -> None:
    """Send the beginning of a body and leave."""
    with closing(raw(url)) as connection:
        connection.sendall(b'POST /upload HTTP/1.1\r\nHost: a\r\n' + head + b'\r\n\r\n' + body)


UPLOADS = {
    'declared': (b'Content-Length: %d' % DECLARED, SENT),
    'chunked': (b'Transfer-Encoding: chunked', b'%x\r\n%b\r\n%x\r\n' % (len(SENT), SENT, len(SENT))),
}


@pytest.mark.timeout(60 + CLIENTS)
@pytest.mark.parametrize(('head', 'body'), UPLOADS.values(), ids=UPLOADS)
def test_in_the_middle_of_an_upload(
    shared: Server, watched: Watched, reports: Reports, head: bytes, body: bytes
) -> None:
    before = watched.files()
    seen = []
    for _ in range(CLIENTS):
        begin_upload(shared.url, head, body)
        assert await_condition(lambda: watched.files() <= before)
        seen += reports.waiting()
    while seen and len(seen) < CLIENTS and (late := reports.next()):
        seen.append(late)
    # A server that reads whole bodies first never calls the application.
    assert seen in ([], ['refused BodyError'] * CLIENTS)


@pytest.mark.timeout(60 + CLIENTS)
def test_in_the_middle_of_a_download(shared: Server, reports: Reports) -> None:
    for _ in range(CLIENTS):
        with closing(raw(shared.url)) as connection:
            connection.sendall(b'GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
            assert b' 200 ' in connection.recv(65536)
        left = time.monotonic()
        assert reports.next() == 'closed'
        assert time.monotonic() - left <= 1
