"""What a framework costs per request: no server, no socket, only WSGI calls.

python -m benchmarks.dispatch                       # installs the peers into a temporary environment
python -m benchmarks.dispatch --peer-python PATH    # an interpreter that has them already
"""

from __future__ import annotations

from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from benchmarks import applications, contest

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 4_000  # per round and case


def bare() -> Any:
    """Return the least that a WSGI application can be."""
    body = applications.HELLO.encode()
    headers = [('Content-Type', 'text/html; charset=UTF-8'), ('Content-Length', str(len(body)))]

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response('200 OK', headers)
        return [body]

    return app


def measure(make: Callable[[], Any], missing: tuple[str, ...] = ()) -> dict[str, float]:
    """Return microseconds per request for each path that the application has."""

    def start_response(_status: str, _headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        pass

    app = make()
    figures = {}
    for case, path in applications.PATHS.items():
        if case in missing:
            continue
        base = applications.environ(path)
        for _ in range(REQUESTS // 10):
            b''.join(app(base.copy(), start_response))
        begin = perf_counter_ns()
        for _ in range(REQUESTS):
            b''.join(app(base.copy(), start_response))
        figures[case] = (perf_counter_ns() - begin) / REQUESTS / 1000
    return figures


MEASURES = {
    'bottle': partial(measure, applications.bottle),
    'falcon': partial(measure, applications.falcon, ('template',)),
    'wheezy.web': partial(measure, applications.wheezy, ('template',)),
    'bare WSGI': partial(measure, bare),
}

if __name__ == '__main__':
    contest.main('benchmarks.dispatch', __doc__, MEASURES, rounds=11, unit='µs per request')
