"""The floor: the fastest script that a good engineer would write by hand for these lists.

    python -m benchmarks.floor BASE_URL TOKEN BUSINESS_ID FOLDER

httpx in threads, the bytes of many pages to Arrow's JSON reader at once with their exact schema, dates
and times cast, nested fields and lists to flat tables, Arrow to DuckDB, while later pages are still being
fetched. Same tables, columns, types and keys as ours; but no check that a list is whole, no retry,
no cursor, no deletion, no field that it does not know, no package that can be loaded again.
"""

from __future__ import annotations

import sys
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from benchmarks.pages import Api, Fetcher, Shape, batches, shapes

WIRE = {
    "text": pa.string(),
    "decimal": pa.decimal128(38, 12),
    "rate": pa.decimal128(38, 18),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.string(),
    "timestamp": pa.string(),
}
CASTS = {"date": pa.date32(), "timestamp": pa.timestamp("us", tz="UTC")}
PAGES = 32
"""Parsed at once."""
BLOCK = 4 * 1024 * 1024
"""Holds the largest page, and several small ones."""


def main(base_url: str, token: str, business: str, folder: str) -> None:
    with (
        duckdb.connect(f"{folder}/books.duckdb") as warehouse,
        Fetcher(Api(base_url, token, business)) as fetcher,
    ):
        warehouse.execute("CREATE SCHEMA sage")
        known = shapes()
        pages = fetcher.lists()
        for name in list(pages):
            tables: dict[str, list[pa.Table]] = {}
            for bodies in batches(pages.pop(name), PAGES):
                flatten(name, business, known[name], parse(bodies, known[name]), tables)
            for table, parts in tables.items():
                incoming = pa.concat_tables(parts)  # noqa: F841 - the query reads it
                warehouse.execute(f'CREATE TABLE sage."{table}" AS SELECT * FROM incoming')


def parse(bodies: list[bytes], shape: dict[str, Shape]) -> pa.StructArray:
    """The records of all pages."""
    table = pj.read_json(
        pa.BufferReader(b"\n".join(bodies)),
        read_options=pj.ReadOptions(block_size=BLOCK),
        parse_options=pj.ParseOptions(
            explicit_schema=pa.schema([("$items", pa.list_(wire(shape)))]),
            unexpected_field_behavior="ignore",
        ),
    )
    lists = table.column("$items").combine_chunks()
    return pc.list_flatten(lists)


def wire(shape: Shape) -> pa.DataType:
    if isinstance(shape, str):
        return WIRE[shape]
    if isinstance(shape, list):
        return pa.list_(wire(shape[0]))
    return pa.struct([(name, wire(field)) for name, field in shape.items()])


def flatten(
    name: str,
    business: str,
    shape: dict[str, Shape],
    records: pa.StructArray,
    tables: dict[str, list[pa.Table]],
) -> None:
    """Add the records, and the rows of their lists, to the tables of a list."""
    columns: dict[str, pa.Array] = {}
    lists: dict[str, tuple[Shape, pa.ListArray]] = {}
    spread(records, shape, "", columns, lists)
    ids = columns["id"]
    keep(tables, name, business, columns, len(records))
    for child, (item, array) in lists.items():
        explode(f"{name}__{child}", business, item, array, ids, None, tables)


def spread(
    records: pa.StructArray,
    shape: dict[str, Shape],
    prefix: str,
    columns: dict[str, pa.Array],
    lists: dict[str, tuple[Shape, pa.ListArray]],
) -> None:
    for array, (name, field) in zip(records.flatten(), shape.items(), strict=True):
        full = prefix + name.removeprefix("$")
        if isinstance(field, dict):
            spread(array, field, f"{full}__", columns, lists)
        elif isinstance(field, list):
            lists[full] = field[0], array
        elif field in CASTS:
            columns[full] = pc.if_else(pc.equal(array, ""), None, array).cast(CASTS[field])
        else:
            columns[full] = array


def explode(
    name: str,
    business: str,
    item: Shape,
    lists: pa.ListArray,
    roots: pa.Array,
    parent_index: pa.Array | None,
    tables: dict[str, list[pa.Table]],
) -> None:
    elements = pc.list_flatten(lists)
    if not len(elements):
        return
    parents = pc.list_parent_indices(lists)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).cast(pa.int64())
    starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
    index = pc.subtract(pa.arange(0, len(elements)), starts.take(parents))
    ids = roots.take(parents)
    columns: dict[str, pa.Array] = {"_root_id": ids, "_list_idx": index}
    if parent_index is not None:
        columns["_parent_list_idx"] = parent_index.take(parents)
    inner: dict[str, tuple[Shape, pa.ListArray]] = {}
    assert isinstance(item, dict)
    spread(elements, item, "", columns, inner)
    keep(tables, name, business, columns, len(elements))
    for child, (below, array) in inner.items():
        explode(f"{name}__{child}", business, below, array, ids, index, tables)


def keep(
    tables: dict[str, list[pa.Table]], name: str, business: str, columns: dict[str, Any], rows: int
) -> None:
    table = pa.table({"business_id": pa.repeat(pa.scalar(business), rows), **columns})
    tables.setdefault(name, []).append(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
