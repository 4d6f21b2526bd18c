"""Transform: the raw schema to the schemas unified and marts."""

from __future__ import annotations

from collections.abc import Sequence

import pendulum

from sage_elt.builds import build_changed
from sage_elt.overrides import load_overrides
from sage_elt.published_tables import TablesAtDestination
from sage_elt.warehouse import RAW_SCHEMA, Warehouse
from sage_elt.working_copies import working_copy
from sage_unified import raw_columns


def transform(
    warehouse: Warehouse, *, businesses: Sequence[str] = ()
) -> dict[tuple[str, str], int]:
    """The raw schema to the schemas unified and marts; rows by (schema, table).

    Only the businesses whose raw rows changed are built, all in one transaction: interrupted, the old
    tables stand. With ``businesses`` only those are looked at.
    """
    today = pendulum.today("UTC").date()
    overrides = load_overrides(warehouse)
    if warehouse.path is not None:
        return build_changed(warehouse, today, overrides, businesses)
    tables = TablesAtDestination(warehouse, is_partial=bool(businesses))
    with working_copy(warehouse, {RAW_SCHEMA: raw_columns()}, businesses) as copy:
        return build_changed(copy, today, overrides, businesses, tables)
