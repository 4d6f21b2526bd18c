"""Where a sync's processor time goes, by phase and by function.

    python -m benchmarks.where ARGUMENTS OF sage-elt ...
    python -m benchmarks.where sync --resource ledger_entries

Runs the command in this process with a profiler in every thread that counts the thread's own processor
time; waiting costs nothing. Functions in Python look up to twice as dear as they are, DuckDB's own threads
are seen in the phases only. For reading, not for comparing: the comparisons are in :mod:`benchmarks.bench`.
"""

from __future__ import annotations

import cProfile
import pstats
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

LINES = 30
"""Functions shown of each group of threads."""

_profiles: list[tuple[str, cProfile.Profile]] = []
_start = time.perf_counter(), time.process_time()


def main(arguments: list[str]) -> None:
    from dlt.pipeline.pipeline import Pipeline

    from sage_elt.cli import main as command

    _mark("imported")
    for step in ("extract", "normalize", "load"):
        setattr(Pipeline, step, _told(step, getattr(Pipeline, step)))
    run = threading.Thread.run
    threading.Thread.run = lambda self: _profiled(self.name, lambda: run(self))  # type: ignore[method-assign]
    sys.argv = ["sage-elt", *arguments]
    with suppress(SystemExit):
        _profiled("main", command)
    _mark("ended")
    groups: dict[str, list[cProfile.Profile]] = {}
    for name, profile in _profiles:
        groups.setdefault(re.sub(r"[\d_()-]+", " ", name).strip(), []).append(profile)
    for name, profiles in groups.items():
        print(f"\n== {len(profiles)} × {name}")
        with suppress(TypeError):  # a thread that did nothing has no statistics
            found = pstats.Stats(*profiles)
            found.sort_stats("tottime").print_stats(LINES)
            found.sort_stats("cumtime").print_stats(LINES)


def _profiled(name: str, run: Callable[[], None]) -> None:
    profile = cProfile.Profile(time.thread_time)
    _profiles.append((name, profile))
    profile.enable()
    try:
        run()
    finally:
        profile.disable()


def _told(step: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A step of the pipeline that tells when it began and ended."""

    @wraps(method)
    def told(*arguments: Any, **named: Any) -> Any:
        _mark(f"{step} begins")
        try:
            return method(*arguments, **named)
        finally:
            _mark(f"{step} ends")

    return told


def _mark(moment: str) -> None:
    wall_s, cpu_s = time.perf_counter() - _start[0], time.process_time() - _start[1]
    print(f"{moment:20} wall {wall_s:7.2f} s  CPU {cpu_s:7.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
