"""The marts as tables: columns of the contract, each described, keys without a second row."""

from __future__ import annotations

import polars as pl
import pytest

from sage_unified.marts.tables import MARTS, mart_columns
from sage_unified.model import duckdb_types
from sage_unified.rules import rule_table

CONTRACT = dict(rule_table("marts").select("mart", "columns").iter_rows())
AS_FCT_TAX_LINE = "vat_lines"
AS_RECEIVABLES = "aged_payables"


def promised(mart: str) -> list[str]:
    """Column names of the contract, without what it says of them in brackets or beside."""
    if mart == AS_FCT_TAX_LINE:
        return [*duckdb_types("unified", "fct_tax_line"), "boxes"]
    text = CONTRACT["aged_receivables" if mart == AS_RECEIVABLES else mart]
    words = [part.split("(")[0].split(" plus ")[0].strip() for part in text.split(",")]
    return [word for word in words if word.isidentifier()]


@pytest.mark.parametrize("mart", sorted(CONTRACT))
def test_mart_has_the_columns_of_the_contract(mart: str) -> None:
    assert set(promised(mart)) <= set(mart_columns(mart))


def test_every_mart_of_the_contract_is_built() -> None:
    assert {table.name for table in MARTS} == set(CONTRACT)


def test_every_column_has_a_meaning() -> None:
    assert rule_table("mart_columns").filter(pl.col("meaning").str.len_chars() < 5).is_empty()


def test_columns_are_sorted_by_mart() -> None:
    marts = rule_table("mart_columns")["mart"].unique(maintain_order=True).to_list()
    assert marts == sorted(marts)
