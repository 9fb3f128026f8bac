"""What `new-server` writes is built, installed into an empty environment and passes its own tests there."""

from collections.abc import Callable
from pathlib import Path

from tests.support.processes import run

QUICK = {'PYTEST_ADDOPTS': '--bottle-quick'}


def test_a_new_server_is_green_at_once(
    new_environment: Callable[[], Path], wheels: Path, find_wheels: dict[str, str], tmp_path: Path
) -> None:
    python = str(new_environment() / 'python')
    ours = [str(next(wheels.glob(f'{name}-*.whl'))) for name in ('bottle', 'bottle_conformance')]
    run([python, '-m', 'pip', 'install', '--quiet', *ours], tmp_path)
    run([python, '-m', 'bottle', 'new-server', 'acme'], tmp_path)
    folder = tmp_path / 'bottle-server-acme'
    run([python, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(tmp_path), str(folder)], tmp_path)

    empty = str(new_environment() / 'python')
    [wheel] = tmp_path.glob('bottle_server_acme-*.whl')
    run([empty, '-m', 'pip', 'install', '--quiet', f'{wheel}[test]'], tmp_path, find_wheels)
    assert ' ready' in run([empty, '-m', 'bottle', '--servers'], tmp_path)
    printed = run([empty, '-m', 'pytest', '-q'], folder, QUICK)
    assert ' passed' in printed
    assert 'failed' not in printed
    assert not any('deviat' in line for line in printed.splitlines())
