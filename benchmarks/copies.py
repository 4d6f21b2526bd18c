"""A warehouse with books of any size: those of a sandbox's business, copied within the file.

    python -m benchmarks.copies WAREHOUSE TIMES

Contacts and everything that happened (documents, payments, ledger entries and what hangs on them) is
there once more under other ids and numbers for each copy; accounts, tax rates and settings are shared,
and Sage's own balances are as many times what they were. So the books are as coherent as the sandbox's,
and every tie-out holds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from sage_unified import raw_columns

COPIED = (
    "bank_deposits",
    "bank_transfers",
    "contact_allocations",
    "contact_opening_balances",
    "contact_payments",
    "contacts",
    "ledger_entries",
    "other_payments",
    "purchase_corrective_invoices",
    "purchase_credit_notes",
    "purchase_invoices",
    "purchase_quick_entries",
    "sales_corrective_invoices",
    "sales_credit_notes",
    "sales_invoices",
    "sales_quick_entries",
    "transactions",
)
"""The resources of which each copy has its own records, child tables included."""
NUMBERS = ("credit_note_number", "displayed_as", "invoice_number", "reference", "vendor_reference")
"""Columns with numbers for people, which are given once."""
BALANCES = {
    "_ledger_account_balances": (
        "balance_details__balance",
        "balance_details__credits",
        "balance_details__debits",
    ),
    "bank_accounts": ("balance",),
}
"""What Sage itself says of shared records."""
MEMORY_LIMIT = "2GB"


def copy_books(path: Path, times: int) -> None:
    """Have the books in the warehouse ``path`` ``times`` over; only tables that the transforms read."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("SET preserve_insertion_order = false")
        present = _columns(connection)
        read = [table for table in raw_columns() if "id" in present.get(table, ())]
        copied = [table for table in present if table in raw_columns() and _root(table) in COPIED]
        shared = " UNION ALL ".join(
            f'SELECT id FROM sage."{table}"' for table in read if _root(table) not in COPIED
        )
        connection.execute(
            f"CREATE TEMP TABLE shared AS SELECT DISTINCT id FROM ({shared}) WHERE id IS NOT NULL"
        )
        for table in copied:
            own = _columns_with_own_ids(connection, table, present[table])
            _copy(connection, table, own, [c for c in NUMBERS if c in present[table]], times)
        for table, columns in BALANCES.items():
            if table in present:
                known = [column for column in columns if column in present[table]]
                sets = ", ".join(f"{column} = {column} * {times}" for column in known)
                connection.execute(f"UPDATE sage.{table} SET {sets}")


def _root(table: str) -> str:
    """The resource of a table or of a child table."""
    return table.split("__")[0]


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Types by column by table of the raw schema."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'sage' AND table_catalog = current_catalog()"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _columns_with_own_ids(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]
) -> list[str]:
    """Columns that name records of which each copy has its own, also such as only hang on others."""
    texts = [
        column
        for column, kind in columns.items()
        if kind == "VARCHAR" and column.endswith("id") and column != "business_id"
    ]
    counts = ", ".join(
        f'(SELECT count(*) FROM sage."{table}" WHERE {_is_own(column)})' for column in texts
    )
    found = connection.execute(f"SELECT {counts}").fetchone() if texts else ()
    assert found is not None
    return [column for column, count in zip(texts, found, strict=True) if count]


def _is_own(column: str) -> str:
    """Ids that are words (GB_STANDARD) or the business's are everybody's."""
    return (
        f'("{column}" NOT IN (FROM shared) AND "{column}" <> business_id '
        f'AND length("{column}") = 32 AND "{column}" = lower("{column}"))'
    )


def _copy(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    own: Sequence[str],
    numbers: Sequence[str],
    times: int,
) -> None:
    changed = [
        f"CASE WHEN {_is_own(column)} THEN md5(\"{column}\" || '-' || copy) "
        f'ELSE "{column}" END AS "{column}"'
        for column in own
    ]
    changed += [f'"{column}" || \'-\' || copy AS "{column}"' for column in numbers]
    replaced = f"REPLACE ({', '.join(changed)})" if changed else ""
    connection.execute(
        f'INSERT INTO sage."{table}" BY NAME SELECT * EXCLUDE (copy) {replaced} FROM '
        f'(SELECT * FROM sage."{table}" CROSS JOIN range(1, {times}) AS copies(copy))'
    )


if __name__ == "__main__":
    copy_books(Path(sys.argv[1]), int(sys.argv[2]))
