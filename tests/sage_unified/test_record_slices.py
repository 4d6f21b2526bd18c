"""Slices of many documents and payments."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified.raw import complete
from sage_unified.record_slices import record_slices, sliced_by_record

IDS = st.lists(st.text("0123456789abcdef", min_size=1, max_size=3), max_size=60)


def documents(ids: list[str]) -> dict[str, pl.LazyFrame]:
    """Raw tables with a sales invoice of each id and a line of it."""
    invoices: dict[str, Any] = {"id": ids}
    lines: dict[str, Any] = {"_root_id": ids}
    return complete(
        {
            "sales_invoices": pl.LazyFrame(invoices, schema={"id": pl.String}),
            "sales_invoices__invoice_lines": pl.LazyFrame(lines, schema={"_root_id": pl.String}),
        }
    )


def parts(ids: list[str], rows: int | None) -> list[tuple[list[str], list[str]]]:
    """The invoices, and the invoices of lines, of each slice."""
    raw = documents(ids)
    names = ("sales_invoices", "sales_invoices__invoice_lines")
    return [
        (
            inputs[names[0]].collect()["id"].to_list(),
            inputs[names[1]].collect()["_root_id"].to_list(),
        )
        for inputs in sliced_by_record("fct_document_line", raw, record_slices(raw, rows))
    ]


@settings(max_examples=30, deadline=None)
@given(ids=IDS, rows=st.integers(1, 40))
def test_every_document_is_in_one_slice(ids: list[str], rows: int) -> None:
    found = [one for invoices, _ in parts(ids, rows) for one in invoices]
    assert sorted(found) == sorted(ids)


@settings(max_examples=30, deadline=None)
@given(ids=IDS, rows=st.integers(1, 40))
def test_document_and_its_lines_are_in_the_same_slice(ids: list[str], rows: int) -> None:
    assert all(sorted(invoices) == sorted(lines) for invoices, lines in parts(ids, rows))


@settings(max_examples=30, deadline=None)
@given(ids=IDS, rows=st.integers(1, 40))
def test_slices_follow_each_other_in_the_order_of_ids(ids: list[str], rows: int) -> None:
    found = [sorted(invoices) for invoices, _ in parts(ids, rows) if invoices]
    assert all(one[-1] < other[0] for one, other in pairwise(found))


def test_many_documents_are_more_than_one_slice() -> None:
    assert len(parts([f"{n:04x}" for n in range(1000)], 200)) > 5


def test_without_a_number_of_rows_there_is_one_slice() -> None:
    assert len(parts(["a", "b"], None)) == 1
