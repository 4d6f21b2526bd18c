"""What is in a warehouse, to hold contenders to the same result."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import duckdb

AMOUNTS = ("total_amount", "net_amount", "tax_amount", "amount", "debit", "credit")
"""Columns that are summed where a table has them."""

Contents = Mapping[str, tuple[int, Mapping[str, Decimal]]]
"""Rows and sums of amounts by table."""


def columns_of(path: Path) -> dict[str, dict[str, str]]:
    """Types by column by table of the schema ``sage``, without dlt's and our own tables and columns."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'sage'"
        ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        if not table.startswith("_") and not column.startswith("_dlt"):
            found.setdefault(table, {})[column] = kind
    return found


def contents_of(path: Path) -> Contents:
    """Of every table that has rows."""
    found = {}
    columns = columns_of(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        for table, kinds in columns.items():
            amounts = [name for name in AMOUNTS if name in kinds]
            # to four places: read_json and rest_api take numbers through floats
            sums = "".join(f", sum(CAST({name} AS DECIMAL(28, 4)))" for name in amounts)
            row = connection.execute(f'SELECT count(*){sums} FROM sage."{table}"').fetchone()
            assert row is not None
            if row[0]:
                pairs = zip(amounts, row[1:], strict=True)
                found[table] = row[0], {name: total for name, total in pairs if total is not None}
    return found


def differences(one: Contents, other: Contents) -> list[str]:
    """Tables whose rows or sums differ, in words."""
    return [
        f"{table}: {one.get(table)} against {other.get(table)}"
        for table in sorted({*one, *other})
        if one.get(table) != other.get(table)
    ]
