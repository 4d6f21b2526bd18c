"""Processes killed in the middle of a refresh, and whether the next one can go on.

``python tests/support/crash.py 1000`` (``make crash N=1000``) prints a table; exit 1 when a token was lost
that could have been kept. Each trial kills one process with SIGKILL and lets another one refresh.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from cryptography.fernet import Fernet
from vault_processes import CONNECTION, Processes, environment

from sage_accounting.tokens.steps import Step
from sage_sandbox.server import Sandbox, running_sandbox

RANDOM = "random moment"
RANDOM_BOTH = "random moment, with its request"
RANDOM_EXCHANGE = "random moment, its request only"
UNSPARED = (RANDOM_BOTH, RANDOM_EXCHANGE)
"""Here the process that waits for Sage's answer is killed itself: an answer under way dies with it."""
COPYING: tuple[Step, ...] = ("extracted", "normalized", "loaded", "pruned")
"""Steps on the way to a destination: the others are passed without one too, in a third of the time."""
KINDS: tuple[str, ...] = (*get_args(Step), RANDOM, RANDOM_BOTH, RANDOM_EXCHANGE)
_WHOM = {RANDOM: "process", RANDOM_BOTH: "both", RANDOM_EXCHANGE: "exchange"}

Fate = Literal["kept", "lost", "unreceived", "too late"]
"""``unreceived``: the answer died with the process that waited for it, and a person was asked to sign in;
``too late``: the refresh was over before the kill."""


@dataclass
class Victim:
    """One connection whose processes are killed, in ``folder``, with a token family of its own."""

    sandbox: Sandbox
    folder: Path
    processes: Processes
    dice: random.Random
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    refresh_s: float = 1.0
    """How long a refresh takes here, as last seen: random kills fall within."""

    def trial(self, kind: str) -> Fate:
        """Kill one process in the middle of a refresh; whether the next one refreshes."""
        destination = "duckdb" if kind in COPYING else None
        if kind in _WHOM:
            moment = {"kill": _WHOM[kind], "kill_after_s": self.dice.uniform(0, self.refresh_s)}
        else:
            moment = {"kill_at": kind}
        victim = self._run("refresh", destination, **moment)
        killed = victim.get("killed") == signal.SIGKILL
        assert killed or "token" in victim or "error" in victim, "the victim died of something else"
        began = time.monotonic()
        survivor = self._run("refresh", destination)
        self.refresh_s = (self.refresh_s + time.monotonic() - began) / 2
        if "token" in survivor:
            return "kept" if killed or kind == RANDOM_EXCHANGE else "too late"
        assert survivor["error"] == "ReauthorisationError", survivor
        assert f"Run: sage-elt connect --connection {CONNECTION}" in survivor["text"]
        self.sign_in()
        return "unreceived" if kind in UNSPARED else "lost"

    def sign_in(self) -> None:
        outcome = self._run("sign_in", None, refresh_token=self.sandbox.authorise())
        assert "token" in outcome, outcome

    def _run(self, act: str, destination: str | None, **arguments: object) -> dict[str, object]:
        [outcome] = self.processes.run(
            act,
            environment(self.sandbox, self.key, self.folder),
            destination=destination,
            pipelines_dir=str(self.folder / "pipelines"),
            **arguments,
        )
        return outcome


@contextmanager
def victim(sandbox: Sandbox, folder: Path, seed: int) -> Iterator[Victim]:
    """A signed-in victim."""
    processes = Processes()
    try:
        signed_in = Victim(sandbox, folder, processes, random.Random(seed))  # noqa: S311 - dice
        signed_in.sign_in()
        yield signed_in
    finally:
        processes.close()


def plan(trials: int, dice: random.Random) -> list[str]:
    """Each step 1 in 25; of the rest half kill at random, half the request too or alone."""
    kinds = [step for step in get_args(Step) for _ in range(trials // 25)]
    rest = trials - len(kinds)
    kinds += [RANDOM_BOTH] * (rest // 4) + [RANDOM_EXCHANGE] * (rest // 4)
    kinds += [RANDOM] * (trials - len(kinds))
    dice.shuffle(kinds)
    return kinds


def crash(trials: int, seed: int) -> tuple[Counter[tuple[str, Fate]], int]:
    """How many trials of each kind ended how, and how often a used token was sent without need."""
    counts: Counter[tuple[str, Fate]] = Counter()
    kinds = plan(trials, random.Random(seed))  # noqa: S311 - dice
    done = iter(range(1, trials + 1))

    def work(number: int) -> None:
        folder = Path(root, str(number))
        with victim(sandbox, folder, seed + number) as one:
            for kind in kinds[number::2]:
                counts[kind, one.trial(kind)] += 1
                if (so_far := next(done)) % 50 == 0:
                    sys.stderr.write(f"{so_far} of {trials} ...\n")

    with (
        tempfile.TemporaryDirectory() as root,
        running_sandbox(countries=("GB",), invoices=1, seed=1) as sandbox,
        ThreadPoolExecutor(2) as pool,
    ):
        list(pool.map(work, range(2)))
        reused = {reuse.token for reuse in sandbox.state.tokens.reused_refresh_tokens}
    died = sum(count for (_, fate), count in counts.items() if fate not in ("kept", "too late"))
    return counts, len(reused) - died


def main() -> int:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    began = time.monotonic()
    counts, reused = crash(trials, seed)
    fates: tuple[Fate, ...] = get_args(Fate)
    _write("killed at", fates)
    for kind in KINDS:
        _write(kind, [counts[kind, fate] for fate in fates])
    _write("all", [sum(counts[kind, fate] for kind in KINDS) for fate in fates])
    lost = sum(counts[kind, "lost"] for kind in KINDS)
    sys.stdout.write(
        f"seed {seed}; {time.monotonic() - began:.0f} s; used tokens sent without need: {reused}\n"
    )
    return 1 if lost or reused > 0 else 0


def _write(title: str, cells: Sequence[object]) -> None:
    sys.stdout.write(f"{title:32}" + "".join(f"{cell:>12}" for cell in cells) + "\n")


if __name__ == "__main__":
    sys.exit(main())
