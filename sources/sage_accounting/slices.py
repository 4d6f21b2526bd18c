"""Slices of a very large list by the dates of its records, each small enough to be read whole.

Only for lists whose records carry their ``date`` and never leave (``Collection.dated``, soft flag
``deleted``): ledger entries and transactions. The slices go from the oldest date to the newest, so one
date tells how far a first read got, and it can go on after hours, in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sage_accounting.catalogue import Collection
from sage_accounting.cursors import Backfill
from sage_accounting.lists import Steps, count_of

SLICED = 200_000
"""Records above which a list is read in slices. As many take ten minutes at 100 requests a minute, which
is what an interruption may cost; finding the slices costs less than 1 in 20 requests."""
SLICE = 50_000
"""The most records in one slice, unless a single day has more."""
AIM = 30_000
"""Records that a guess aims at: well inside what a slice may have."""
FIRST_DAY = date(1990, 1, 1)
"""Books that begin earlier only make the first slice larger."""


@dataclass(frozen=True)
class Slice:
    """The records dated from ``first`` to ``last``, both included; None = no bound."""

    first: date | None
    last: date | None

    @property
    def filters(self) -> Mapping[str, str]:
        bounds = {"from_date": self.first, "to_date": self.last}
        return {name: day.isoformat() for name, day in bounds.items() if day is not None}


def goes_by_slices(collection: Collection) -> bool:
    """Whether the list is of the kind that can be read so."""
    return collection.dated and collection.soft_delete == "deleted"


def next_slice(backfill: Backfill, today: date) -> Steps[Slice]:
    """The next slice, found by counting: mostly one small request, and a bisection where records lie
    unevenly. It has at least a quarter of :data:`SLICE`, unless it is the last.
    """
    first, left = backfill.first, backfill.total - backfill.read
    low = first - timedelta(days=1) if first else FIRST_DAY  # an end that gives too little
    high = max(today, low) + timedelta(days=2)  # an end that gives too much
    guess = _share(low, high, AIM / left) if first and left > SLICE else _share(low, high, 0.5)
    while left > SLICE and (high - low).days > 1:
        guess = min(max(guess, low + timedelta(days=1)), high - timedelta(days=1))
        count = (yield from count_of(Slice(first, guess).filters)) or 0
        if count > SLICE:
            high = guess
        elif count < SLICE // 4:
            low = guess
        else:
            return Slice(first, guess)
        guess = _share(low, high, 0.5)
    # what is left fits, lies in the future, or is the work of one day
    return Slice(first, None if left <= SLICE or high > today else high)


def _share(low: date, high: date, share: float) -> date:
    return low + timedelta(days=round((high - low).days * share))
