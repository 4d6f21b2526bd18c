"""Where a list's next read starts, and by which way it learns of changes and deletions.

The state of one (business, resource) is a :class:`Progress`; it lives in dlt state and moves only with
the package that holds the rows. A cursor is Sage's own time at the start of the last complete read
less an overlap, never the latest ``updated_at`` seen: a record written meanwhile could be older.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import pendulum

from sage_accounting.catalogue import Collection

OVERLAP_S = 60
"""``deleted_since`` excludes its bound and times have whole seconds, so at least one is needed; a
minute also covers a Sage server whose clock or replica lags behind."""
SMALL = 200
"""Up to one page, a full read costs one request and sees deletions, so it beats asking for changes."""

Way = Literal["full", "changes"]


@dataclass(frozen=True)
class Backfill:
    """How far the first read of a very large list got, by the dates of its records (:mod:`slices`)."""

    total: int
    """Records in the list when the read began."""
    read: int = 0
    """Records read so far."""
    next_day: str | None = None
    """First date of the next slice, ``2026-05-01``; None = from the first record on."""

    @property
    def first(self) -> date | None:
        return None if self.next_day is None else date.fromisoformat(self.next_day)

    def after(self, count: int, last: date | None) -> Backfill:
        """Where it stands when a slice of ``count`` records, to ``last`` or the end, is read."""
        next_day = self.next_day if last is None else (last + timedelta(days=1)).isoformat()
        return Backfill(self.total, self.read + count, next_day)


@dataclass(frozen=True)
class Progress:
    """How far one collection of one business has been loaded."""

    since: str
    """Bound of the next read of changes, ``2026-05-01T09:30:00Z``."""
    rows: int
    """Records in the list at the last full read plus those changed since: never too few."""
    digest: str | None
    """Of the last full read, to tell that nothing changed."""
    by_id: bool = False
    """Whether children must be read by id (:func:`readers.read_collection`)."""
    backfill: Backfill | None = None
    """Set while a first read is under way over several runs; ``since`` is then its start."""

    def to_state(self) -> dict[str, Any]:
        return {**vars(self), "backfill": self.backfill and asdict(self.backfill)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        backfill = state.get("backfill")
        return cls(
            state["since"],
            state["rows"],
            state["digest"],
            bool(state.get("by_id")),
            Backfill(**backfill) if backfill else None,
        )


@lru_cache(maxsize=64)  # the answers of one second have one time
def next_bound(asked_at: datetime) -> str:
    """The cursor after a complete read that began at ``asked_at``."""
    bound = pendulum.instance(asked_at).subtract(seconds=OVERLAP_S).in_timezone("UTC")
    return bound.format("YYYY-MM-DD[T]HH:mm:ss[Z]")


def way_to_read(collection: Collection, progress: Progress | None) -> Way:
    """Full when nothing was read yet, when Sage can not list changes, or when one page holds it all."""
    if progress is None or not collection.updated_since or progress.rows <= SMALL:
        return "full"
    return "changes"


def sees_deletions(collection: Collection) -> bool:
    """Whether a read of changes learns of deletions; if not, the ids must be compared."""
    return collection.deleted_since or collection.soft_delete == "deleted"
