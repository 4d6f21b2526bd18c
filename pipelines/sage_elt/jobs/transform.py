"""Transform: the raw schema to the schemas unified and marts."""

from __future__ import annotations

import pendulum

from sage_elt.builds import build_changed
from sage_elt.overrides import load_overrides
from sage_elt.warehouse import Warehouse


def transform(warehouse: Warehouse) -> dict[tuple[str, str], int]:
    """The raw schema to the schemas unified and marts; rows by (schema, table).

    Only the businesses whose raw rows changed are built, all in one transaction: interrupted, the old
    tables stand.
    """
    return build_changed(warehouse, pendulum.today("UTC").date(), load_overrides(warehouse))
