"""Histories without end: ``make soak SECONDS=600``, or ``python tests/support/soak.py 600``.

Each history has a seed, printed when it begins, by which it is told again:
``python tests/support/soak.py --seed 17``; with ``--shrink`` hypothesis looks for a shorter one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback

from history import History, history_settings
from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test


class WholeHistory(History):
    """Reads every collection."""

    reads_all = True


def holds(number: int, steps: int, *, is_shrunk: bool) -> bool:
    """Whether the promise holds in the history of this seed; what broke it goes to stderr."""
    machine = WholeHistory if number % 8 == 0 else History  # every eighth: ten times as slow

    @seed(number)
    class Seeded(machine):  # type: ignore[misc, valid-type]  # a choice of two
        pass

    try:
        run_state_machine_as_test(Seeded, settings=history_settings(1, steps, is_shrunk=is_shrunk))
    except Exception:  # noqa: BLE001 - reported, the other histories go on
        traceback.print_exc()
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="tell this history only")
    parser.add_argument("--first", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="tell each step as it is taken")
    asked = parser.parse_args()
    if asked.verbose:
        told = logging.StreamHandler()
        told.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logging.getLogger("world").addHandler(told)
        logging.getLogger("world").setLevel(logging.INFO)
    if asked.seed is not None:
        return 0 if holds(asked.seed, asked.steps, is_shrunk=asked.shrink) else 1
    ends, number, broken = time.monotonic() + asked.seconds, asked.first, []
    while time.monotonic() < ends:
        began = time.monotonic()
        sys.stdout.write(f"history {number} ")
        sys.stdout.flush()
        held = holds(number, asked.steps, is_shrunk=asked.shrink)
        sys.stdout.write(f"{'holds' if held else 'BROKEN'} {time.monotonic() - began:.0f} s\n")
        broken += [] if held else [number]
        number += 1
    sys.stdout.write(f"{number - asked.first} histories, broken: {broken or 'none'}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
