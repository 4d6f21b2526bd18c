"""Tables on their way to dlt: nothing lost, nothing mixed, small ones together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from dlt.extract.hints import HintsMeta
from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.catalogue import load_catalogue
from sage_accounting.handover import ROWS, Handover

CONTACTS = load_catalogue()["contacts"]
SCHEMAS = [
    pa.schema([("business_id", pa.string()), ("id", pa.int64())]),
    pa.schema([("business_id", pa.string()), ("id", pa.int64()), ("reference", pa.string())]),
]


def table(ids: Iterable[int], schema: pa.Schema = SCHEMAS[0]) -> pa.Table:
    return pa.Table.from_pylist([{"business_id": "b1", "id": i} for i in ids], schema)


def handed(tables: Iterable[tuple[str, pa.Table]]) -> list[tuple[str, pa.Table]]:
    """What dlt gets, by the name of the table."""
    handover = Handover(CONTACTS, is_distinct=True)
    items: list[Any] = [item for each in tables for item in handover.give(*each)]
    items += handover.rest()
    return [(name_of(item.meta), item.data) for item in items]


def name_of(meta: Any) -> str:
    name = meta.hints["table_name"] if isinstance(meta, HintsMeta) else meta.table_name
    return str(name)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["contacts", "contacts__links"]),
            st.sampled_from(SCHEMAS),
            st.sampled_from([0, 1, 2, ROWS - 1, ROWS]),
        ),
        max_size=8,
    )
)
def test_every_row_arrives_once_and_in_order(given_: list[tuple[str, pa.Schema, int]]) -> None:
    tables = [
        (name, table(range(10_000 * n, 10_000 * n + rows), schema))
        for n, (name, schema, rows) in enumerate(given_)
    ]
    for name in ("contacts", "contacts__links"):
        sent = [i for each, t in tables if each == name for i in t.column("id").to_pylist()]
        came = [i for each, t in handed(tables) if each == name for i in t.column("id").to_pylist()]
        assert came == sent


def test_small_tables_of_several_businesses_go_together() -> None:
    (together,) = handed([("contacts", table([n])) for n in range(50)])
    assert together[1].num_rows == 50


def test_tables_with_other_columns_stay_apart() -> None:
    tables = [table([1]), table([2], SCHEMAS[1]), table([3])]
    found = handed([("contacts", each) for each in tables])
    assert [t.column_names for _, t in found] == [t.column_names for t in tables]


def test_large_table_does_not_wait() -> None:
    assert len(list(Handover(CONTACTS, is_distinct=True).give("contacts", table(range(ROWS))))) == 1
