"""The kit finds what is wrong with a server and nothing else: each one in `broken.py` breaks one promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bottle.serving.builtin import WSGIRefServer
from bottle_conformance.deviations import known_deviations
from bottle_conformance.summary import base_name

HERE = Path(__file__).parent
LIMIT = 600.0  # seconds for a server
IMPATIENT = {'CONFORMANCE_PATIENCE': '3'}  # seconds: most of these tests wait for what never comes
KNOWN = {test.partition('[')[0] for test in known_deviations(WSGIRefServer)}
INTENDED: dict[str, set[str]] = {
    'Sound': set(),
}


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize('name', INTENDED)
def test_exactly_what_is_broken_is_found(name: str, tmp_path: Path) -> None:
    results = tmp_path / 'results.json'
    command = [sys.executable, '-m', 'bottle', 'conformance', f'broken:{name}', '--quick', '--json', str(results)]
    done = subprocess.run(
        command, cwd=HERE, env=os.environ | IMPATIENT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert results.exists(), done.stdout + done.stderr
    tests = json.loads(results.read_text())['tests']
    assert {base_name(test) for test in tests if test['outcome'] == 'failed'} - KNOWN == INTENDED[name], done.stdout
