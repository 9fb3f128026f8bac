"""What is particular to tornado: its options, and what it is told to wait for."""

from pathlib import Path
from typing import Any

import pytest

from bottle_server_tornado import TornadoServer
from tests.support.client import fetch
from tests.support.programs import ABOUT, about, refusal, running


def test_the_native_call() -> None:
    adapter = TornadoServer('127.0.0.1', 8080, no_keep_alive=True)
    assert adapter.explain() == 'tornado.httpserver.HTTPServer(handler, sockets, no_keep_alive=True)'


def test_options_reach_the_backend(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'tornado', threads=2, max_body_size=10, no_keep_alive=True) as server:
        for _ in range(5):
            names = about(server)['threads']
        assert len([name for name in names if name.startswith('bottle-request')]) <= 2
        assert fetch(server.url, '/about/', 'POST', b'x' * 10).status == 200
        assert fetch(server.url, '/about/', 'POST', b'x' * 11).status == 413


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'request_callback': None}, "has no option 'request_callback'"),
        ({'thread': 3}, "Did you mean 'threads'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'tornado', **options)
