"""What a worker and each balancer take on this machine, and what that comes to for 10, 100 and 1,000 instances.

python -m benchmarks.capacity                 # measure all balancers that are installed, and print the tables
python -m benchmarks.capacity --write         # put them into docs/capacity.md
python -m benchmarks.capacity --rounds 1 nginx haproxy

`wrk` asks for a small page, through files that `python -m bottle deploy` has written. What counts is the processor time
of a request: it depends less than the rate on what else the machine does.
"""

from __future__ import annotations

import argparse
import re
import socket
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from benchmarks.contest import ROOT
from benchmarks.serving import load, ours, processor_time, served
from bottle_deploy.capacity import EPHEMERAL_PORTS, TIME_WAIT, balancer_cores
from bottle_deploy.targets import TARGETS
from tests.deployment.sites import front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Tables = Mapping[str, Sequence[Sequence[str]]]

PAGE = ROOT / 'docs' / 'capacity.md'
SERVER = 'waitress'
APPLICATION = 'benchmarks.applications:bottle()'
BALANCERS = [name for name, target in TARGETS.items() if target.kind == 'balancer']
BEHIND = ('--health', '/healthz', '--trusted-proxies', '127.0.0.1')
CONNECTIONS = 16  # at once, from the client
IDLE = 200  # connections that are kept open, to see what memory they take
UTILISATION = 0.7
INSTANCES = (10, 100, 1000)
WORK = (0.010, 0.001)  # seconds of processor time that a request takes in the application
MEASURED = ('', 'requests/s', 'processor time of a request', 'memory', 'of each open connection', 'connections opened')
CALCULATED = ('balancer', *(f'{number:,} x {seconds * 1e3:g} ms' for seconds in WORK for number in INSTANCES))


class Figures(NamedTuple):
    """What was measured: requests in a second, seconds of processor time, bytes, and connections for each request."""

    rate: float
    cost: float
    memory: float
    connection: float
    opened: float


def main() -> None:
    """Measure what is asked for, and print the tables or write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('balancers', nargs='*', metavar='BALANCER', help=f'all of these: {", ".join(BALANCERS)}')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=2, help='how long each is loaded in a round')
    parser.add_argument('--write', action='store_true', help=f'put the tables into {PAGE.relative_to(ROOT)}')
    options = parser.parse_args()
    rows = [measured_row(*each) for each in contest(options.balancers or BALANCERS, options.rounds, options.seconds)]
    tables = {'figures': [MEASURED, *rows], 'instances': calculated(costs(rows))}
    if options.write:
        PAGE.write_text(written(PAGE.read_text(encoding='utf-8'), tables), encoding='utf-8')
    for rows_of_one in tables.values():
        print(f'{table(rows_of_one)}\n')


def contest(balancers: Sequence[str], rounds: int, seconds: int) -> list[tuple[str, Figures]]:
    """Return the median figures of the server alone, and of each balancer before it; in a round all take turns."""
    takers: dict[str, Callable[[], Figures]] = {
        f'{SERVER}, 1 worker': partial(alone, (), seconds),
        f'{SERVER}, 2 workers': partial(alone, ('--workers', '2'), seconds),
    }
    takers |= {name: partial(before, name, seconds) for name in balancers}
    turns: dict[str, list[Figures]] = {name: [] for name in takers}
    for _ in range(rounds):
        for name, take in takers.items():
            turns[name].append(take())
    return [(name, Figures(*map(median, zip(*turn, strict=True)))) for name, turn in turns.items()]


def alone(options: Sequence[str], seconds: int) -> Figures:
    """Return what a server achieves to which clients talk directly."""
    with served(ours(SERVER, APPLICATION, *options)) as (process, url):
        return measured(process, url, seconds)


def before(balancer: str, seconds: int) -> Figures:
    """Return what a balancer takes before a server with two workers."""
    with ExitStack() as stack:
        _, url = stack.enter_context(served(ours(SERVER, APPLICATION, '--workers', '2', *BEHIND)))
        behind = urlsplit(url)
        site = stack.enter_context(front(balancer, [], backend=[f'{behind.hostname}:{behind.port}']))
        return measured(site.process.pid, f'{site.url}/', seconds)


def measured(process: int, url: str, seconds: int) -> Figures:
    """Return the figures of a process that serves, or passes on, with its children."""
    load(url, 1, CONNECTIONS)
    cpu, opened = processor_time(process), connections_opened()
    rate, count = load(url, seconds, CONNECTIONS)
    cpu, opened = processor_time(process) - cpu, connections_opened() - opened - CONNECTIONS
    before_all = memory(process)
    with idle_connections(url):
        each = (memory(process) - before_all) / IDLE
    return Figures(rate, cpu / count, before_all, max(each, 0.0), max(opened, 0) / count)


@contextmanager
def idle_connections(url: str) -> Iterator[None]:
    """Open connections, send a request on each, and keep them open."""
    where = urlsplit(url)
    request = f'GET /hello HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n'.encode()
    with ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=10))
            connection.sendall(request)
            assert connection.recv(65536).startswith(b'HTTP/1.1 200'), url
        yield


def connections_opened() -> int:
    """Return how many connections were opened on this machine so far; other programs that do so disturb."""
    names, values = (
        line.split() for line in Path('/proc/net/snmp').read_text().splitlines() if line.startswith('Tcp:')
    )
    return int(values[names.index('ActiveOpens')])


def memory(process: int) -> float:
    """Return the bytes of memory that a process and its children occupy, what they share counted once."""
    found = re.search(r'^Pss:\s+(\d+) kB', Path(f'/proc/{process}/smaps_rollup').read_text(), re.MULTILINE)
    children = Path(f'/proc/{process}/task/{process}/children').read_text().split()
    return (int(found[1]) * 1024 if found else 0) + sum(memory(int(each)) for each in children)


def measured_row(name: str, figures: Figures) -> tuple[str, ...]:
    """Return what was measured as the cells of a table."""
    return (
        f'`{name}`' if name in BALANCERS else name,
        f'{figures.rate:,.0f}',
        f'{figures.cost * 1e6:,.0f} µs',
        f'{figures.memory / 1e6:,.0f} MB',
        (f'{figures.connection / 1e3:,.0f} KB' if figures.connection >= 500 else 'little') if name in BALANCERS else '',
        ('one per request' if figures.opened > 0.5 else 'few') if name in BALANCERS else '',
    )


def costs(rows: Sequence[Sequence[str]]) -> dict[str, tuple[float, bool]]:
    """Return the seconds that each balancer takes for a request, and whether it opens a connection for each of them.

    Parameters:
        rows: the cells of the measured table.
    """
    return {
        row[0].strip('`'): (float(row[2].removesuffix(' µs').replace(',', '')) / 1e6, row[5] == 'one per request')
        for row in rows
        if row[0].startswith('`')
    }


def calculated(measured_costs: Mapping[str, tuple[float, bool]]) -> list[tuple[str, ...]]:
    """Return a table: how many processors of a balancer so many instances ask for, each of them one busy worker."""
    rates = [number * UTILISATION / seconds for seconds in WORK for number in INSTANCES]
    rows: list[tuple[str, ...]] = [CALCULATED, ('*all together, requests/s*', *(f'{rate:,.0f}' for rate in rates))]
    for name, (cost, _) in measured_costs.items():
        rows.append((f'`{name}`', *(shown(balancer_cores(rate, cost, UTILISATION)) for rate in rates)))
    ports = (f'{UTILISATION / seconds * TIME_WAIT / EPHEMERAL_PORTS:.0%}' for seconds in WORK for _ in INSTANCES)
    return [*rows, ('*ports in use to each instance, if each request opens a connection*', *ports)]


def shown(cores: float) -> str:
    """Return a number of processors with as many digits as it deserves."""
    return f'{cores:,.2g}' if cores < 10 else f'{cores:,.0f}'


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table of Markdown, the first one as its head."""
    first, *others = rows
    return '\n'.join(f'| {" | ".join(row)} |' for row in (first, ['---'] * len(first), *others))


def written(page: str, tables: Tables) -> str:
    """Return a page with its tables written anew: those between `<!-- measured: NAME -->` and `end`."""
    for name, rows in tables.items():
        begin, end = f'<!-- measured: {name} -->\n\n', '\n\n<!-- measured: end -->'
        head, _, rest = page.partition(begin)
        _, ended, rest = rest.partition(end)
        assert ended, f'the page has no part {name}'
        page = f'{head}{begin}{table(rows)}{end}{rest}'
    return page


if __name__ == '__main__':
    main()
