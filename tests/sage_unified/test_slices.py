"""Slices of a large ledger."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.slices import Slice, ledger_slices

FIRST = date(2023, 1, 1)
ENTRIES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 700)), max_size=60)
"""Transaction and day of each entry."""


def ledger(entries: list[tuple[int, int]]) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "transaction__id": [f"t{transaction}" for transaction, _ in entries],
            "date": [FIRST + timedelta(days=day) for _, day in entries],
        },
        schema={"transaction__id": pl.String, "date": pl.Date},
    )


def slices_of(frame: pl.LazyFrame, rows: int, by_month: bool) -> list[Slice]:
    slices = ledger_slices(frame, rows)
    return slices.months if by_month else slices.days


@given(entries=ENTRIES, rows=st.integers(1, 20), by_month=st.booleans())
def test_every_entry_is_in_one_slice(
    entries: list[tuple[int, int]], rows: int, by_month: bool
) -> None:
    frame = ledger(entries)
    parts = [one.of(frame).collect() for one in slices_of(frame, rows, by_month)]
    assert pl.concat(parts).sort(pl.all()).equals(frame.collect().sort(pl.all()))


@given(entries=ENTRIES, rows=st.integers(1, 20), by_month=st.booleans())
def test_no_transaction_is_in_two_slices(
    entries: list[tuple[int, int]], rows: int, by_month: bool
) -> None:
    frame = ledger(entries)
    seen: set[str] = set()
    for one in slices_of(frame, rows, by_month):
        found = set(one.of(frame).collect()["transaction__id"])
        assert not found & seen
        seen |= found


@given(entries=ENTRIES, rows=st.integers(1, 20))
def test_slices_by_month_end_with_one(entries: list[tuple[int, int]], rows: int) -> None:
    slices = ledger_slices(ledger(entries), rows).months
    ends = [one.last for one in slices if one.last]
    assert all((end + timedelta(days=1)).day == 1 for end in ends)


def test_entry_without_a_date_is_in_the_first_slice() -> None:
    frame = pl.concat(
        [ledger([(1, 0), (2, 100), (3, 200)]), ledger([(4, 0)]).with_columns(date=None)]
    )
    first, *others = ledger_slices(frame, 1).days
    assert others
    assert "t4" in first.of(frame).collect()["transaction__id"]
