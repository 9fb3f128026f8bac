"""What a test needs from the machine: absent, it is a skip with its reason for a developer and a failure in CI."""

import os
import shutil
import socket
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

SYSTEM_FOLDERS = ('/usr/local/sbin', '/usr/sbin', '/sbin')  # where web servers live; not on every user's PATH


def in_ci() -> bool:
    """Tell whether the environment says `CI=true`."""
    return os.environ.get('CI', '').lower() in {'1', 'true', 'yes'}


def unavailable(reason: str) -> NoReturn:
    """Skip the running test, or fail it when `CI=true`: there, what is not tested must not look green."""
    if in_ci():
        pytest.fail(f'{reason} (a failure because CI=true)', pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> Path:
    """Return the path of a program, or end the test with the reason that it is not installed."""
    search = os.pathsep.join([os.environ.get('PATH', os.defpath), *SYSTEM_FOLDERS])
    found = shutil.which(name, path=search)
    if found is None:
        unavailable(f'{name} is not installed; scripts/install-system-packages installs it')
    return Path(found)


def require_module(name: str) -> Any:
    """Return a module, or end the test with the reason that it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        unavailable(f'{name} cannot be imported: {error}')


def require_ipv6() -> None:
    """End the test with the reason if this machine has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
    except OSError as error:
        unavailable(f'this machine has no IPv6: {error}')


def require_proc() -> None:
    """End the test with the reason if this system does not show its processes as files, as Linux does."""
    if not Path('/proc/self/clear_refs').exists():
        unavailable('this system has no /proc with what each process uses')


def require_faketime() -> Path:
    """Return the library that gives a process another clock, or end the test with the reason that it is missing."""
    command = [str(require_program('faketime')), '-m', '-f', '+0', 'printenv', 'LD_PRELOAD']  # -m: for threads
    return Path(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip())
