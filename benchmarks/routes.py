"""What many routes cost: building them, and finding the last one.

python -m benchmarks.routes
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks import applications, contest

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 500
NUMBERS = (10, 1_000)
MANY = 10_000  # too many for the peers: what takes Bottle 0.13.4 three minutes is measured for ours alone


def bottle(number: int) -> Any:
    """Return an application with so many routes of two wildcards, in whichever Bottle this interpreter has."""
    import bottle

    app = bottle.Bottle()
    for each in range(number):
        app.route(f'/r{each:05}/<x>/and/<y>')(lambda x, y: applications.HELLO)
    return app


def falcon(number: int) -> Any:
    """Return the same in Falcon."""
    import falcon

    class Resource:
        def on_get(self, _request: Any, response: Any, **_: str) -> None:
            response.text = applications.HELLO

    app = falcon.App()
    for each in range(number):
        app.add_route(f'/r{each:05}/{{x}}/and/{{y}}', Resource())
    return app


def measure(make: Callable[[int], Any], numbers: tuple[int, ...]) -> dict[str, float]:
    """Return milliseconds for building with the first answer, and microseconds for an answer of the last route."""
    figures = {}
    for number in numbers:
        environ = applications.environ(f'/r{number - 1:05}/1/and/2')
        begin = perf_counter()
        app = make(number)
        assert applications.call(app, environ.copy()) == ('200 OK', applications.HELLO.encode())
        figures[f'build {number} and answer, ms'] = (perf_counter() - begin) * 1e3
        best = min(timed(app, environ) for _ in range(5))
        figures[f'last of {number}, µs'] = best * 1e6
    if MANY in numbers:
        figures[f'last of {MANY} / last of 10'] = figures[f'last of {MANY}, µs'] / figures['last of 10, µs']
    return figures


def timed(app: Any, environ: dict[str, Any]) -> float:
    """Return seconds per request."""
    begin = perf_counter()
    for _ in range(REQUESTS):
        applications.call(app, environ.copy())
    return (perf_counter() - begin) / REQUESTS


def ours_or_theirs() -> dict[str, float]:
    """Measure whichever Bottle this interpreter has; the old one with fewer routes."""
    import bottle as either

    return measure(bottle, (*NUMBERS, MANY) if either.__version__.startswith('1.') else NUMBERS)


MEASURES = {'bottle': ours_or_theirs, 'falcon': lambda: measure(falcon, NUMBERS)}

if __name__ == '__main__':
    contest.main('benchmarks.routes', __doc__, MEASURES, rounds=5, unit='routes with two wildcards')
