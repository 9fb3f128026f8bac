"""What is particular to uvloop: aiohttp in another loop."""

from pathlib import Path
from typing import Any

import pytest

from bottle_server_uvloop import UvloopServer
from tests.support.client import fetch
from tests.support.programs import ABOUT, about, refusal, running


def test_the_native_call() -> None:
    adapter = UvloopServer('127.0.0.1', 8080, max_line_size=1000)
    assert adapter.explain() == 'aiohttp.web.Server(handler, sockets, max_line_size=1000)'


def test_options_reach_the_backend(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'uvloop', threads=2, max_body_size=10, max_line_size=1000) as server:
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
    assert reason in refusal(tmp_path, 'uvloop', **options)
