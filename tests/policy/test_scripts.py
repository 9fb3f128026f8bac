"""The scripts that judge the repository notice what they are there for."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts.check_archives import main, sdist_faults, wheel_faults
from scripts.summarise_tests import main as summarise

GOOD_METADATA = """\
Metadata-Version: 2.4
Name: bottle-server-acme
Version: 1.0.0
Summary: Acme.
Author: The Bottle contributors
License-Expression: MIT
License-File: LICENSE
Requires-Python: >=3.11
Description-Content-Type: text/markdown

# Acme
"""


def make_wheel(folder: Path, files: dict[str, str]) -> Path:
    """Write a wheel of bottle-server-acme with these files."""
    path = folder / 'bottle_server_acme-1.0.0-py3-none-any.whl'
    with ZipFile(path, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def good_files() -> dict[str, str]:
    """Return what a wheel must hold."""
    info = 'bottle_server_acme-1.0.0.dist-info'
    return {
        'bottle_server_acme/__init__.py': '',
        'bottle_server_acme/py.typed': '',
        f'{info}/METADATA': GOOD_METADATA,
        f'{info}/entry_points.txt': '[bottle.servers]\nacme=bottle_server_acme\n',
        f'{info}/licenses/LICENSE': 'MIT',
    }


def test_a_good_wheel_passes(tmp_path: Path) -> None:
    assert list(wheel_faults(make_wheel(tmp_path, good_files()))) == []


@pytest.mark.parametrize(
    ('name', 'text', 'fault'),
    [
        ('bottle_server_acme/py.typed', None, 'no py.typed'),
        ('licenses/LICENSE', None, 'no licence file'),
        ('entry_points.txt', None, 'no entry point acme in the group bottle.servers'),
        ('entry_points.txt', '[bottle.servers]\nacne=bottle_server_acme\n', 'no entry point acme'),
        ('METADATA', GOOD_METADATA.replace('Requires-Python: >=3.11\n', ''), 'no Requires-Python in the metadata'),
        ('METADATA', GOOD_METADATA.replace('# Acme\n', ''), 'no description'),
        ('bottle_server_acme/tests/test_acme.py', '', 'tests would be installed'),
    ],
)
def test_a_fault_in_a_wheel_is_found(name: str, text: str | None, fault: str, tmp_path: Path) -> None:
    files = {key: value for key, value in good_files().items() if not key.endswith(name)}
    if text is not None:
        files[name if '/' in name else f'bottle_server_acme-1.0.0.dist-info/{name}'] = text
    [found] = wheel_faults(make_wheel(tmp_path, files))
    assert found.startswith(fault)


def test_a_fault_in_an_sdist_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'acme-1.0.0.tar.gz'
    with tarfile.open(path, 'w:gz') as archive:
        for name in ('README.md', 'LICENSE', 'pyproject.toml'):
            archive.addfile(tarfile.TarInfo(f'acme-1.0.0/{name}'), BytesIO())
    assert list(sdist_faults(path)) == ['no CHANGELOG.md', 'no tests/test_*.py']
    assert main([path]) == 1
    assert capsys.readouterr().out.endswith('1 archives checked, 2 faults\n')


def test_nothing_to_check_is_a_failure() -> None:
    assert main([]) == 1


def test_the_summary_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'
    (tmp_path / 'tests-3.11.xml').write_text(suite.format(10, 1, 1, 2))
    (tmp_path / 'isolation.xml').write_text(suite.format(5, 0, 0, 0))
    results = {'lint': 'failed', 'tests-3.11': 'failed', 'tests-3.13': 'skipped', 'isolation': 'success'}
    sessions = [{'signatures': [name], 'result': result, 'reason': 'Why.'} for name, result in results.items()]
    (tmp_path / 'sessions.json').write_text(json.dumps({'sessions': sessions}))
    summarise(tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        'session lint: failed Why.',
        'session tests-3.11: failed Why.',
        'session tests-3.13: skipped Why.',
        '11 passed, 3 failed, 2 skipped (1 of 4 sessions succeeded)',
    ]
