"""A partial load is completed with empty tables and null columns."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from sage_unified.raw import RAW, complete


def test_every_table_is_there_after_loading_nothing() -> None:
    completed = complete({})
    assert {name: dict(f.collect_schema()) for name, f in completed.items()} == {
        name: dict(columns) for name, columns in RAW.items()
    }


def test_missing_columns_are_null_and_unknown_ones_fall_out() -> None:
    raw = {"journal_codes": pl.LazyFrame({"id": ["j"], "added_by_sage": [1]})}
    assert complete(raw)["journal_codes"].collect().rows() == [(None, "j", None)]


def test_amounts_keep_their_places() -> None:
    raw = {"ledger_entries": pl.LazyFrame({"debit": [Decimal("0.123456789012")]})}
    found = complete(raw)["ledger_entries"].collect()["debit"].to_list()
    assert found == [Decimal("0.123456789012")]
