"""What is particular to twisted: its options, and that there may be several."""

from pathlib import Path
from typing import Any

import pytest

from bottle_server_twisted import TwistedServer
from tests.support.client import fetch
from tests.support.programs import ABOUT, about, refusal, running


def test_the_native_call() -> None:
    adapter = TwistedServer('127.0.0.1', 8080, threads=5)
    assert adapter.explain() == 'twisted.web.http.HTTPChannel(handler, sockets, threads=5)'


def test_options_reach_the_backend(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'twisted', threads=2, max_body_size=10) as server:
        for _ in range(5):
            names = about(server)['threads']
        assert len([name for name in names if name.startswith('bottle-request')]) <= 2
        assert fetch(server.url, '/about/', 'POST', b'x' * 10).status == 200
        assert fetch(server.url, '/about/', 'POST', b'x' * 11).status == 413


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'resource': None}, "has no option 'resource'"),
        ({'thread': 3}, "Did you mean 'threads'?"),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'twisted', **options)
