"""Joins of any number of rows with a small table, without holding the rows in memory.

Polars' streaming engine streams a join, but for one that it is to validate: then it collects both sides
first, 5 million ledger entries for the sake of 49 accounts. So here the table is validated by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl


def look_up(
    rows: pl.LazyFrame,
    table: pl.LazyFrame,
    on: str | Sequence[str],
    how: Literal["left", "inner"] = "left",
) -> pl.LazyFrame:
    """``rows`` with the other columns of ``table``, in which each key may stand once; in no order.

    As ``rows.join(table, on=on, how=how, validate="m:1")``, and raises the same error when collected.
    """
    keys = [on] if isinstance(on, str) else list(on)

    def validated(found: pl.DataFrame) -> pl.DataFrame:
        known = found.drop_nulls(keys)
        if known.select(keys).is_duplicated().any():
            raise pl.exceptions.ComputeError(f"a key of {', '.join(keys)} stands twice")
        return found

    unique = table.map_batches(validated, validate_output_schema=False)
    return rows.join(unique, on=keys, how=how)
