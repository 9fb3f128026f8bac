"""Run mypy in strict mode over every distribution, found by glob, and then over the tests, the examples and the tools.

The folders `bottle-server-*` are no package names, so mypy has to be told where the top of each tree is. The tests of
each plugin are checked in a run of their own, because all of them may have a `test_adapter.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = [ROOT / 'core' / 'src', *sorted(ROOT.glob('plugins/*/src'))]
APPLICATIONS = [path for path in sorted(ROOT.glob('examples/*')) if any(path.glob('*.py'))]
TESTS = [path for path in (ROOT / 'core' / 'tests', ROOT / 'tests', ROOT / 'benchmarks') if any(path.rglob('*.py'))]


def mypy(targets: list[Path], *tops: Path) -> int:
    """Check these files and folders; modules are named from the sources' folders and from `tops`."""
    tree = os.pathsep.join(map(str, [*SOURCES, *tops]))
    names = [str(path.relative_to(ROOT)) for path in targets]
    print('mypy', *names, flush=True)
    command = [sys.executable, '-m', 'mypy', *sys.argv[1:], *names]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, 'MYPYPATH': tree}, check=False).returncode


def main() -> int:
    """Check everything, then say whether anything was found."""
    codes = [mypy([*SOURCES, ROOT / 'noxfile.py', ROOT / 'scripts', *TESTS])]
    codes += [mypy([application], application) for application in APPLICATIONS]
    codes += [mypy([tests], tests) for tests in sorted(ROOT.glob('plugins/*/tests')) if any(tests.glob('*.py'))]
    return max(codes)


if __name__ == '__main__':
    sys.exit(main())
