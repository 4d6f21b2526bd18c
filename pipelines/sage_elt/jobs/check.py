"""Check: the tie-outs over what was transformed."""

from __future__ import annotations

import polars as pl

import sage_unified
from sage_elt.warehouse import Warehouse
from sage_unified import checked_columns


def check(warehouse: Warehouse) -> pl.DataFrame:
    """The tie-outs: one row an outcome, as :func:`sage_unified.check` gives them."""
    tables: dict[str, pl.LazyFrame] = {}
    for schema, wanted in checked_columns().items():
        tables |= warehouse.frames(schema, wanted)
    return sage_unified.check(tables)
