"""Arrow records to flat tables: a root table and one table for each list inside.

Names: ``$path`` becomes ``path``, nested fields are joined with ``__``. Keys of a child row:
``business_id``, ``_root_id`` (the record's id), ``_list_idx`` (0-based), and from the second level
on ``_parent_list_idx``; lists of scalars have a ``value`` column. "" in a date or time is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from sage_accounting.catalogue import Collection
from sage_accounting.conform import undecodable
from sage_accounting.misfits import TEXT_VARIANT
from sage_accounting.shapes import STORED, ListOf, Scalar, ScalarKind, Shape, Struct

Columns: TypeAlias = dict[str, pa.Array]

BUSINESS = "business_id"
ROOT = "_root_id"
INDEX = "_list_idx"
PARENT_INDEX = "_parent_list_idx"
VALUE = "value"
KEY_SEPARATOR = "/"


@dataclass(frozen=True)
class Tables:
    """A list's records, flat."""

    root: pa.Table
    """``business_id``, then the record's fields; no columns at all when there are no records."""
    record_ids: pa.ChunkedArray
    """One text a row of ``root``: its id, or the key that stands in for one."""
    children: Mapping[str, pa.Table] = field(default_factory=dict)
    """By name below the root table: ``invoice_lines``, ``invoice_lines__tax_breakdown``."""

    @property
    def nbytes(self) -> int:
        return sum(int(table.nbytes) for table in (self.root, *self.children.values()))


NO_TABLES = Tables(pa.table({}), pa.chunked_array([], pa.string()))


def flatten(
    collection: Collection, business_id: str, shape: Struct, parts: Iterable[pa.StructArray]
) -> Tables:
    """All records in ``parts`` as flat tables with the keys of ``business_id``.

    A date or time that is none stands as text beside its column (:mod:`misfits`).
    """
    flat = [
        _flatten_run(collection, business_id, shape, _joined(list(run)))
        for _, run in groupby((part for part in parts if len(part)), key=lambda part: part.type)
    ]
    return stacked(flat)


def stacked(parts: Sequence[Tables]) -> Tables:
    """The records of all parts, in order; a column that some lack is null there."""
    parts = [part for part in parts if part.root.num_rows]
    if len(parts) < 2:
        return parts[0] if parts else NO_TABLES
    names = dict.fromkeys(name for part in parts for name in part.children)
    return Tables(
        root=_stacked([part.root for part in parts]),
        record_ids=pa.chunked_array(
            [chunk for part in parts for chunk in part.record_ids.chunks], pa.string()
        ),
        children={
            name: _stacked([part.children[name] for part in parts if name in part.children])
            for name in names
        },
    )


def _joined(arrays: Sequence[pa.StructArray]) -> pa.StructArray:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _stacked(tables: Sequence[pa.Table]) -> pa.Table:
    """One table; a column that some part lacks is null there."""
    return pa.concat_tables(tables, promote_options="default")


def _flatten_run(
    collection: Collection, business_id: str, shape: Struct, records: pa.StructArray
) -> Tables:
    columns: Columns = {}
    lists: dict[str, tuple[ListOf, pa.ListArray]] = {}
    _spread(records, shape, "", columns, lists)
    ids = _record_ids(collection, business_id, columns, len(records))
    children: dict[str, pa.Table] = {}
    for name, (inner, array) in lists.items():
        _explode(name, inner, array, business_id, ids, None, children)
    return Tables(_keyed(columns, business_id, len(records)), pa.chunked_array([ids]), children)


def _spread(
    records: pa.StructArray,
    shape: Struct,
    prefix: str,
    columns: Columns,
    lists: dict[str, tuple[ListOf, pa.ListArray]],
) -> None:
    """Sort a struct's fields into flat columns and lists."""
    arrays = dict(zip((f.name for f in records.type), records.flatten(), strict=True))
    for name, inner in shape.fields:
        if name not in arrays or pa.types.is_null(arrays[name].type):
            continue  # these records lack it, or had only null in it before its shape was known
        full = f"{prefix}{name.removeprefix('$')}"
        if isinstance(inner, Struct):
            _spread(arrays[name], inner, f"{full}__", columns, lists)
        elif isinstance(inner, ListOf):
            lists[full] = (inner, arrays[name])
        else:
            _store(arrays[name], inner.kind, full, columns)


def _explode(
    name: str,
    shape: ListOf,
    lists: pa.ListArray,
    business_id: str,
    root_ids: pa.Array,
    parent_index: pa.Array | None,
    tables: dict[str, pa.Table],
) -> None:
    """One row an element of ``lists``, into ``tables`` under ``name``; then its own lists."""
    parents = pc.list_parent_indices(lists)
    elements = pc.list_flatten(lists)
    if not len(elements):
        return
    lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())
    starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
    index = pc.subtract(pa.arange(0, len(elements)), starts.take(parents))
    roots = root_ids.take(parents)
    columns: Columns = {ROOT: roots, INDEX: index}
    if parent_index is not None:
        columns[PARENT_INDEX] = parent_index.take(parents)
    inner_lists: dict[str, tuple[ListOf, pa.ListArray]] = {}
    if isinstance(shape.item, Struct):
        _spread(elements, shape.item, "", columns, inner_lists)
    elif isinstance(shape.item, Scalar):
        _store(elements, shape.item.kind, VALUE, columns)
    else:
        inner_lists[VALUE] = (shape.item, elements)
    tables[name] = _keyed(columns, business_id, len(elements))
    for inner_name, (inner, array) in inner_lists.items():
        _explode(f"{name}__{inner_name}", inner, array, business_id, roots, index, tables)


def _keyed(columns: Columns, business_id: str, count: int) -> pa.Table:
    return pa.table({BUSINESS: pa.repeat(pa.scalar(business_id), count), **columns})


def _record_ids(collection: Collection, business_id: str, columns: Columns, count: int) -> pa.Array:
    if collection.kind == "singleton":
        return pa.repeat(pa.scalar(business_id), count)
    missing = [key for key in collection.key if key not in columns]
    if missing:
        raise undecodable(", ".join(missing), "nothing although it is the key of the record")
    parts = [columns[key] for key in collection.key]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, KEY_SEPARATOR)


def _store(array: pa.Array, kind: ScalarKind, name: str, columns: Columns) -> None:
    """Add a column in the type it is kept in; dates and times come as text."""
    if kind not in ("date", "timestamp"):
        columns[name] = array
        return
    text = pc.if_else(pc.equal(array, ""), None, array)
    try:
        columns[name] = _moments(text, kind)
    except pa.ArrowInvalid:
        fits = pa.array([_is_moment(value, kind) for value in text])
        columns[name] = _moments(pc.if_else(fits, text, None), kind)
        columns[f"{name}{TEXT_VARIANT}"] = pc.if_else(fits, None, text)


def _moments(text: pa.Array, kind: ScalarKind) -> pa.Array:
    if kind == "date":  # some dates come as a moment: 1900-01-01T00:00:00
        return pc.utf8_slice_codeunits(text, 0, 10).cast(STORED[kind])
    try:
        return text.cast(STORED[kind])
    except pa.ArrowInvalid:  # a bare date, or a time without zone: UTC
        dated = pc.replace_substring_regex(text, r"^(\d{4}-\d\d-\d\d)$", r"\1T00:00:00")
        zoned = pc.replace_substring_regex(dated, r"(:\d\d(?:\.\d+)?)$", r"\1Z")
        return zoned.cast(STORED[kind])


def _is_moment(value: pa.Scalar, kind: ScalarKind) -> bool:
    try:
        _moments(pa.array([value.as_py()], pa.string()), kind)
    except pa.ArrowInvalid:
        return False
    return True


__all__ = ["BUSINESS", "INDEX", "NO_TABLES", "PARENT_INDEX", "ROOT", "Shape", "Tables", "flatten"]
