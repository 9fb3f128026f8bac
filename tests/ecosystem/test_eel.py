"""eel and bottle-websocket: a page in a real browser calls Python, Python calls it; closing the window ends it all."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest

from tests.ecosystem.conftest import Install
from tests.support.client import await_listening, fetch
from tests.support.processes import clean_environment, kill_group
from tests.support.requirements import require_program

ANSWER_LIMIT = 60.0  # seconds: a browser starts slowly on a busy machine
FLAGS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]
PAGE = """\
<!DOCTYPE html>
<meta charset="utf-8">
<script src="/eel.js"></script>
<script>
    eel.expose(twice);
    function twice(number) { return 2 * number; }
    addEventListener('load', async () => {
        const greeting = await eel.greet('Wörld')();
        await eel.report(greeting, location.pathname)();
        window.close();
    });
</script>
"""
PROGRAM = """\
import json, sys
import bottle, eel

bottle.run  # loads what serves: eel starts the browser first, and the browser must not be faster than the server

@eel.expose
def greet(name):
    return f'Hello {name}'

@eel.expose
def report(greeting, path):
    print(json.dumps({'greeting': greeting, 'path': path, 'twice': eel.twice(21)()}), flush=True)

eel.init('web')
_, chromium, *flags = sys.argv
if chromium:
    eel.browsers.set_path('chrome', chromium)
    eel.start('index.html', mode='chrome', cmdline_args=flags, port=0, shutdown_delay=0.2)
else:
    eel.start('index.html', mode=None, port=0, block=False)
    print(eel._start_args['port'], flush=True)
    eel.sleep(600)
"""


class Lines:
    """A started program, and what it prints line by line."""

    def __init__(self, process: Popen[str]) -> None:
        self.process = process
        self.printed: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.printed.append(line)
            self._lines.put(line)
        self._lines.put('')

    def next(self) -> str:
        """Wait for the next line; '' is the end."""
        return self._lines.get(timeout=ANSWER_LIMIT)

    def close(self) -> None:
        """End the program with all that it started."""
        kill_group(self.process)
        self._reader.join(ANSWER_LIMIT)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture(scope='module')
def python(install: Install) -> Path:
    return install('eel', 'bottle-websocket', 'gevent-websocket')


@contextmanager
def running(python: Path, folder: Path, *arguments: str) -> Iterator[Lines]:
    """Run the program in a folder that holds the page."""
    (folder / 'web').mkdir()
    (folder / 'web' / 'index.html').write_text(PAGE, encoding='utf-8')
    (folder / 'program.py').write_text(PROGRAM)
    command = [str(python), 'program.py', *arguments]
    environment = clean_environment({'HOME': str(folder)})  # where a browser leaves what is no part of its profile
    lines = Lines(
        Popen(command, cwd=folder, env=environment, stdin=DEVNULL, stdout=PIPE, text=True, start_new_session=True)
    )
    try:
        yield lines
    finally:
        lines.close()


def test_a_page_in_a_browser_calls_python_and_python_the_page(python: Path, tmp_path: Path) -> None:
    chromium = str(require_program('chromium'))
    profile = tmp_path / 'profile'
    with running(python, tmp_path, chromium, *FLAGS, f'--user-data-dir={profile}') as program:
        said = json.loads(program.next() or '"it ended"')
        assert said == {'greeting': 'Hello Wörld', 'path': '/index.html', 'twice': 42}
        assert program.process.wait(ANSWER_LIMIT) == 0, program.printed


def test_pages_without_a_browser(python: Path, tmp_path: Path) -> None:
    with running(python, tmp_path, '') as program:
        url = f'http://localhost:{int(program.next())}/'
        await_listening(url)
        page = fetch(url, '/')
        assert (page.status, page.body.decode(), page.headers['Cache-Control']) == (200, PAGE, 'no-store')
        script = fetch(url, '/eel.js')
        assert script.headers['Content-Type'].startswith('application/javascript')
        assert b"_py_functions: ['greet', 'report']" in script.body
        assert fetch(url, '/no-such-page').status == 404
