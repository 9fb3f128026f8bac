"""The interpreter for servers that run on Python 2.7 alone, with these servers: made once where the machine has one."""

import fcntl
import os
import subprocess

from tests.support.requirements import unavailable
from tests.support.sources import ROOT

FOLDER = ROOT / '.venv' / 'python27'
SCRIPT = ROOT / 'scripts' / 'install-python27-backends'
NO_INTERPRETER = 3  # the exit code of the script
LIMIT = 600.0  # seconds: some is compiled
WITHOUT = 'BOTTLE_WITHOUT_PYTHON27'  # says that this machine is known to have none, so that CI may go on without it


def require_python27() -> str:
    """Return the path of a Python 2.7 with diesel, fapws3 and flup, or end the test with the reason."""
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_suffix('.lock').open('w') as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([SCRIPT, FOLDER], capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode == NO_INTERPRETER:
        missing = done.stderr.strip()
        if os.environ.get(WITHOUT) == '1':
            import pytest

            pytest.skip(f'{missing}; {WITHOUT}=1')
        unavailable(missing)
    assert done.returncode == 0, done.stderr
    return str(FOLDER / 'bin' / 'python2.7')
