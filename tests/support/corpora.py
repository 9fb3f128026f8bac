"""Requests that other projects keep for their tests: taken from their source distributions, never kept here."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.support.requirements import unavailable

GUNICORN = 'gunicorn==27.0.1'  # tests/requests/{valid,invalid}: requests, and what gunicorn makes of each (MIT)
MULTIPART = 'python-multipart==0.0.20'  # tests/test_data/http: forms (Apache-2.0)
VERSION, HOST = ' HTTP/1.1\\r\\n', 'Host: kit.example\\r\\n'  # line ends as these files have them: written out
LIMIT = 120.0  # seconds for a download


def source_of(requirement: str, folder: Path, pip: list[str]) -> Path:
    """Return the unpacked source distribution of a requirement.

    Parameters:
        requirement: name and version.
        folder: where it is put.
        pip: the command of pip.
    """
    command = [*pip, 'download', '--no-binary', ':all:', '--no-deps', '--dest', str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        unavailable(f'{requirement} cannot be downloaded: {done.stderr.strip()[-300:]}')
    [archive] = folder.glob('*.tar.gz')
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter='data')
    return folder / archive.name.removesuffix('.tar.gz')


def gunicorn_requests(folder: Path, pip: list[str]) -> Path:
    """Return gunicorn's requests in the layout of `--bottle-corpus`.

    What is valid by an option of gunicorn's own, or with a transfer coding that nobody need know, counts as invalid:
    whoever refuses it is right. Valid requests get the Host that they lack: without one, HTTP/1.1 wants them refused.

    Parameters:
        folder: where they are put.
        pip: the command of pip.
    """
    requests = source_of(GUNICORN, folder, pip) / 'tests' / 'requests'
    for path in (requests / 'valid').glob('*.http'):
        text = path.read_text('latin-1')
        if 'cfg.set(' in path.with_suffix('.py').read_text() or 'gzip' in text or 'identity' in text:
            shutil.move(path, requests / 'invalid' / f'valid_{path.name}')
        elif 'host:' not in text.lower():
            path.write_text(text.replace(VERSION, VERSION + HOST), 'latin-1')
    return requests


def multipart_forms(folder: Path, pip: list[str]) -> list[Path]:
    """Return the forms of python-multipart: bodies as clients have sent them.

    Parameters:
        folder: where they are put.
        pip: the command of pip.
    """
    return sorted((source_of(MULTIPART, folder, pip) / 'tests' / 'test_data' / 'http').glob('*.http'))
