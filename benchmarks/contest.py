"""Commands measured in turn, and their figures as a table.

Wall and processor seconds are of the whole process, its start and its children included, by the
operating system's account of it; memory is its peak. Contenders take turns (A B C, A B C, ...), so that a
slow minute of the machine hits all. The minimum is the figure to compare; the median tells how noisy it was.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

IMPORT_PATH = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
"""For processes that start in another folder: the peers are modules of this one's parent."""


@dataclass(frozen=True)
class Cost:
    """What one run of a command took."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    """Largest resident memory of one process."""


@dataclass
class Contender:
    """A way to do the same work, and what it took each time."""

    name: str
    costs: list[Cost] = field(default_factory=list)

    @property
    def least_wall_s(self) -> float:
        return min(cost.wall_s for cost in self.costs)

    @property
    def median_wall_s(self) -> float:
        return statistics.median(cost.wall_s for cost in self.costs)

    @property
    def least_cpu_s(self) -> float:
        return min(cost.cpu_s for cost in self.costs)

    @property
    def peak_mib(self) -> float:
        return max(cost.peak_mib for cost in self.costs)


def measured(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """What ``python -m`` with these arguments takes; its output is kept in ``folder``."""
    with (folder / "output.txt").open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**(environment or os.environ), "PYTHONPATH": IMPORT_PATH},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = (folder / "output.txt").read_text()[-2000:]
        raise RuntimeError(f"{' '.join(arguments[:2])} failed: {tail}")
    cost = Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    told = f"{cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s, {cost.peak_mib:.0f} MiB"
    print(f"  {arguments[0]}: {told}", file=sys.stderr, flush=True)
    return cost


def comparison(contenders: Sequence[Contender]) -> list[str]:
    """A table in Markdown; ratios are of the minima, to the first contender."""
    ours = contenders[0]
    lines = [
        "| | min s | median s | CPU s | peak MiB | min / ours | CPU / ours |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.name} | {one.least_wall_s:.2f} | {one.median_wall_s:.2f} | {one.least_cpu_s:.2f} "
        f"| {one.peak_mib:.0f} | {one.least_wall_s / ours.least_wall_s:.2f} "
        f"| {one.least_cpu_s / ours.least_cpu_s:.2f} |"
        for one in contenders
    ]
    return lines


def rows_of(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Any table in Markdown, all but the first column to the right."""
    lines = [f"| {' | '.join(header)} |", "|---|" + "--:|" * (len(header) - 1)]
    return lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
