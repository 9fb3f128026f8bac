"""`python -m bottle`."""

import sys

from bottle.serving.cli import main

if __name__ == '__main__':
    sys.exit(main())
