"""What a framework costs per request, against Bottle 0.13.4 and Falcon: no server, no socket, only WSGI calls.

    python benchmarks/dispatch.py                       # installs the peers into a temporary environment
    python benchmarks/dispatch.py --peer-python PATH    # an interpreter that has bottle==0.13.4 and falcon already

Both packages are called `bottle`, so each contestant runs this same file in a process of its own. They take turns, and
the best round of each counts: whatever else the machine does slows a round down and never speeds one up.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PEERS = ('bottle==0.13.4', 'falcon>=4,<5')
ROUTES = 1000  # of the contest with many routes
REQUESTS = 4_000  # per round and case

PATHS = {
    'static': '/hello',
    'wildcard': '/hello/world',
    'two wildcards': '/users/42/posts/7',
    f'{ROUTES} routes': f'/r{ROUTES - 1}/42/posts/7',
    'json': '/json',
    'not found': '/nothing/here/at/all',
}


def bottle_app() -> Any:
    """Return the application in whichever Bottle this interpreter has."""
    import bottle

    app = bottle.Bottle()
    app.route('/hello')(lambda: 'Hello World!')
    app.route('/hello/<name>')(lambda name: f'Hello {name}!')
    app.route('/users/<user>/posts/<post>')(lambda user, post: f'{user} {post}')
    app.route('/json')(lambda: {'message': 'Hello World!'})
    for number in range(ROUTES):
        app.route(f'/r{number}/<user>/posts/<post>')(lambda user, post: f'{user} {post}')
    return app


def falcon_app() -> Any:
    """Return the same application in Falcon."""
    import falcon

    class Resource:
        def __init__(self, answer: Callable[..., Any], field: str = 'text') -> None:
            self.answer = answer
            self.field = field

        def on_get(self, _request: Any, response: Any, **args: str) -> None:
            setattr(response, self.field, self.answer(**args))

    app = falcon.App(media_type=falcon.MEDIA_HTML)
    app.add_route('/hello', Resource(lambda: 'Hello World!'))
    app.add_route('/hello/{name}', Resource(lambda name: f'Hello {name}!'))
    app.add_route('/users/{user}/posts/{post}', Resource(lambda user, post: f'{user} {post}'))
    app.add_route('/json', Resource(lambda: json.dumps({'message': 'Hello World!'})))
    for number in range(ROUTES):
        app.add_route(f'/r{number}/{{user}}/posts/{{post}}', Resource(lambda user, post: f'{user} {post}'))
    return app


def bare_app() -> Any:
    """Return the least that a WSGI application can be."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response('200 OK', [('Content-Type', 'text/html; charset=UTF-8'), ('Content-Length', '12')])
        return [b'Hello World!']

    return app


CONTESTANTS = {'bottle': bottle_app, 'falcon': falcon_app, 'bare': bare_app}


def environ(path: str) -> dict[str, Any]:
    """Return the environ of a GET request as a browser behind a proxy would cause it."""
    return {
        'REQUEST_METHOD': 'GET',
        'SCRIPT_NAME': '',
        'PATH_INFO': path,
        'QUERY_STRING': '',
        'SERVER_NAME': 'localhost',
        'SERVER_PORT': '8080',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'HTTP_HOST': 'localhost:8080',
        'HTTP_USER_AGENT': 'Mozilla/5.0',
        'HTTP_ACCEPT': '*/*',
        'HTTP_ACCEPT_ENCODING': 'gzip',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http',
        'wsgi.input': io.BytesIO(),
        'wsgi.errors': io.StringIO(),
        'wsgi.multithread': False,
        'wsgi.multiprocess': False,
        'wsgi.run_once': False,
    }


def measure(app: Any) -> dict[str, float]:
    """Return microseconds per request for each path."""

    def start_response(_status: str, _headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        pass

    figures = {}
    for case, path in PATHS.items():
        base = environ(path)
        for _ in range(REQUESTS // 10):
            b''.join(app(base.copy(), start_response))
        begin = perf_counter_ns()
        for _ in range(REQUESTS):
            b''.join(app(base.copy(), start_response))
        figures[case] = (perf_counter_ns() - begin) / REQUESTS / 1000
    return figures


def round_of(python: str, contestant: str) -> dict[str, float]:
    """Let a contestant run once in a process of its own."""
    command = [python, __file__, '--measure', contestant]
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return figures


def best(rounds: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the best figure of each case."""
    collected = list(rounds)
    return {case: min(figures[case] for figures in collected) for case in collected[0]}


def contest(ours: str, theirs: str, rounds: int) -> dict[str, dict[str, float]]:
    """Let all contestants take turns and return their best figures."""
    pythons = {
        'bottle 1.0': (ours, 'bottle'),
        'bottle 0.13.4': (theirs, 'bottle'),
        'falcon': (theirs, 'falcon'),
        'bare WSGI': (ours, 'bare'),
    }
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(rounds):
        for name, (python, contestant) in pythons.items():
            turns[name].append(round_of(python, contestant))
    return {name: best(figures) for name, figures in turns.items()}


def report(results: dict[str, dict[str, float]]) -> None:
    """Print microseconds per request, and the ratios of the first contestant to the others."""
    first = next(iter(results))
    print(f'{"µs per request":<16}' + ''.join(f'{name:>15}' for name in results))
    for case in PATHS:
        print(f'{case:<16}' + ''.join(f'{figures[case]:>15.2f}' for figures in results.values()))
    print(f'\n{f"{first} / …":<16}' + ''.join(f'{name:>15}' for name in results))
    for case in PATHS:
        print(f'{case:<16}' + ''.join(f'{results[first][case] / figures[case]:>15.2f}' for figures in results.values()))


def peers_in(folder: str) -> str:
    """Install the peers into a new environment and return its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(Path(folder, 'bin', 'python'))
    subprocess.run([python, '-m', 'pip', 'install', '--quiet', *PEERS], check=True)
    return python


def main() -> None:
    """Run the contest, or one contestant of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer-python', metavar='PATH', help='an interpreter with bottle==0.13.4 and falcon')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--measure', choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(CONTESTANTS[options.measure]())))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(contest(sys.executable, options.peer_python or peers_in(folder), options.rounds))


if __name__ == '__main__':
    main()
