"""What the way through the core costs: each server started by Bottle against the same one started by hand.

python -m benchmarks.serving                        # every installed server that is also written by hand below
python -m benchmarks.serving --rounds 3 waitress    # one of them, quickly
python -m benchmarks.serving --workers              # two worker processes against one, on work that is all Python

`wrk` sends the requests. Both of a pair serve the same application and log as their backend does by itself. Where the
machine has other work, look at the processor time per request: that of the server alone, and less is better.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.contest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Command = list[str]

LISTENING = re.compile(r'Listening on (\S+)')
RATE = re.compile(r'Requests/sec:\s+([\d.]+)')
COUNT = re.compile(r'(\d+) requests in')
FAULTS = re.compile(r'(?:Non-2xx|Socket errors: connect [1-9]).*')
TICK = 1 / os.sysconf('SC_CLK_TCK')
PATIENCE = 30.0  # seconds for a server to start, or to stop
CONNECTIONS = 4  # no more than waitress has threads: it logs what has to wait
CONNECTIONS_FOR_WORKERS = 32  # enough of them for each worker to get some
TARGET = 0.97
WORKERS_TARGET = 1.7  # with two processors
ROUNDS_OF_WORK = 22_000  # of a loop: about 5 ms

BY_HAND = {
    'gevent': """
from gevent import monkey; monkey.patch_all()
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from gevent import socket
from benchmarks.applications import bottle
listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it gevent answers 25 times more slowly
listener.bind(('127.0.0.1', 0))
listener.listen(1024)
server = WSGIServer(listener, bottle(), spawn=Pool())
server.start()
listening(server.server_port)
server.serve_forever()
""",
    'paste': """
from paste import httpserver
from benchmarks.applications import bottle
server = httpserver.serve(bottle(), '127.0.0.1', 0, start_loop=False, socket_timeout=60)  # as the adapter sets it
listening(server.server_port)
server.serve_forever()
""",
    'waitress': """
from waitress import create_server
from benchmarks.applications import bottle
server = create_server(bottle(), host='127.0.0.1', port=0)
listening(server.effective_port)
server.run()
""",
    'wsgiref': """
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server
from benchmarks.applications import bottle
threading = type('Server', (ThreadingMixIn, WSGIServer), {'request_queue_size': 1024})
server = make_server('127.0.0.1', 0, bottle(), threading)
listening(server.server_port)
server.serve_forever()
""",
}
ANNOUNCE = """
import sys
def listening(port): print(f'Listening on http://127.0.0.1:{port}/', file=sys.stderr, flush=True)
"""


def working() -> Any:
    """Return an application that keeps a processor busy for about 5 ms."""
    import bottle

    app = bottle.Bottle()

    @app.get('/hello')
    def work() -> str:
        total = 0
        for number in range(ROUNDS_OF_WORK):
            total += number * number % 7
        return str(total)

    return app


class Figures(NamedTuple):
    """What a server achieves: requests in a second, and its microseconds of processor time for each."""

    rate: float
    cost: float


@contextmanager
def served(command: Command) -> Iterator[tuple[int, str]]:
    """Run a server for the length of a `with` block; yield its process and its URL. What it logs goes to a file."""
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process.pid, listening(process, log)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listening(process: subprocess.Popen[bytes], log: Any) -> str:
    """Wait until a server says where it listens."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        log.seek(0)
        if found := LISTENING.search(log.read()):
            return found[1]
        time.sleep(0.02)
    log.seek(0)
    sys.exit(f'the server did not start:\n{log.read()}')


def measure(process: int, url: str, seconds: int, connections: int) -> Figures:
    """Return what a server achieves that runs already."""
    before = processor_time(process)
    rate, count = load(url, seconds, connections)
    return Figures(rate, (processor_time(process) - before) / count * 1e6)


def load(url: str, seconds: int, connections: int) -> tuple[float, int]:
    """Send requests as fast as they are answered; return how many that is in a second, and in all."""
    command = ['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', f'{url}hello']
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + PATIENCE)
    rate, count = RATE.search(done.stdout), COUNT.search(done.stdout)
    if rate is None or count is None or FAULTS.search(done.stdout):
        sys.exit(f'{url} was not served well:\n{done.stdout}')
    return float(rate[1]), int(count[1])


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process and its workers have used, in the kernel too."""
    stat = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    workers = Path(f'/proc/{process}/task/{process}/children').read_text().split()
    return (int(stat[11]) + int(stat[12])) * TICK + sum(processor_time(int(each)) for each in workers)


def ours(name: str, application: str = 'benchmarks.applications:bottle()', *options: str) -> Command:
    """Return the command line of a server that Bottle starts."""
    return [sys.executable, '-m', 'bottle', '-s', name, '-b', '127.0.0.1:0', *options, application]


def by_hand(name: str) -> Command:
    """Return the command line of a server that its backend's own API starts."""
    return [sys.executable, '-c', ANNOUNCE + BY_HAND[name]]


def pair(name: str, *, workers: bool) -> Mapping[str, Command]:
    """Return the two that are compared: first the one whose figure is divided by the other's."""
    if not workers:
        return {'bottle': ours(name), 'by hand': by_hand(name)}
    return {f'{count} workers': ours(name, 'benchmarks.serving:working()', '--workers', count) for count in ('2', '1')}


def contest(commands: Mapping[str, Command], rounds: int, seconds: int, connections: int) -> dict[str, list[Figures]]:
    """Return the figures of both, round by round; in each both are started anew.

    Two processes of the very same program differ by up to a quarter, so that many are needed.
    """
    turns: dict[str, list[Figures]] = {who: [] for who in commands}
    for number in range(rounds):
        with ExitStack() as running:
            servers = {who: running.enter_context(served(command)) for who, command in commands.items()}
            for _, url in servers.values():
                load(url, 1, connections)
            for who in list(commands)[:: 1 if number % 2 else -1]:  # nobody is always the first
                turns[who].append(measure(*servers[who], seconds, connections))
    return turns


def ratio(turns: Mapping[str, list[Figures]], figure: int) -> float:
    """Return the median over all rounds of the first one's figure through the second one's."""
    first, second = turns.values()
    return median(a[figure] / b[figure] for a, b in zip(first, second, strict=True))


def report(name: str, turns: Mapping[str, list[Figures]], target: float) -> None:
    """Print the median figures of both, and their ratios."""
    for who, figures in turns.items():
        rate, cost = (median(each) for each in zip(*figures, strict=True))
        print(f'{name:<10}{who:<12}{rate:>9.0f}/s{cost:>9.0f} µs')
    print(f'{name:<10}{"ratio":<12}{ratio(turns, 0):>9.3f}  {ratio(turns, 1):>9.3f}  (target: {target})\n', flush=True)


def main() -> None:
    """Compare every server that is asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'servers', nargs='*', metavar='SERVER', help='all of these if none is given: ' + ', '.join(BY_HAND)
    )
    parser.add_argument('--rounds', type=int, default=21)
    parser.add_argument('--seconds', type=int, default=1, help='how long each is loaded in a round')
    parser.add_argument('--workers', action='store_true', help='compare two worker processes with one')
    options = parser.parse_args()
    target, connections = (WORKERS_TARGET, CONNECTIONS_FOR_WORKERS) if options.workers else (TARGET, CONNECTIONS)
    for name in options.servers or BY_HAND:
        turns = contest(pair(name, workers=options.workers), options.rounds, options.seconds, connections)
        report(name, turns, target)


if __name__ == '__main__':
    main()
