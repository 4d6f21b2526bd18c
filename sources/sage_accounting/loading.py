"""From what was read to what is loaded: the changed rows, the markers, the progress."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from sage_accounting.flatten import NO_TABLES, Tables
from sage_accounting.readers import Found


class Loaded(Protocol):
    """What is in the warehouse; None = can not be read now (:class:`loaded.LoadedRecords`)."""

    def ids(self, business_id: str) -> frozenset[str] | None: ...

    def among(self, business_id: str, ids: Sequence[str]) -> frozenset[str] | None: ...

    def children(self) -> list[str]: ...


@dataclass(frozen=True)
class Load:
    """What one read of one collection of one business brings to the warehouse."""

    changes: Changes | None
    """None: nothing changed, nothing to load."""
    progress: Progress

    @property
    def rows(self) -> int:
        """Live records to load."""
        return self.changes.root.num_rows - self.deleted if self.changes else 0

    @property
    def deleted(self) -> int:
        return self.changes.deletions.num_rows if self.changes else 0

    def tables(self, collection: Collection) -> Iterator[tuple[str, pa.Table]]:
        """Full names and rows of the tables that have any."""
        if self.changes is None:
            return
        if self.changes.root.num_rows:
            yield collection.name, self.changes.root
        for name, table in self.changes.children.items():
            yield f"{collection.name}__{name}", table
        if self.changes.deletions.num_rows:
            yield DELETIONS_TABLE, self.changes.deletions


def plan_load(
    collection: Collection,
    business_id: str,
    found: Found,
    records: Tables,
    tombstones: Tables,
    *,
    before: Progress | None,
    loaded: Loaded,
    now: datetime,
) -> Load:
    """Decide what to load for ``found`` and how far that gets.

    ``before`` is the progress that the read started from; with the same digest nothing changed.
    """
    digest = _digest(found.records.pages) if found.is_full else None
    bound = next_bound(pendulum.instance(found.records.asked_at))
    if digest is not None and before is not None and before.digest == digest:
        return Load(None, Progress(bound, before.rows, digest))
    records, deletions = split_deleted(collection, records, "deleted_at")
    deletions = _loaded_only(business_id, deletions, loaded)
    present = loaded.ids(business_id) if found.is_full else None
    compared = True
    if found.is_full or found.swept_ids is not None:
        vanished = _vanished(business_id, found, records, loaded)
        compared = vanished is not None
        deletions = _unique([*deletions, *(vanished or ())])
    elif tombstones is not NO_TABLES:
        _, dead = split_deleted(collection, tombstones, "deleted_since")
        deletions = _unique([*deletions, *_loaded_only(business_id, dead, loaded)])
    changes = changes_to_load(
        collection,
        business_id,
        records,
        deletions,
        loaded_children=loaded.children(),
        may_have_children=present,
        detected_at=now,
    )
    rows = records.root.num_rows
    progress = Progress(
        since=bound,
        rows=rows if found.is_full or before is None else before.rows + rows,
        digest=digest if compared else None,  # without a comparison the next run must look again
    )
    return Load(changes, progress)


def _vanished(
    business_id: str, found: Found, records: Tables, loaded: Loaded
) -> list[Deletion] | None:
    """Loaded records that Sage does not list any more; None when that can not be known now."""
    present = loaded.ids(business_id)
    if present is None:
        return None
    live = set(records.record_ids.to_pylist()) if found.is_full else found.swept_ids or set()
    by: DetectedBy = "compare" if found.is_full else "sweep"
    return [Deletion(record_id, by) for record_id in sorted(present.difference(live))]


def _loaded_only(business_id: str, deletions: list[Deletion], loaded: Loaded) -> list[Deletion]:
    """Leave out records that never came here; keep all when that can not be known."""
    if not deletions:
        return []
    present = loaded.among(business_id, [deletion.id for deletion in deletions])
    return [d for d in deletions if present is None or d.id in present]


def _unique(deletions: Sequence[Deletion]) -> list[Deletion]:
    return list({deletion.id: deletion for deletion in reversed(deletions)}.values())


def _digest(pages: Sequence[Page]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for page in pages:
        digest.update(page.digest)
    return digest.hexdigest()
