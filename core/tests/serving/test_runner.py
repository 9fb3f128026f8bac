"""`run` and `start`: whose application, with what, and what is printed; each program in a process of its own."""

import re
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import bottle
from bottle import Bottle, ServerAdapter, start
from bottle.errors import ApplicationError, ServerNotFound, ServerOptionError
from bottle.serving.preparation import Invocation, choose, make
from tests.support.client import fetch, raw
from tests.support.processes import Server, serving

HOLDING = """
import threading, time
from bottle import Bottle, run
app = Bottle()
held = threading.Event()

@app.get('/hold')
def hold():
    held.set()
    time.sleep(20)

@app.get('/held')
def wait():
    return str(held.wait(10))

run(app, port=0, graceful_timeout=0.5)
"""


@contextmanager
def program(folder: Path, text: str, *arguments: str) -> Iterator[Server]:
    """Run a program that serves."""
    file = folder / 'program.py'
    file.write_text(text)
    with serving([sys.executable, str(file), *arguments], folder) as server:
        yield server


def test_a_request_that_outlives_the_grace_period_is_cut(tmp_path: Path) -> None:
    with program(tmp_path, HOLDING) as server, ThreadPoolExecutor(1) as pool:
        cut = pool.submit(fetch, server.url, '/hold')
        assert fetch(server.url, '/held').body == b'True'
        server.process.terminate()
        assert server.process.wait(1.5) == 1
        assert cut.exception(timeout=5) is not None
    assert 'requests were still running 0.5 s after the signal to stop; they were cut' in ''.join(server.output)


def test_what_is_printed(tmp_path: Path) -> None:
    text = "from bottle import get, run\nget('/')(lambda: 'hello')\nrun(port=0)\nprint('after run')\n"
    with program(tmp_path, text) as server:
        assert fetch(server.url, '/').body == b'hello'
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(5) == 0
    printed = ''.join(server.output)
    assert re.match(r'Bottle \S+ on wsgiref\nListening on http://127\.0\.0\.1:\d+/\nHit Ctrl-C to quit\.\n', printed)
    assert 'GET / HTTP/1.1" 200' in printed
    assert printed.endswith('after run\n')
    assert 'Traceback' not in printed


BINDS_BY_ITSELF = """\
import socket
from bottle import run
from bottle.serving import ServerAdapter
from bottle.serving.sockets import reserved, url_of

class Late(ServerAdapter):
    name, says_when_ready = 'late', True

    def serve(self, handler, sockets):
        with reserved(self.host, self.port) as place, socket.socket() as listener:
            print('not yet', flush=True)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place.getsockname())
            listener.listen()
            self.url = url_of(listener)
            self.on_ready()
            listener.accept()[0].close()

    def stop(self):
        pass

run(server=Late, port=0)
"""


def test_an_adapter_that_binds_by_itself_is_announced_when_it_listens(tmp_path: Path) -> None:
    with program(tmp_path, BINDS_BY_ITSELF) as server, closing(raw(server.url)):
        assert server.process.wait(5) == 0
    assert server.output[0] == 'not yet\n'
    assert ':0/' not in server.url


def test_every_interface_is_announced(tmp_path: Path) -> None:
    with program(tmp_path, "from bottle import run\nrun(host='', port=0)\n") as server:
        assert server.url.startswith('http://127.0.0.1:')
        assert any('(on every interface)' in line for line in server.output)


def test_quiet_prints_nothing() -> None:
    app = Bottle()
    app.get('/', callback=lambda: 'hello')
    with start(app, port=0) as server:
        assert fetch(server.url, '/').body == b'hello'


class Tagging:
    """A plugin of API 2 that marks each response."""

    name, api = 'tagging', 2

    def apply(self, callback: Any, route: Any) -> Any:
        return lambda **arguments: f'tagged {callback(**arguments)}'


def test_plugins_and_configuration_reach_the_application() -> None:
    app = Bottle()
    app.get('/', callback=lambda: app.config['greeting'])
    with start(app, port=0, plugins=[Tagging()], config={'greeting': 'hello'}) as server:
        assert fetch(server.url, '/').body == b'tagged hello'


def plain_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '5')])
    return [b'plain']


def test_any_wsgi_application_is_served_but_takes_no_plugins() -> None:
    with start(plain_wsgi, port=0) as server:
        assert fetch(server.url, '/').body == b'plain'
    with pytest.raises(ServerOptionError, match='need a Bottle application'):
        start(plain_wsgi, port=0, plugins=[Tagging()])


def test_what_is_not_callable_is_no_application() -> None:
    with pytest.raises(ApplicationError, match='is not callable'):
        start(object(), port=0)  # type: ignore[arg-type]  # what the test is about


def test_what_is_no_adapter_is_no_server() -> None:
    with pytest.raises(ServerNotFound, match='is no server'):
        start(plain_wsgi, dict, port=0)  # type: ignore[arg-type]  # what the test is about


def test_an_application_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'named_app.py').write_text(
        "from bottle import get, run\nget('/')(lambda: 'named')\nrun(port='never')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with start('named_app', port=0) as server:  # the module's own run() does nothing while it is loaded
        assert fetch(server.url, '/').body == b'named'


class Recorder(ServerAdapter):
    """An adapter of the time of Bottle 0.13."""

    served: list[Any]

    def run(self, handler: Any) -> None:
        Recorder.served = [handler, self.host, self.port, self.options, self.quiet]


def test_an_old_adapter_gets_what_it_always_got() -> None:
    bottle.run(plain_wsgi, Recorder, host='localhost', port=1, quiet=True, debug=False, colour='red')
    assert Recorder.served == [plain_wsgi, 'localhost', 1, {'colour': 'red'}, True]


def test_options_are_copied() -> None:
    options = {'colour': 'red'}
    ready = make(choose(Invocation(server=Recorder, given={}, keywords=options)))
    ready.adapter.options['colour'] = 'blue'
    assert options == {'colour': 'red'}


def test_run_outside_the_main_thread_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    class Looking(Recorder):
        def run(self, handler: Any) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=bottle.run, args=(plain_wsgi, Looking), kwargs={'quiet': True})
    thread.start()
    thread.join(5)
    assert seen == [before]
