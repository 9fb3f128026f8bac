"""Print the requirements of a dependency group of the root pyproject.toml, which pip reads only since its 25.1."""

import sys
import tomllib
from pathlib import Path

if __name__ == '__main__':
    groups = tomllib.loads(Path(__file__).parent.parent.joinpath('pyproject.toml').read_text())['dependency-groups']
    sys.stdout.write('\n'.join(groups[sys.argv[1]]) + '\n')
