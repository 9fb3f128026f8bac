"""What is particular to the built-in server."""

import urllib.request

import pytest

from bottle import Bottle, start
from bottle.serving.builtin import WSGIRefServer


@pytest.mark.parametrize('logs', [True, False])
def test_requests_are_logged_unless_the_core_does(logs: bool, capfd: pytest.CaptureFixture[str]) -> None:
    app = Bottle()
    app.route('/logged', callback=lambda: 'here')
    adapter = WSGIRefServer('127.0.0.1', 0)
    adapter.logs_requests = logs
    with (
        start(app, adapter, quiet=False) as server,
        urllib.request.urlopen(server.url + 'logged', timeout=10) as response,
    ):
        assert response.read() == b'here'
    assert ('"GET /logged HTTP/1.1" 200 4' in capfd.readouterr().err) is logs
