"""Check: the tie-outs over what was transformed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

import sage_unified
from sage_elt.warehouse import Warehouse
from sage_elt.working_copies import scanned
from sage_unified import checked_columns


def check(warehouse: Warehouse, *, businesses: Sequence[str] = ()) -> pl.DataFrame:
    """The tie-outs: one row an outcome, as :func:`sage_unified.check` gives them.

    With ``businesses`` only theirs.
    """
    with scanned(warehouse, checked_columns(), businesses) as tables:
        return sage_unified.check(tables)
