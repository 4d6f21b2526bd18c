"""What stands in the tables of a PostgreSQL, read without our own code, to be compared with DuckDB's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from psycopg2 import sql

Rows = list[tuple[Any, ...]]


def postgres_rows(address: str, query: str, parameters: Sequence[object] = ()) -> Rows:
    """The rows of a query."""
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall()


def postgres_execute(address: str, *statements: str) -> None:
    """Statements in one transaction."""
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def postgres_columns(address: str, schema: str) -> dict[str, list[str]]:
    """Columns by table, in their order."""
    rows = postgres_rows(
        address,
        "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = %s GROUP BY table_name",
        [schema],
    )
    return dict(rows)


def postgres_table(address: str, schema: str, table: str, columns: Sequence[str]) -> Rows:
    """The rows of a table as plain values, in an order of their own."""
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    query = sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(schema, table))
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return _plain(cursor.fetchall())


def duckdb_table(path: Path, schema: str, table: str, columns: Sequence[str]) -> Rows:
    """The same of a DuckDB file."""
    names = ", ".join(f'"{column}"' for column in columns)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS warehouse (READ_ONLY)")
        return _plain(
            connection.execute(f'SELECT {names} FROM warehouse."{schema}"."{table}"').fetchall()
        )


def duckdb_columns(path: Path, schema: str) -> dict[str, list[str]]:
    """Columns by table, in their order."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS warehouse (READ_ONLY)")
        rows = connection.execute(
            "SELECT table_name, list(column_name ORDER BY ordinal_position) "
            "FROM information_schema.columns "
            "WHERE table_catalog = 'warehouse' AND table_schema = ? GROUP BY table_name",
            [schema],
        ).fetchall()
    return dict(rows)


def _plain(rows: Rows) -> Rows:
    return sorted((tuple(map(_value, row)) for row in rows), key=repr)


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value.normalize() + 0
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict | list):
        return _json(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _json(json.loads(value))
        except ValueError:
            return value
    return value


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
