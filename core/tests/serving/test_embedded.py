"""Starting this program anew inside the processes of a server: one that is a Python of its own, and nothing else."""

import sys
from pathlib import Path

import pytest

from tests.support.client import fetch
from tests.support.processes import attempt, serving

# The processes of this server load what Apache's would, and serve it with the standard library.
INSIDE = """\
import os, signal
from wsgiref.simple_server import make_server
from bottle.serving import embedded
signal.signal = lambda number, handler: handler  # signals are the server's, as with mod_wsgi
own = os.fdopen(os.dup(1), 'w')  # that of the program takes its place
application = embedded.application()
server = make_server('127.0.0.1', 0, application)
print('port', server.server_port, file=own, flush=True)
server.serve_forever()
"""
PROGRAM = """\
import json, os, sys
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from bottle import route, run
from bottle.serving import ServerAdapter
from bottle.serving.embedded import embedding, hand_over, this_process

class Hosted(ServerAdapter):
    name, says_when_ready = 'hosted', True
    stopping = False

    def serve(self, handler, sockets):
        if inside := this_process():
            return hand_over(self, handler, inside, Event())
        with embedding([sys.executable, 'inside.py'], mkdtemp()) as self.host:
            for line in self.host.lines:
                if line.startswith('port '):
                    self.url = f'http://127.0.0.1:{line.split()[1]}/'
                    print('really at', self.url, flush=True)  # a parent that supervises does not know
                    self.on_ready()
                elif line.startswith('["failed"'):
                    sys.exit('told: ' + json.loads(line)[1])

    def stop(self):
        self.host.end()

@route('/who')
def who():
    return f'{os.getpid()} {sys.argv[1:]} {Path.cwd()}'
"""
SERVES = f"{PROGRAM}\nrun(server=Hosted, reload='--reload' in sys.argv)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that has the program, and the server's."""
    (tmp_path / 'inside.py').write_text(INSIDE)
    (tmp_path / 'program.py').write_text(SERVES)
    return tmp_path


@pytest.mark.parametrize('start', [['program.py'], ['-m', 'program'], ['-c', SERVES]], ids=['path', 'module', 'text'])
def test_a_program_is_started_anew_as_it_was_started(folder: Path, start: list[str]) -> None:
    with serving([sys.executable, *start, 'a', 'b c'], folder) as server:
        process, rest = fetch(server.url, '/who').body.decode().split(' ', 1)
        assert int(process) != server.process.pid
        assert rest == f"['a', 'b c'] {folder}"
        assert server.stop() == 0


def test_a_program_that_is_reloaded_is_not_supervised_inside(folder: Path) -> None:
    with serving([sys.executable, 'program.py', '--reload'], folder) as server:
        [found] = server.await_lines('^really at (.*)')
        assert fetch(found[1], '/who').status == 200
        assert server.stop() == 0


@pytest.mark.parametrize(
    ('ending', 'reason'),
    [
        ('', 'the program has ended without serving: see what it has printed'),
        ("raise RuntimeError('x')", 'the program has ended without serving: see what it has printed'),
        ("run('missing:app', server=Hosted)", "the application 'missing:app' cannot be imported"),
    ],
)
def test_who_has_started_it_is_told_why_there_is_no_application(folder: Path, ending: str, reason: str) -> None:
    """It fails inside alone."""
    text = (
        f"{PROGRAM}\nif 'BOTTLE_WORKER' in os.environ:\n    {ending or 'sys.exit()'}\nelse:\n    run(server=Hosted)\n"
    )
    (folder / 'program.py').write_text(text)
    done = attempt([sys.executable, 'program.py'], folder)
    assert done.returncode == 1
    assert f'told: {reason}' in done.stderr


def test_standard_input_cannot_be_read_again(folder: Path) -> None:
    done = attempt(['sh', '-c', f'{sys.executable} - < program.py'], folder)
    assert (done.returncode, 'standard input cannot be read again: use a file' in done.stderr) == (1, True)
