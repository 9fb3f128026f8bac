"""How all benchmarks are run: the contestants take turns, each in a process of its own, and what counts is a ratio.

A machine that does something else slows everybody down, so figures of different moments say little. Contestants that
run one after the other within a round meet the same weather: the ratio of their figures is taken within the round, and
the median of these ratios over all rounds is what is reported.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Figures = dict[str, float]
    Measure = Callable[[], Figures]

ROOT = Path(__file__).parent.parent
OURS = 'bottle 1.0'
PEERS = ('bottle==0.13.4', 'falcon>=4,<5', 'wheezy.web>=3,<4')


def main(module: str, description: str | None, measures: Mapping[str, Measure], *, rounds: int, unit: str) -> None:
    """Run a benchmark, or one contestant of it.

    Parameters:
        module: the benchmark's module, as `python -m` takes it.
        description: its help.
        measures: what each framework does; the key `bottle` stands for both versions.
        rounds: how often everybody takes a turn, unless the command line says otherwise.
        unit: what the figures are; less is better.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer-python', metavar='PATH', help=f'an interpreter that has {", ".join(PEERS)} already')
    parser.add_argument('--rounds', type=int, default=rounds)
    parser.add_argument('--measure', choices=measures, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measures[options.measure]()))
        return
    with tempfile.TemporaryDirectory() as folder:
        theirs = options.peer_python or peers_in(folder)
        pythons = {OURS: (sys.executable, 'bottle'), 'bottle 0.13.4': (theirs, 'bottle')}
        pythons |= {name: (theirs, name) for name in measures if name != 'bottle'}
        report(contest(module, pythons, options.rounds), unit)


def contest(module: str, pythons: Mapping[str, tuple[str, str]], rounds: int) -> dict[str, list[Figures]]:
    """Let all contestants take turns and return their figures, round by round."""
    turns: dict[str, list[Figures]] = {name: [] for name in pythons}
    for _ in range(rounds):
        for name, (python, contestant) in pythons.items():
            command = [python, '-m', module, '--measure', contestant]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            turns[name].append(json.loads(done.stdout))
    return turns


def ratio(turns: Mapping[str, list[Figures]], case: str, other: str) -> float:
    """Return the median over all rounds of our figure through another contestant's."""
    pairs = zip(turns[OURS], turns[other], strict=True)
    return median(ours[case] / theirs[case] if theirs[case] else 1.0 for ours, theirs in pairs)


def report(turns: Mapping[str, list[Figures]], unit: str) -> None:
    """Print the median figures, and the ratios of ours to the others."""
    cases = turns[OURS][0]
    print(f'{unit:<34}' + ''.join(f'{name:>15}' for name in turns))
    for case in cases:
        figures = [[figure[case] for figure in turn if case in figure] for turn in turns.values()]
        print(f'{case:<34}' + ''.join(f'{median(each):>15.2f}' if each else f'{"-":>15}' for each in figures))
    print(f'\n{OURS + " / ...":<34}' + ''.join(f'{name:>15}' for name in turns))
    for case in cases:
        shown = (f'{ratio(turns, case, name):>15.2f}' if case in turns[name][0] else f'{"-":>15}' for name in turns)
        print(f'{case:<34}' + ''.join(shown))


def resident() -> int:
    """Return the kilobytes of memory that this process occupies."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def peers_in(folder: str) -> str:
    """Install the peers into a new environment and return its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(Path(folder, 'bin', 'python'))
    subprocess.run([python, '-m', 'pip', 'install', '--quiet', *PEERS], check=True)
    return python
