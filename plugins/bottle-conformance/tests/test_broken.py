"""The kit finds what is wrong with a server and nothing else: each one in `broken.py` breaks one promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bottle_conformance.summary import base_name

HERE = Path(__file__).parent
NIGHTLY = os.environ.get('BOTTLE_NIGHTLY') == '1'
BY_DAY = {'DecodesThePathTwice', 'LeaksTracebacks', 'SendsMoreThanDeclared', 'PromisesTooMuch'}  # others wait: by night
LIMIT = 600.0  # seconds for a server
IMPATIENT = {'CONFORMANCE_PATIENCE': '3'}  # seconds: most of these tests wait for what never comes
REQUESTS = ['--', '-m', 'not conformance(level=4)']
CHUNKS = {
    'test_no_request_is_smuggled',
    'test_request_behind_chunks',
    'test_chunked_body_in_packets',
    'test_long_chunked_body_is_read_whole',
    'test_reading_of_chunks',
    'test_lines_of_chunks',
    'test_chunked_body_that_is_cut_is_never_complete',
    'test_slow_chunked_body_is_read_whole',
    'test_100_is_sent_before_chunks',
}
LEAVING = {
    'test_a_client_that_leaves_while_it_gets_a_response',
    'test_a_client_that_leaves_between_two_pieces',
    'test_nothing_is_made_for_a_client_that_has_left',
}
ENDINGS = LEAVING | {'test_iterable_is_closed_once', 'test_iterable_is_closed_once_when_the_client_leaves'}
PORT = {'test_required_variables_are_texts', 'test_server_port_is_the_real_one', 'test_nothing_is_found'}
WRITING = {'test_pieces_are_sent_when_they_are_yielded', 'test_exc_info_raises_what_comes_too_late'}
CUTTING = {'test_an_exception_cuts_a_declared_body', 'test_an_exception_cuts_a_body_of_unknown_length'}
BROKEN_REQUESTS = {
    'Sound': set(),
    'NeverCloses': ENDINGS | {'test_nothing_is_found'},
    'ClosesTwice': ENDINGS,
    'LeavesThePathEncoded': {'test_path_info_is_decoded_once', 'test_absolute_form', 'test_asterisk_form'},
    'DecodesThePathTwice': {'test_path_info_is_decoded_once'},
    'LosesChunkedBodies': CHUNKS,
    'BuffersStreams': {'test_a_client_that_leaves_between_two_pieces'} | WRITING | CUTTING,
    'PortIsANumber': PORT,
    'LeaksTracebacks': {'test_an_exception_is_answered', 'test_no_header_is_injected'},
    'PrefersContentLength': {'test_no_request_is_smuggled'},
    'BelievesUnderscores': {'test_an_underscore_is_no_hyphen'},
    'SendsMoreThanDeclared': {'test_more_than_declared_is_never_sent', 'test_a_file_is_not_sent_beyond_the_length'},
}
BROKEN_OPERATION = {
    'DropsWhatRuns': {
        'test_declared_graceful_drain',
        'test_a_unix_socket',
        'test_a_drain_finishes_what_runs',
        'test_a_drain_loses_nothing_that_was_sent',
        'test_a_drain_finishes_a_stream',
        'test_new_connections_are_refused_or_answered',
        'test_a_second_signal_ends_it',
        'test_what_outlives_the_grace_period_is_cut',
    },
    'PromisesTooMuch': {'test_declared_http2'},
    'PromisesTooLittle': {'test_declared_file_wrapper'},
}
# What may fail, too: whether it does is a matter of time.
PERHAPS = {
    'BuffersStreams': {'test_clients_that_leave_at_once'},
    'DropsWhatRuns': {'test_workers_finish_what_runs', 'test_workers_are_replaced_without_loss'},
}


def found(name: str, folder: Path, *arguments: str) -> set[str]:
    """Return the names of the tests that fail on a server in `broken.py`, but for those that may fail."""
    results = folder / 'results.json'
    command = [sys.executable, '-m', 'bottle', 'conformance', f'broken:{name}', '--quick', '--json', str(results)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=HERE,
        env=os.environ | IMPATIENT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert results.exists(), done.stdout + done.stderr
    print(done.stdout)
    tests = json.loads(results.read_text())['tests']
    return {base_name(test) for test in tests if test['outcome'] == 'failed'} - PERHAPS.get(name, set())


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize('name', [each for each in BROKEN_REQUESTS if NIGHTLY or each in BY_DAY])
def test_what_is_broken_in_requests_is_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    assert found(name, tmp_path, *REQUESTS) == BROKEN_REQUESTS[name]


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize('name', [each for each in BROKEN_OPERATION if NIGHTLY or each in BY_DAY])
def test_what_is_broken_in_operation_is_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    assert found(name, tmp_path) == BROKEN_OPERATION[name]
