"""The arithmetic of capacity: known values, laws that hold for any load, a queue that is played through."""

import heapq
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.serving.cli import main
from bottle_deploy.capacity import (
    Load,
    addresses_without_keep_alive,
    balancer_cores,
    must_queue,
    response_time,
)

positive = st.floats(1e-6, 1e3)
loads = st.builds(
    Load,
    rate=st.floats(1e-3, 1e4),
    cpu=st.floats(1e-5, 0.1),
    wait=st.floats(0, 10),
    cores=st.integers(1, 128),
    utilisation=st.floats(0.01, 0.99),
)


def test_known_values_of_the_queue() -> None:
    assert must_queue(1, 0.5) == pytest.approx(0.5)  # alone, it is busy for half of those who come
    assert must_queue(2, 1.0) == pytest.approx(1 / 3)
    assert must_queue(10, 5.0) == pytest.approx(0.0361, abs=1e-4)  # as the tables of Erlang's formula C have it
    assert response_time(1, 0.5, 1.0) == pytest.approx(math.log(100) / 0.5)  # M/M/1: exponential itself
    assert response_time(1000, 1.0, 1.0) == pytest.approx(math.log(100))  # nobody queues


def test_a_day_at_the_shop() -> None:
    load = Load(rate=1000, cpu=0.005, wait=0.045, cores=4, utilisation=0.7)
    assert load.at_once == pytest.approx(50)
    assert (load.workers, load.machines, load.workers_per_machine) == (8, 2, 4)
    assert load.work == pytest.approx(5)
    assert load.busy(load.workers) == pytest.approx(5 / 8)


def test_no_worker_too_many_for_the_last_digit() -> None:
    assert 0.021 * 100 / 0.7 > 3  # by the arithmetic of processors
    assert Load(rate=100, cpu=0.021).workers == 3


@given(loads)
def test_what_is_said_suffices_and_one_less_does_not(load: Load) -> None:
    assert load.busy(load.workers) <= load.utilisation * (1 + 1e-6)
    assert load.workers == 1 or load.busy(load.workers - 1) > load.utilisation * (1 - 1e-6)
    assert load.machines * load.cores >= load.workers > (load.machines - 1) * load.cores
    assert load.machines * load.workers_per_machine >= load.workers
    assert load.workers_per_machine <= load.cores


@given(loads)
def test_at_once_is_the_law_of_little(load: Load) -> None:
    assert load.at_once == pytest.approx(load.work + load.rate * load.wait)


@given(loads)
def test_a_thread_is_free_to_compute(load: Load) -> None:
    """How many requests of a worker wait at the same time has a Poisson distribution, whatever they wait for."""
    mean = load.rate * load.wait / load.workers
    terms = (math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(load.threads) if mean > 0)
    assert 1 - (math.fsum(terms) if mean > 0 else 1) <= 0.01
    assert load.threads <= mean + 3.4 * math.sqrt(mean) + 2.4


@given(loads)
def test_one_queue_is_never_slower_than_many(load: Load) -> None:
    best, worst = load.response_times
    assert load.wait + load.cpu * math.log(100) <= best * (1 + 1e-9)
    assert best <= worst * (1 + 1e-9)


@given(st.integers(1, 200), st.floats(0.01, 0.98), positive)
def test_more_servers_are_faster(servers: int, busy: float, service: float) -> None:
    work = servers * busy
    assert must_queue(servers + 1, work) <= must_queue(servers, work) <= 1
    assert response_time(servers + 1, work, service) <= response_time(servers, work, service) * (1 + 1e-9)


@given(st.integers(2, 50), st.floats(-1e-5, 1e-5))
def test_the_formula_has_no_gap_where_one_server_is_spare(servers: int, off: float) -> None:
    exact, near = (response_time(servers, servers - 1 + each, 1.0) for each in (0.0, off))
    assert near == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize(('servers', 'busy'), [(1, 0.7), (4, 0.7), (8, 0.9)])
def test_a_queue_that_is_played_through(servers: int, busy: float) -> None:
    """Random arrivals and random work, served in the order of arrival by whoever is free first."""
    chance, now, times = random.Random(6), 0.0, []
    free = [0.0] * servers
    for _ in range(200_000):
        now += chance.expovariate(servers * busy)
        done = max(now, heapq.heappop(free)) + chance.expovariate(1.0)
        heapq.heappush(free, done)
        times.append(done - now)
    measured = sorted(times)[int(0.99 * len(times))]
    assert response_time(servers, servers * busy, 1.0) == pytest.approx(measured, rel=0.1)


@given(positive, positive)
def test_what_the_balancer_carries(rate: float, cost: float) -> None:
    assert balancer_cores(rate, cost, 0.5) == pytest.approx(2 * rate * cost)
    addresses = addresses_without_keep_alive(rate)
    assert (addresses - 1) * 28232 / 60 < max(rate, 1) <= addresses * 28232 / 60 * (1 + 1e-6)


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    given = ['--rate', '1000', '--worker-rate', '200', '--wait', '45', '--cores', '4', '--balancer-cost', '60']
    assert main(['capacity', *given]) == 0
    rows = {line[:13].strip(): line[13:25].strip() for line in capsys.readouterr().out.splitlines()}
    assert rows == {
        'at once': '50',
        'workers': '8',
        'threads': '13',
        'machines': '2',
        'one missing': '1',
        'p99': '68.43 ms',
        'balancer': '0.09',
        'ports': '3',
    }


@pytest.mark.parametrize(
    ('arguments', 'why'),
    [
        ('--cpu 1', '--rate'),
        ('--rate 1', '--cpu --worker-rate'),
        ('--rate 1 --cpu 1 --worker-rate 1', 'not allowed with'),
        ('--rate 0 --cpu 1', 'a number above 0'),
        ('--rate x --cpu 1', 'a number above 0'),
        ('--rate inf --cpu 1', 'a number above 0'),
        ('--rate 1 --cpu nan', 'a number above 0'),
        ('--rate 1 --cpu 1 --wait -1', 'a number from 0'),
        ('--rate 1 --cpu 1 --utilisation 100', 'above 0 to 99'),
        ('--rate 1 --cpu 1 --cores 0', 'a whole number from 1 up'),
        ('--rate 1 --cpu 1 --cores 1.5', 'a whole number from 1 up'),
        ('--rate 1e9 --cpu 1', 'divide the load'),
    ],
)
def test_what_cannot_be_reckoned_with_is_refused(arguments: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['capacity', *arguments.split()])
    assert why in capsys.readouterr().err
