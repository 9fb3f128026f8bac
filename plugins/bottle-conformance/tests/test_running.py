"""The kit as it is run: by pytest, by the command line, on the standard library's server."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bottle_conformance.comparison import worse_than_backend

LIMIT = 60.0  # seconds
ADAPTER = """\
from bottle.serving import Capabilities
from bottle.serving.builtin import WSGIRefServer

class Acme(WSGIRefServer):
    name = 'acme'
    capabilities = Capabilities(concurrency='threads', prebound_sockets=True)
"""
INT_PORT = """
    def serve(self, handler, sockets):
        super().serve(lambda environ, start: handler({**environ, 'SERVER_PORT': 80}, start), sockets)
"""
OWN = """\
from bottle_conformance import ServerSuite

class TestAcme(ServerSuite):
    server_name = 'acme_adapter:Acme'
    deviations = {'test_server_port_is_the_real_one': 'acme has no port'}
"""
KILLED = """\
import os, signal
from bottle_conformance.subject import adapter_command, running
from bottle_conformance.witness import Witness

with Witness() as witness, running('wsgiref', witness, adapter_command('wsgiref')) as server:
    print(server.url.rstrip('/').rpartition(':')[2], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
SHORT = 'test_server_port_is_the_real_one or test_path_info_is_decoded_once'


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, to its end."""
    command = [sys.executable, '-m', *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)


def own_tests(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of an adapter's own repository."""
    (folder / 'acme_adapter.py').write_text(ADAPTER)
    (folder / 'test_acme.py').write_text(OWN)
    return python(folder, 'pytest', '-q', '-p', 'no:cacheprovider', 'test_acme.py', *arguments)


def report(folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Run the command; return its exit code, what it has printed and the results."""
    done = python(folder, 'bottle', 'conformance', *arguments, '--json', 'found.json', '--', '-k', SHORT)
    return done.returncode, done.stdout, json.loads((folder / 'found.json').read_text())


def test_a_deviation_that_does_not_deviate_is_reported(tmp_path: Path) -> None:
    done = own_tests(tmp_path, '-k', SHORT)
    assert done.returncode == 1
    assert '[XPASS(strict)] acme has no port' in done.stdout
    assert '1 failed, ' in done.stdout


def test_what_is_not_declared_is_left_out_and_listed_and_the_silence_is_found(tmp_path: Path) -> None:
    done = own_tests(tmp_path, '-k', 'chunked', '--bottle-report', 'found.json')
    assert 'deselected' in done.stdout
    tests = json.loads((tmp_path / 'found.json').read_text())['tests']
    assert {test['outcome'] for test in tests if test.get('reason') == 'chunked_requests'} == {'not declared'}
    assert 'test_declared_chunked_requests' in [test['test'] for test in tests if test['outcome'] == 'failed']


def test_deviations_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / 'deviations.toml').write_text('[acme.test_a]\nreasons = "Why."\n')
    done = own_tests(tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f'ERROR: {tmp_path / "deviations.toml"}: ' in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [([], 'say which server is to be tested: --bottle-server NAME'), (['--bottle-server', 'nope'], "no server 'nope'")],
)
def test_without_a_server_there_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = python(tmp_path, 'pytest', '-q', '--pyargs', 'bottle_conformance', *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stderr
    assert 'Traceback' not in done.stdout + done.stderr


def test_the_command_says_what_it_has_found(tmp_path: Path) -> None:
    code, printed, found = report(tmp_path, 'wsgiref', '--quick')
    assert code == 0
    assert printed.splitlines()[-1] == 'Level 4: operations'
    assert (found['server']['name'], found['quick'], found['by_hand'], found['worse']) == ('wsgiref', True, False, [])
    passed = [test for test in found['tests'] if test['outcome'] == 'passed']
    assert len(passed) > 5
    assert {test['suite'] for test in passed} == {'EnvironSuite'}
    assert all(test['says'] and test['sections'] for test in found['tests'])


def test_a_failure_gives_an_exit_code_its_sentence_and_its_section(tmp_path: Path) -> None:
    (tmp_path / 'acme_adapter.py').write_text(ADAPTER + INT_PORT)
    code, printed, found = report(tmp_path, 'acme_adapter:Acme')
    assert code == 1
    assert [test['test'] for test in found['tests'] if test['outcome'] == 'failed'] == [
        'test_server_port_is_the_real_one'
    ]
    assert 'SERVER_PORT is the port of the socket, as a text. [PEP 3333, "environ Variables"]' in printed
    assert 'Level 0: not WSGI-correct' in printed


def test_a_deviation_is_shown_with_its_reason_and_counts_against_the_level(tmp_path: Path) -> None:
    (tmp_path / 'acme_adapter.py').write_text(ADAPTER + INT_PORT)
    (tmp_path / 'deviations.toml').write_text('[acme.test_server_port_is_the_real_one]\nreason = "no port"\n')
    code, printed, found = report(tmp_path, 'acme_adapter:Acme')
    assert code == 0
    assert 'Known deviations:\n  test_server_port_is_the_real_one: no port\n' in printed
    assert found['level'] == 0


def test_the_backend_is_tested_by_hand(tmp_path: Path) -> None:
    code, printed, found = report(tmp_path, 'wsgiref', '--by-hand')
    assert code == 0
    assert ', started by hand, thorough' in printed
    assert found['by_hand']


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['nope'], "bottle: there is no server 'nope'"),
        (['acme_adapter:Acme', '--by-hand'], "bottle: the kit cannot start the backend of 'acme_adapter:Acme' by hand"),
        (['wsgiref', '--', '--no-such-option'], 'bottle: the tests could not be run: pytest ended with exit code 4'),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / 'acme_adapter.py').write_text(ADAPTER)
    done = python(tmp_path, 'bottle', 'conformance', *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)
    assert 'Traceback' not in done.stderr


def test_no_test_at_all_is_a_failure(tmp_path: Path) -> None:
    assert python(tmp_path, 'bottle', 'conformance', 'wsgiref', '--', '-k', 'no_such_test').returncode == 1


def test_an_adapter_may_not_be_worse_than_its_backend(capfd: pytest.CaptureFixture[str]) -> None:
    fine, hard = 'test_query_string_is_not_decoded', 'test_slow_chunked_body_is_read_whole'
    assert worse_than_backend('wsgiref', [fine, hard]) == [fine]
    assert worse_than_backend('wsgiref', []) == []
    assert worse_than_backend('acme', [fine]) == []


def test_a_kit_that_is_killed_leaves_no_server(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, '-c', KILLED], cwd=tmp_path, capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            socket.create_connection(('127.0.0.1', int(done.stdout)), timeout=LIMIT).close()
        except ConnectionError:
            return
        time.sleep(0.02)  # nobody tells when another process has ended
    pytest.fail('the server is still there')
