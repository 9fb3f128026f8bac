"""Check that each wheel and sdist named as an argument holds what a distribution of this repository must hold.

`twine check` looks at the description only; this looks at the rest of the metadata and at the files.
"""

import sys
import tarfile
from collections.abc import Iterator
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

SERVER_PREFIX = 'bottle-server-'
TOP_FILES = ('README.md', 'CHANGELOG.md', 'LICENSE', 'pyproject.toml')
METADATA = ('Summary', 'Requires-Python', 'License-Expression', 'License-File', 'Description-Content-Type', 'Author')


def wheel_faults(path: Path) -> Iterator[str]:
    """Say what is wrong with a wheel."""
    with ZipFile(path) as archive:
        names = archive.namelist()
        info = next(name.split('/')[0] for name in names if '.dist-info/' in name)
        metadata = message_from_bytes(archive.read(f'{info}/METADATA'))
        points = ConfigParser(delimiters='=')
        if f'{info}/entry_points.txt' in names:
            points.read_string(archive.read(f'{info}/entry_points.txt').decode())
    name = metadata['Name']
    yield from (f'no {field} in the metadata' for field in METADATA if not metadata[field])
    if not str(metadata.get_payload()).strip():
        yield 'no description: where is the README?'
    if not any(file.startswith(f'{info}/licenses/') for file in names):
        yield 'no licence file'
    if f'{name.replace("-", "_")}/py.typed' not in names:
        yield 'no py.typed'
    if any('tests' in file.split('/') for file in names):
        yield 'tests would be installed'
    server = name.removeprefix(SERVER_PREFIX).replace('-', '_')
    if name.startswith(SERVER_PREFIX) and not points.has_option('bottle.servers', server):
        yield f'no entry point {server} in the group bottle.servers'


def sdist_faults(path: Path) -> Iterator[str]:
    """Say what is wrong with an sdist."""
    with tarfile.open(path) as archive:
        names = [name.partition('/')[2] for name in archive.getnames()]
    yield from (f'no {file}' for file in TOP_FILES if file not in names)
    if not any(name.startswith('tests/test_') for name in names):
        yield 'no tests/test_*.py'


def main(paths: list[Path]) -> int:
    """Print every fault; the exit code tells whether there was any."""
    faults = [
        f'{path.name}: {fault}'
        for path in paths
        for fault in (wheel_faults(path) if path.suffix == '.whl' else sdist_faults(path))
    ]
    print(*faults, f'{len(paths)} archives checked, {len(faults)} faults', sep='\n')
    return 1 if faults or not paths else 0


if __name__ == '__main__':
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
