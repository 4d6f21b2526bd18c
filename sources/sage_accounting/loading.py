"""From what was read to what is loaded: the changed rows, the markers, the progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

import pendulum
import pyarrow as pa

from sage_accounting.catalogue import Collection
from sage_accounting.cursors import Progress, next_bound
from sage_accounting.decode import Page
from sage_accounting.deletions import (
    DELETIONS_TABLE,
    Changes,
    Deletion,
    DetectedBy,
    changes_to_load,
    split_deleted,
)
from sage_accounting.flatten import NO_TABLES
from sage_accounting.readers import Found
from sage_accounting.spool import Chunk


class Loaded(Protocol):
    """What is in the warehouse; None = can not be read now (:class:`loaded.LoadedRecords`)."""

    def ids(self, business_id: str) -> frozenset[str] | None: ...

    def among(self, business_id: str, ids: Sequence[str]) -> frozenset[str] | None: ...

    def dated(
        self, business_id: str, first: date | None, last: date | None
    ) -> frozenset[str] | None: ...

    def children(self) -> list[str]: ...


def changes_of(
    collection: Collection,
    business_id: str,
    found: Found,
    *,
    before: Progress | None,
    loaded: Loaded,
    now: datetime,
) -> Iterator[Changes]:
    """What to load for ``found``, batch by batch; nothing when nothing changed.

    ``before`` is the progress that the read started from.
    """
    if found.is_full and before is not None and before.digest == found.digest:
        return
    present = loaded.ids(business_id) if found.is_full else None
    expected = _expected(business_id, found, loaded)
    live: set[str] = set()
    for chunk in _chunks(found.records.pages):
        records, deletions = split_deleted(collection, chunk.tables(), "deleted_at")
        if expected:
            live.update(records.record_ids.to_pylist())
        yield changes_to_load(
            collection,
            business_id,
            records,
            _loaded_only(business_id, deletions, loaded),
            loaded_children=loaded.children(),
            may_have_children=present,
            detected_at=now,
        )
    gone = _missing(found, expected, live)
    if not found.is_full:
        gone += _tombstones(collection, business_id, found, loaded)
    if gone:
        yield changes_to_load(
            collection,
            business_id,
            NO_TABLES,
            gone,
            loaded_children=loaded.children(),
            may_have_children=frozenset(),
            detected_at=now,
        )


def progress_of(
    business_id: str, found: Found, *, rows: int, before: Progress | None, loaded: Loaded
) -> Progress:
    """How far ``found`` gets, when ``rows`` live records of it were loaded."""
    bound = found.since or next_bound(pendulum.instance(found.records.asked_at))
    if not found.is_full:
        known = before.rows if before else 0
        return Progress(bound, known + rows, None, found.by_id, found.backfill)
    if before is not None and before.digest == found.digest:
        return Progress(bound, before.rows, found.digest, found.by_id)
    compared = loaded.ids(business_id) is not None
    # without a comparison the next run must look again, so the digest is not kept
    return Progress(bound, rows, found.digest if compared else None, found.by_id)


def tables_of(collection: Collection, changes: Changes) -> Iterator[tuple[str, pa.Table]]:
    """Full names and rows of the tables that have any."""
    if changes.root.num_rows:
        yield collection.name, changes.root
    for name, table in changes.children.items():
        yield f"{collection.name}__{name}", table
    if changes.deletions.num_rows:
        yield DELETIONS_TABLE, changes.deletions


def _expected(business_id: str, found: Found, loaded: Loaded) -> frozenset[str]:
    """Loaded ids that ``found`` must have; whichever it lacks have left Sage."""
    if found.part is not None:
        return loaded.dated(business_id, found.part.first, found.part.last) or frozenset()
    if found.is_full or found.swept_ids is not None:
        return loaded.ids(business_id) or frozenset()
    return frozenset()


def _missing(found: Found, expected: frozenset[str], live: set[str]) -> list[Deletion]:
    swept = found.swept_ids is not None
    listed = found.swept_ids if found.swept_ids is not None else live
    by: DetectedBy = "sweep" if swept else "compare"
    return [Deletion(record_id, by) for record_id in sorted(expected.difference(listed))]


def _tombstones(
    collection: Collection, business_id: str, found: Found, loaded: Loaded
) -> list[Deletion]:
    dead = [
        deletion
        for chunk in _chunks(found.tombstones)
        for deletion in split_deleted(collection, chunk.tables(), "deleted_since")[1]
    ]
    return _loaded_only(business_id, dead, loaded)


def _chunks(pages: Sequence[Page]) -> Iterator[Chunk]:
    """The batches of these pages, each once, in order."""
    last: Chunk | None = None
    for page in pages:
        if page.chunk is not None and page.chunk is not last:
            yield page.chunk
        last = page.chunk


def _loaded_only(business_id: str, deletions: list[Deletion], loaded: Loaded) -> list[Deletion]:
    """Leave out records that never came here; keep all when that can not be known."""
    if not deletions:
        return []
    present = loaded.among(business_id, [deletion.id for deletion in deletions])
    return [d for d in deletions if present is None or d.id in present]
