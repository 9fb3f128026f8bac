"""What a framework costs before the first request: its import, and the memory of an idle application.

python -m benchmarks.startup
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from time import perf_counter

from benchmarks import applications, contest

APPLICATIONS = 200


def seconds(code: str) -> float:
    """Return how long a new interpreter takes for some code."""
    begin = perf_counter()
    subprocess.run([sys.executable, '-c', code], check=True)
    return perf_counter() - begin


def measure(module: str, application: str) -> dict[str, float]:
    """Return milliseconds for an import beyond the interpreter's own start, and kilobytes."""
    bare = min(seconds('pass') for _ in range(5))
    imported = min(seconds(f'import {module}') for _ in range(5))
    before = contest.resident()
    make = getattr(applications, application)
    kept = [make()]
    first = contest.resident()
    kept += [make() for _ in range(APPLICATIONS)]
    last = contest.resident()
    return {
        'import, ms': (imported - bare) * 1e3,
        'import and one application, kB': float(first - before),
        'each further application, kB': (last - first) / APPLICATIONS,
    }


MEASURES = {
    'bottle': partial(measure, 'bottle', 'bottle'),
    'falcon': partial(measure, 'falcon', 'falcon'),
    'wheezy.web': partial(measure, 'wheezy.http, wheezy.routing, wheezy.web.middleware', 'wheezy'),
}

if __name__ == '__main__':
    contest.main('benchmarks.startup', __doc__, MEASURES, rounds=5, unit='before the first request')
