"""The tables of ``unified`` and ``marts`` in a DuckDB file: what they were built from, and their exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import duckdb

from sage_elt.warehouse import Warehouse, columns_of, count_rows, quoted
from sage_unified import TABLES, describe, duckdb_types

TableName: TypeAlias = tuple[str, str]
"""Schema and name."""
Fingerprints: TypeAlias = Mapping[str, str]
"""By business."""
Files: TypeAlias = Mapping[TableName, Sequence[Path]]
"""The rows of tables, as Parquet files."""

BUILDS_TABLE: Final = "_builds"
BUILDS: Final = f"unified.{BUILDS_TABLE}"
SCHEMAS: Final = ("unified", "marts")
COLUMNS: Final[Mapping[TableName, dict[str, str]]] = {
    (t.schema, t.name): dict(duckdb_types(t.schema, t.name)) for t in TABLES
}
"""Columns of each table and their DuckDB types, in order."""


class BuiltTables(Protocol):
    """Where the built tables are kept, in a file or on a server."""

    def fingerprints(self) -> Fingerprints | None:
        """What the tables of each business were built from; None when tables are missing or other ones."""
        ...

    def replace(self, files: Files, built: Fingerprints, gone: Sequence[str]) -> None:
        """The rows of the businesses in ``built`` become those of ``files``; those of ``gone`` go."""
        ...

    def counts(self) -> dict[TableName, int]:
        """Rows by table."""
        ...


class TablesInFile:
    """The built tables of a DuckDB file."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def fingerprints(self) -> Fingerprints | None:
        with self._warehouse.reading() as connection:
            present = {
                (schema, table): columns
                for schema in SCHEMAS
                for table, columns in columns_of(connection, schema).items()
            }
            if ("unified", BUILDS_TABLE) not in present:
                return None
            if any(present.get(name) != list(columns) for name, columns in COLUMNS.items()):
                return None
            rows = connection.execute(f"SELECT business_id, fingerprint FROM {BUILDS}").fetchall()
            return dict(rows)

    def replace(self, files: Files, built: Fingerprints, gone: Sequence[str]) -> None:
        """In one transaction; the tables are created anew when no other business has rows in them."""
        before = self.fingerprints()
        businesses = [*built, *gone]
        anew = before is None or before.keys() <= set(businesses)
        with self._warehouse.writing() as connection:
            _replace(connection, files, businesses, anew=anew)
            _store(connection, built, gone, anew=anew)

    def counts(self) -> dict[TableName, int]:
        with self._warehouse.reading() as connection:
            return {
                (schema, name): count_rows(connection, f'"{schema}"."{name}"')
                for schema, name in COLUMNS
            }


def _replace(
    connection: duckdb.DuckDBPyConnection,
    files: Files,
    businesses: Sequence[str],
    *,
    anew: bool,
) -> None:
    """The rows of ``businesses`` become those of ``files``; ``anew`` when there are no others."""
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    if not anew:
        # has no business of its own: its rows go while their rates still tell whose they are
        connection.execute(
            "DELETE FROM unified.bridge_tax_rate_component WHERE tax_rate_key IN "
            "(SELECT tax_rate_key FROM unified.dim_tax_rate WHERE list_contains(?, business_id))",
            [businesses],
        )
    for (schema, table), types in COLUMNS.items():
        name = f'"{schema}"."{table}"'
        found = files.get((schema, table), [])
        if anew:
            columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
            connection.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
            _comment(connection, schema, table)
        elif "business_id" in types:
            connection.execute(
                f"DELETE FROM {name} WHERE list_contains(?, business_id)", [businesses]
            )
        if found:
            casts = ", ".join(f'CAST("{column}" AS {kind})' for column, kind in types.items())
            listed = ", ".join(f"'{quoted(path)}'" for path in found)
            connection.execute(f"INSERT INTO {name} SELECT {casts} FROM read_parquet([{listed}])")


def _comment(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    description = describe(schema, table)
    name = f'"{schema}"."{table}"'
    connection.execute(f"COMMENT ON TABLE {name} IS '{quoted(description.table)}'")
    for column, text in description.columns.items():
        connection.execute(f"COMMENT ON COLUMN {name}.\"{column}\" IS '{quoted(text)}'")


def _store(
    connection: duckdb.DuckDBPyConnection, built: Fingerprints, gone: Sequence[str], *, anew: bool
) -> None:
    connection.execute(
        f"CREATE {'OR REPLACE TABLE' if anew else 'TABLE IF NOT EXISTS'} {BUILDS} "
        "(business_id VARCHAR PRIMARY KEY, fingerprint VARCHAR NOT NULL, built_at TIMESTAMPTZ)"
    )
    connection.execute(f"DELETE FROM {BUILDS} WHERE list_contains(?, business_id)", [list(gone)])
    for business, fingerprint in built.items():
        connection.execute(
            f"INSERT OR REPLACE INTO {BUILDS} VALUES (?, ?, now())", [business, fingerprint]
        )
