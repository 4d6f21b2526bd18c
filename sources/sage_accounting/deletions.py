"""What vanished in Sage, as rows that make dlt remove it here.

A row with ``_deleted`` = true is a marker: dlt deletes what it matches (the record by its key, child
rows by ``business_id`` and ``_root_id``) and does not insert it, so the column is null in the warehouse.
``sage._deletions`` keeps the trace of every record that left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from sage_accounting.catalogue import Collection
from sage_accounting.flatten import BUSINESS, KEY_SEPARATOR, ROOT, Tables
from sage_accounting.shapes import STORED

MARKER = "_deleted"
DELETIONS_TABLE = "_deletions"

DetectedBy = Literal["deleted_since", "deleted_at", "compare", "sweep"]


@dataclass(frozen=True)
class Deletion:
    """One record that Sage no longer has."""

    id: str
    detected_by: DetectedBy
    deleted_at: datetime | None = None
    """Sage's own time, when it tells one; aware UTC."""


@dataclass(frozen=True)
class Changes:
    """What to load for one collection of one business."""

    root: pa.Table
    """Changed records, then markers of those that left; may have no rows."""
    children: Mapping[str, pa.Table]
    deletions: pa.Table

    @property
    def rows(self) -> int:
        """Live records in ``root``."""
        if MARKER not in self.root.column_names:
            return int(self.root.num_rows)
        return int(pc.sum(pc.is_null(self.root.column(MARKER))).as_py() or 0)


def no_deletions() -> pa.Table:
    """The trace without rows."""
    return _trace("", "", (), datetime.now(UTC))


def split_deleted(
    collection: Collection, tables: Tables, detected_by: DetectedBy
) -> tuple[Tables, list[Deletion]]:
    """Live records, and those that Sage lists although their ``deleted_at`` is set."""
    if collection.soft_delete != "deleted_at" or "deleted_at" not in tables.root.column_names:
        return tables, []
    deleted_at = tables.root.column("deleted_at")
    live = pc.is_null(deleted_at)
    if pc.all(live).as_py():
        return tables, []
    gone = pc.invert(live)
    deletions = [
        Deletion(record_id, detected_by, at)
        for record_id, at in zip(
            tables.record_ids.filter(gone).to_pylist(),
            deleted_at.filter(gone).to_pylist(),
            strict=True,
        )
    ]
    return _only(tables, live), deletions


def ids_array(ids: AbstractSet[str]) -> pa.Array:
    """Ids as :func:`without` and :func:`among` take them."""
    return pa.array(ids, pa.string())


def without(tables: Tables, ids: pa.Array) -> Tables:
    """The records less those with these ids."""
    if not len(ids):
        return tables
    return _only(tables, pc.invert(pc.is_in(tables.record_ids, value_set=ids)))


def among(tables: Tables, ids: pa.Array) -> Tables:
    """The records with these ids."""
    return _only(tables, pc.is_in(tables.record_ids, value_set=ids))


def _only(tables: Tables, chosen: pa.ChunkedArray) -> Tables:
    if pc.all(chosen).as_py():
        return tables
    ids = tables.record_ids.filter(chosen)
    children = {
        name: table.filter(pc.is_in(table.column(ROOT), value_set=ids))
        for name, table in tables.children.items()
    }
    return Tables(tables.root.filter(chosen), ids, children)


def changes_to_load(
    collection: Collection,
    business_id: str,
    tables: Tables,
    deletions: Sequence[Deletion],
    *,
    loaded_children: Iterable[str],
    may_have_children: frozenset[str] | None,
    detected_at: datetime,
) -> Changes:
    """Records and markers.

    ``loaded_children`` names the child tables that the warehouse already has; a record of
    ``may_have_children`` (None = any) that has no rows for one of them now gets a marker there.
    """
    gone = [deletion.id for deletion in deletions]
    root = tables.root
    if gone:
        root = _appended(root, _root_markers(collection, business_id, gone))
    children: dict[str, pa.Table] = {}
    for name in dict.fromkeys((*tables.children, *loaded_children)):
        rows = tables.children.get(name)
        emptied = _childless(tables.record_ids, rows, may_have_children)
        table = rows if rows is not None else pa.table({})
        if emptied or gone:
            table = _appended(table, _child_markers(business_id, [*emptied, *gone]))
        if table.num_rows:
            children[name] = table
    traced = () if collection.name.startswith("_") else deletions  # our own view is no record
    return Changes(root, children, _trace(collection.name, business_id, traced, detected_at))


def _childless(
    record_ids: pa.ChunkedArray, rows: pa.Table | None, may_have: frozenset[str] | None
) -> list[str]:
    """Which records have none of ``rows`` now, of those that ``may_have`` some in the warehouse."""
    if may_have is not None and not may_have:
        return []
    if rows is not None:
        filled = pc.is_in(record_ids, value_set=rows.column(ROOT).unique())
        record_ids = record_ids.filter(pc.invert(filled))
    without: list[str] = record_ids.to_pylist()
    return without if may_have is None else [i for i in without if i in may_have]


def _appended(table: pa.Table, markers: pa.Table) -> pa.Table:
    if not table.num_rows:
        return markers
    return pa.concat_tables([table, markers], promote_options="default")


def _root_markers(collection: Collection, business_id: str, ids: Sequence[str]) -> pa.Table:
    keys = zip(*(record_id.split(KEY_SEPARATOR) for record_id in ids), strict=True)
    columns = {name: pa.array(key) for name, key in zip(collection.key, keys, strict=True)}
    return _marked({BUSINESS: _repeated(business_id, len(ids)), **columns}, len(ids))


def _child_markers(business_id: str, root_ids: Sequence[str]) -> pa.Table:
    count = len(root_ids)
    return _marked({BUSINESS: _repeated(business_id, count), ROOT: pa.array(root_ids)}, count)


def _marked(columns: Mapping[str, pa.Array], count: int) -> pa.Table:
    return pa.table({**columns, MARKER: pa.repeat(pa.scalar(True), count)})


def _repeated(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)


def _trace(
    resource: str, business_id: str, deletions: Sequence[Deletion], detected_at: datetime
) -> pa.Table:
    count, moment = len(deletions), STORED["timestamp"]
    return pa.table(
        {
            BUSINESS: _repeated(business_id, count),
            "resource": _repeated(resource, count),
            "id": pa.array([d.id for d in deletions], pa.string()),
            "deleted_at": pa.array([d.deleted_at for d in deletions], moment),
            "detected_by": pa.array([d.detected_by for d in deletions], pa.string()),
            "detected_at": pa.repeat(pa.scalar(detected_at, moment), count),
        }
    )
