"""What is particular to mod_wsgi: Apache as a child, whose processes are this program, started anew."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bottle import Bottle, start
from bottle.errors import ServerOptionError
from bottle_server_mod_wsgi import ModWSGIServer
from tests.operation.workers import await_end, children
from tests.support.client import connect, fetch
from tests.support.processes import attempt, serving
from tests.support.programs import ABOUT, about, refusal, running

WHO = """\
import os, sys
from bottle import route, run

@route('/process')
def process():
    print('asked')
    return f'{os.getpid()} {os.getuid()} {sys.argv[1:]} {os.getcwd()}'
"""
HELD = """\
from bottle import route, run

@route('/held')
def held():
    yield b'first '
    yield b'second' if open('gate', 'rb').read(1) else b'too late'
"""
FAILS_INSIDE = """\
import os
from bottle import run
if 'BOTTLE_WORKER' in os.environ:
    raise RuntimeError('the reason')
"""


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below one."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def test_requests_are_answered_by_this_program_in_another_process(tmp_path: Path) -> None:
    with running(tmp_path, WHO, 'mod_wsgi') as server:
        process, _, *rest = fetch(server.url, '/process').body.decode().split(' ', 2)
        assert int(process) in descendants(server.process.pid)
        assert rest == [f'[] {tmp_path}']
        server.await_lines('^asked$')
        assert server.stop() == 0


@pytest.mark.parametrize('started', [['-c', WHO + "run(server='mod_wsgi', port=0)"], ['-m', 'who']])
def test_programs_are_started_anew_however_they_were_started(tmp_path: Path, started: list[str]) -> None:
    (tmp_path / 'who.py').write_text(WHO + "run(server='mod_wsgi', port=0)")
    with serving([sys.executable, *started, 'x', 'y'], tmp_path) as server:
        assert b"['x', 'y']" in fetch(server.url, '/process').body


def test_a_program_from_standard_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'who.py').write_text(WHO + "run(server='mod_wsgi', port=0)")
    done = attempt(['sh', '-c', f'exec {sys.executable} - < who.py'], tmp_path)
    assert (done.returncode, 'standard input cannot be read again' in done.stderr) == (1, True)


def test_several_processes_answer(tmp_path: Path) -> None:
    with running(tmp_path, WHO, 'mod_wsgi', workers=2) as server:
        assert about_process(server.url, 2)


def about_process(url: str, count: int) -> bool:
    """Return whether so many processes answer before long."""
    found: set[bytes] = set()
    for _ in range(500):
        found.add(fetch(url, '/process').body.split()[0])
        if len(found) == count:
            return True
    return False


def test_a_drain_finishes_what_runs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'gate')
    with running(tmp_path, HELD, 'mod_wsgi') as server, closing(connect(server.url)) as held:
        held.request('GET', '/held')
        response = held.getresponse()
        assert response.read(6) == b'first '
        server.process.terminate()
        with (tmp_path / 'gate').open('wb') as gate:
            gate.write(b'.')
        assert response.read() == b'second'
        assert server.process.wait(10) == 0


def test_nothing_is_left_of_a_program_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, WHO, 'mod_wsgi') as server:
        left = descendants(server.process.pid)
        assert left
        server.process.kill()
        assert await_end(left, 5) == []


def test_a_program_that_fails_inside_of_apache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(FAILS_INSIDE + "run(server='mod_wsgi', port=0)")
    done = attempt([sys.executable, 'program.py'], tmp_path)
    assert done.returncode == 1
    assert 'RuntimeError: the reason\n' in done.stderr
    assert 'bottle: the program has ended without serving: see what it has printed\n' in done.stderr


def test_apache_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / 'wrong.conf').write_text('NoSuchDirective On\n')
    (tmp_path / 'program.py').write_text(f"{WHO}run(server='mod_wsgi', port=0, include_files=['wrong.conf'])")
    done = attempt([sys.executable, 'program.py'], tmp_path)
    assert done.returncode == 1
    assert "bottle: Apache: Invalid command 'NoSuchDirective'" in done.stderr
    assert done.stderr.endswith('bottle: Apache has ended by itself: what it has logged says why\n')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, WHO, 'mod_wsgi') as server:
        fetch(server.url, '/process')
        os.killpg(server.process.pid, number)
        assert server.process.wait(10) == 0


def test_a_log_that_standard_error_is_written_to_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / 'wrong.conf').write_text('NoSuchDirective On\n')
    (tmp_path / 'program.py').write_text(f"{WHO}run(server='mod_wsgi', port=0, include_files=['wrong.conf'])")
    (tmp_path / 'log').write_text('kept\n')
    attempt(['sh', '-c', f'exec {sys.executable} program.py 2>> log'], tmp_path)
    assert (tmp_path / 'log').read_text().startswith('kept\nbottle: Apache: ')


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'server_root': '/x'}, "has no option 'server_root'"),
        ({'embedded_mode': True}, "has no option 'embedded_mode'"),
        ({'process': 2}, "Did you mean 'processes'"),
        ({'certfile': 'x'}, 'it does not speak TLS'),
    ],
)
def test_options_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    assert reason in refusal(tmp_path, 'mod_wsgi', **options)


def test_it_is_refused_by_start() -> None:
    with pytest.raises(ServerOptionError, match=r'takes no socket .* use run\(\)'):
        start(Bottle(), 'mod_wsgi', port=0)


def test_the_path_is_what_was_sent(tmp_path: Path) -> None:
    with running(tmp_path, ABOUT, 'mod_wsgi') as server:
        assert about(server, '/about/a%2Fb//c')['environ']['PATH_INFO'] == '/about/a/b//c'


def test_a_process_that_cannot_load_anything_ends_it(tmp_path: Path) -> None:
    """Apache by itself would go on, and try again with each request."""
    (tmp_path / 'broken').mkdir()
    (tmp_path / 'broken' / 'bottle.py').write_text('raise ImportError("the reason")')
    text = f"{WHO}run(server='mod_wsgi', port=0, envvars_script='variables')"
    (tmp_path / 'program.py').write_text(text)
    (tmp_path / 'variables').write_text(f'export PYTHONPATH={tmp_path}/broken\n')
    done = attempt([sys.executable, 'program.py'], tmp_path)
    assert done.returncode == 1
    assert 'bottle: Apache: [error] ImportError: the reason\n' in done.stderr
    assert done.stderr.endswith('bottle: Apache has ended by itself: what it has logged says why\n')


@pytest.mark.skipif(os.geteuid() != 0, reason='it is about what root may do')
def test_root_does_not_answer_as_root(tmp_path: Path) -> None:
    with running(tmp_path, WHO, 'mod_wsgi') as server:
        assert fetch(server.url, '/process').body.split()[1] != b'0'


def test_portable_options_have_names_that_mod_wsgi_express_knows() -> None:
    assert set(ModWSGIServer.native_names.values()) <= set(ModWSGIServer().native_options())
