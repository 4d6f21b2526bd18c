"""From what was read to what is loaded: the changed rows, the markers, the progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa

from sage_accounting.catalogue import Collection
from sage_accounting.cursors import Progress, next_bound
from sage_accounting.decode import Page
from sage_accounting.deletions import (
    DELETIONS_TABLE,
    Changes,
    Deletion,
    DetectedBy,
    among,
    changes_to_load,
    ids_array,
    split_deleted,
    without,
)
from sage_accounting.flatten import NO_TABLES, Tables, stacked
from sage_accounting.readers import Found
from sage_accounting.spool import Chunk

TOGETHER = 16 * 1024 * 1024
"""Bytes after which tables are handed to dlt."""


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
    already: frozenset[str] = frozenset(),
) -> Iterator[Changes]:
    """What to load for ``found``, batch by batch; nothing when nothing changed.

    ``before`` is the progress that the read started from; records of ``already`` are in this package.
    """
    if found.is_full and before is not None and before.digest == found.digest:
        return
    present = loaded.ids(business_id) if found.is_full else None
    expected = _expected(business_id, found, loaded)
    dead = _tombstones(collection, found)
    # what later requests of the same read no longer had is not loaded, nor what is loaded already
    late = ids_array(already.union(deletion.id for deletion in dead))
    swept = None if found.swept_ids is None else ids_array(found.swept_ids)
    listed: set[str] = set()
    for tables in _tables(found.records.pages):
        if expected and swept is None:
            listed.update(tables.record_ids.to_pylist())
        alive = without(tables, late)
        if swept is not None:
            alive = among(alive, swept)
        records, deletions = split_deleted(collection, alive, "deleted_at")
        yield changes_to_load(
            collection,
            business_id,
            records,
            _loaded_only(business_id, deletions, loaded),
            loaded_children=loaded.children(),
            may_have_children=present,
            detected_at=now,
        )
    if found.swept_ids is None:
        dead += _missing(expected, listed, "compare")
    else:
        dead += _missing(expected, found.swept_ids, "sweep")
    gone = _loaded_only(business_id, dead, loaded)
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
    bound = found.since or next_bound(found.records.asked_at)
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


def _missing(
    expected: frozenset[str], listed: AbstractSet[str], detected_by: DetectedBy
) -> list[Deletion]:
    return [Deletion(record_id, detected_by) for record_id in sorted(expected.difference(listed))]


def _tombstones(collection: Collection, found: Found) -> list[Deletion]:
    return [
        deletion
        for tables in _tables(found.tombstones)
        for deletion in split_deleted(collection, tables, "deleted_since")[1]
    ]


def _tables(pages: Sequence[Page]) -> Iterator[Tables]:
    """The records of these pages in few large tables: each that dlt takes costs it 15 ms.

    Batches whose columns differ in type stay apart.
    """
    waiting: list[Tables] = []
    last: Future[Chunk] | None = None
    for page in pages:
        if page.chunk is None or page.chunk is last:
            continue
        last, tables = page.chunk, page.chunk.result().tables()
        size = sum(one.nbytes for one in waiting)
        if waiting and (size > TOGETHER or not all(_alike(one, tables) for one in waiting)):
            yield stacked(waiting)
            waiting = []
        waiting.append(tables)
    if waiting:
        yield stacked(waiting)


def _alike(one: Tables, other: Tables) -> bool:
    shared = one.children.keys() & other.children.keys()
    return one.root.schema.equals(other.root.schema) and all(
        one.children[name].schema.equals(other.children[name].schema) for name in shared
    )


def _loaded_only(business_id: str, deletions: list[Deletion], loaded: Loaded) -> list[Deletion]:
    """Leave out records that never came here; keep all when that can not be known."""
    if not deletions:
        return []
    present = loaded.among(business_id, [deletion.id for deletion in deletions])
    return [d for d in deletions if present is None or d.id in present]
