"""What is particular to aiohttp: its options, and what it is told to wait for."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle_server_aiohttp import AiohttpServer
from tests.support.client import fetch, raw, until
from tests.support.programs import ABOUT, about, refusal, running


def test_the_native_call() -> None:
    adapter = AiohttpServer('127.0.0.1', 8080, max_line_size=1000)
    assert adapter.explain() == 'aiohttp.web.Server(handler, sockets, max_line_size=1000)'


def test_options_reach_the_backend(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'aiohttp', threads=2, max_body_size=10, max_line_size=1000) as server:
        for _ in range(5):
            names = about(server)['threads']
        assert len([name for name in names if name.startswith('bottle-request')]) <= 2
        assert fetch(server.url, '/about/', 'POST', b'x' * 10).status == 200
        assert fetch(server.url, '/about/', 'POST', b'x' * 11).status == 413


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'manager': None}, "has no option 'manager'"),
        ({'thread': 3}, "Did you mean 'threads'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'aiohttp', **options)


def test_a_body_that_turns_out_to_be_malformed_is_not_waited_for() -> None:
    head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n'
    with start(Bottle(), 'aiohttp', port=0) as server, closing(raw(server.url)) as connection:
        connection.sendall(head)
        assert b'100 Continue' in until(connection, b'\r\n\r\n')
        connection.sendall(b'no size\r\n')
        assert until(connection, b'\r\n').startswith(b'HTTP/1.1 400 ')
