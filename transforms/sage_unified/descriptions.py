"""What each table and column of the warehouse means: for ``COMMENT ON`` and for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from sage_unified.rules import rule_table


@dataclass(frozen=True)
class Description:
    """Of one table."""

    table: str
    columns: Mapping[str, str]
    """In the order of the table."""


def describe(schema: str, table: str) -> Description:
    """The meaning of a table of ``unified`` or ``marts`` and of its columns.

    Source: unified_tables.csv, unified_model.csv, marts.csv, mart_columns.csv.
    """
    if schema == "marts":
        one = rule_table("marts").row(by_predicate=pl.col("mart") == table, named=True)
        columns = rule_table("mart_columns").filter(pl.col("mart") == table)
        grain = str(one["grain"]).removeprefix("one row per ")
        text = f"One row per {grain}."
    else:
        one = rule_table("unified_tables").row(by_predicate=pl.col("table") == table, named=True)
        columns = rule_table("unified_model").filter(pl.col("table") == table)
        text = f"{one['meaning']}."
    return Description(text, dict(zip(columns["column"], columns["meaning"], strict=True)))
