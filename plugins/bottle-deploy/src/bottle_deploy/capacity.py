"""How many workers, threads and machines a load needs, and what that asks of the balancer: `python -m bottle capacity`.

The arithmetic is that of queues: Little's law for how many requests are there at once (L = lambda W), and the queue
M/M/c of Erlang for how long they take when they come at random.
"""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CAPACITY = 'say how many workers, threads and machines a load needs, and what its balancer carries'
ONE_IN_A_HUNDRED = 0.01
QUANTILE = 2.45  # standard deviations above the mean, and one more: exceeded by 1% of a Poisson distribution at most
EPHEMERAL_PORTS = 60999 - 32768 + 1  # of Linux, for connections to one address: net.ipv4.ip_local_port_range
MOST_WORK = 100_000  # processors; the formulas take a step for each
TIME_WAIT = 60.0  # seconds that Linux keeps the port of a closed connection


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be served.

    Parameters:
        rate: requests in a second.
        cpu: seconds of processor time that a worker spends on a request.
        wait: seconds that a request waits for something else, such as a database.
        cores: processors of a machine.
        utilisation: how busy a processor may be, above 0 and below 1.
    """

    rate: float
    cpu: float
    wait: float = 0.0
    cores: int = 1
    utilisation: float = 0.7

    @property
    def work(self) -> float:
        """How many processors it keeps busy."""
        return self.rate * self.cpu

    @property
    def at_once(self) -> float:
        """How many requests are there at the same time, on average, when none has to queue: Little's law."""
        return self.rate * (self.cpu + self.wait)

    @property
    def workers(self) -> int:
        """How many workers it needs; one of them keeps no more than one processor busy."""
        return _whole(self.work / self.utilisation)

    @property
    def threads(self) -> int:
        """How many threads each worker needs, so that 99 times in 100 one of them is not waiting but can compute."""
        waiting = self.rate * self.wait / self.workers
        return _whole(waiting + QUANTILE * math.sqrt(waiting)) + 1 if waiting else 1

    @property
    def machines(self) -> int:
        """How many machines it needs."""
        return _whole(self.workers / self.cores)

    @property
    def workers_per_machine(self) -> int:
        """How many of the workers a machine has."""
        return _whole(self.workers / self.machines)

    def busy(self, workers: int) -> float:
        """Return how busy the processors are that workers have.

        Parameters:
            workers: how many of them are there.
        """
        return self.work / workers

    @property
    def response_times(self) -> tuple[float, float]:
        """The seconds in which 99 of 100 responses are there: with one queue for all workers, and with one for each."""
        one = response_time(self.workers, self.work, self.cpu)
        each = response_time(1, self.busy(self.workers), self.cpu)
        return self.wait + one, self.wait + each


def _whole(number: float) -> int:
    """Return the next whole number from 1 up; what arithmetic adds in the last digits does not count."""
    return max(1, math.ceil(number - 1e-9 * abs(number)))


def must_queue(servers: int, work: float) -> float:
    """Return the share of requests that find all servers busy: Erlang's formula C.

    Parameters:
        servers: how many there are.
        work: how many of them are busy on average; fewer than there are.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = work * blocked / (number + work * blocked)
    return blocked / (1 - work / servers * (1 - blocked))


def response_time(servers: int, work: float, service: float, late: float = ONE_IN_A_HUNDRED) -> float:
    """Return the time that only few responses exceed, in the queue M/M/c.

    Parameters:
        servers: how many there are.
        work: how many of them are busy on average; fewer than there are.
        service: seconds that one spends on a request, on average.
        late: the share of responses that may take longer.
    """
    queued = must_queue(servers, work)
    least, most = 0.0, 1.0
    while slower_than(most, servers, work, queued) > late:
        least, most = most, 2 * most
    for _ in range(60):
        middle = (least + most) / 2
        least, most = (middle, most) if slower_than(middle, servers, work, queued) > late else (least, middle)
    return most * service


def slower_than(time: float, servers: int, work: float, queued: float) -> float:
    """Return the share of responses that take longer than a time, in the queue M/M/c.

    Parameters:
        time: in units of the time of service.
        servers: how many there are.
        work: how many of them are busy on average.
        queued: the share of requests that find all of them busy.
    """
    spare = servers - work
    if abs(spare - 1) < 1e-6:  # where the general formula divides nothing by nothing
        return math.exp(-time) * (1 + queued * time)
    return math.exp(-time) + queued * (math.exp(-time) - math.exp(-time * spare)) / (spare - 1)


def balancer_cores(rate: float, cost: float, utilisation: float) -> float:
    """Return how many processors of a balancer a load takes.

    Parameters:
        rate: requests in a second.
        cost: seconds of processor time that the balancer spends on a request.
        utilisation: how busy a processor may be.
    """
    return rate * cost / utilisation


def addresses_without_keep_alive(rate: float) -> int:
    """Return to how many addresses a balancer has to connect that closes each connection after one request.

    Parameters:
        rate: requests in a second.
    """
    return _whole(rate * TIME_WAIT / EPHEMERAL_PORTS)


def capacity(arguments: Sequence[str]) -> int:
    """Print what a load needs and return the exit code.

    Parameters:
        arguments: what follows the name of the command.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    load = Load(
        rate=options.rate,
        cpu=options.cpu / 1e3 if options.cpu else 1 / options.worker_rate,
        wait=options.wait / 1e3,
        cores=options.cores,
        utilisation=options.utilisation / 100,
    )
    if load.work > MOST_WORK:
        parser.error(f'{load.work:,.0f} processors would be busy; it reckons with up to {MOST_WORK:,}: divide the load')
    for name, value, why in (*_report(load), *_balancer(load, options.balancer_cost / 1e6)):
        print(f'{name:<13}{value:<12}{why}')
    return 0


def _report(load: Load) -> Iterator[tuple[str, str, str]]:
    """Yield what a load needs: what of, how much, why."""
    rate, limit = f'{load.rate:,g}/s', f'{load.utilisation:.0%}'
    yield 'at once', f'{load.at_once:,.4g}', f'requests: {rate} x {_ms(load.cpu + load.wait)}'
    yield 'workers', f'{load.workers:,}', f'{rate} x {_ms(load.cpu)} keep {load.work:,.2f} processors busy, to {limit}'
    yield 'threads', f'{load.threads:,}', 'for each worker: 99 times in 100 one of them is not waiting'
    each = load.workers_per_machine
    yield (
        'machines',
        f'{load.machines:,}',
        f'with up to {each} of these workers each, {load.busy(load.workers):.0%} busy',
    )
    if left := load.workers - each:
        without = load.busy(left)
        verdict = f'the others are {without:.0%} busy' if without < 1 else 'the others cannot keep up: add one'
        yield 'one missing', f'{load.machines - 1:,}', verdict
    best, worst = load.response_times
    yield 'p99', f'{_ms(best)}', f'if a free worker gets the next request; {_ms(worst)} if each has a queue of its own'


def _balancer(load: Load, cost: float) -> Iterator[tuple[str, str, str]]:
    """Yield what the balancer carries."""
    addresses = addresses_without_keep_alive(load.rate)
    if cost:
        cores = balancer_cores(load.rate, cost, load.utilisation)
        yield (
            'balancer',
            f'{cores:,.2f}',
            f'processors: {load.rate:,g}/s x {cost * 1e6:g} µs, to {load.utilisation:.0%}',
        )
    yield 'ports', f'{addresses:,}', 'addresses of instances at least, where each request opens a connection to them'


def _ms(seconds: float) -> str:
    return f'{seconds * 1e3:,.4g} ms'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m bottle capacity',
        description=f'{CAPACITY[0].upper()}{CAPACITY[1:]}.',
        epilog='How to measure what goes in, and what the figures mean: docs/capacity.md of the project.',
        allow_abbrev=False,
    )
    parser.add_argument('--rate', metavar='N', type=_number(above=0), required=True, help='requests in a second')
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument('--cpu', metavar='MS', type=_number(above=0), help='processor time of a request')
    work.add_argument(
        '--worker-rate', metavar='N', type=_number(above=0), help='requests that one worker serves in a second'
    )
    parser.add_argument(
        '--wait', metavar='MS', type=_number(), default=0.0, help='how long a request waits for databases and the like'
    )
    parser.add_argument(
        '--cores',
        metavar='N',
        type=_cores,
        default=os.cpu_count() or 1,
        help='processors of a machine: as many as here',
    )
    parser.add_argument(
        '--utilisation',
        metavar='PERCENT',
        type=_number(above=0, most=99),
        default=70.0,
        help='how busy they may be: 70',
    )
    parser.add_argument(
        '--balancer-cost',
        metavar='µS',
        type=_number(),
        default=0.0,
        help='microseconds that the balancer spends on a request',
    )
    return parser


def _number(above: float = -1.0, most: float = math.inf) -> Callable[[str], float]:
    """Return a reader of numbers from 0 up; above 0, or up to another limit, if one is given."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0 and above < number <= most):
            limit = f' to {most:g}' if most < math.inf else ''
            raise argparse.ArgumentTypeError(
                f'it takes a number {"above" if above >= 0 else "from"} 0{limit}, not {text!r}'
            )
        return number

    return read


def _cores(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not int(text):
        raise argparse.ArgumentTypeError(f'it takes a whole number from 1 up, not {text!r}')
    return int(text)
