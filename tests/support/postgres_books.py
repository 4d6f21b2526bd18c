"""A PostgreSQL warehouse for tests: databases of a server, and its raw schema as the oracle reads it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import httpx
import psycopg2
from dlt.common.normalizers.naming.snake_case import NamingConvention
from equals_sage import List, Tables, place, read_all
from shell import User, read_by_default

from sage_accounting.catalogue import load_catalogue

LONGEST = 63
"""Characters of a name in PostgreSQL."""
TYPES = {
    "text": "VARCHAR",
    "character varying": "VARCHAR",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A cursor, each statement committed by itself."""
    connection = psycopg2.connect(address)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def new_database(
    address: str,
    name: str,
    password: str = "unused",  # noqa: S107 - the server trusts everybody
    template: str = "template1",
) -> str:
    """The address of a new database of the server, which does not wait for the disk.

    ``template`` is a database that nobody is connected to; the new one begins as its copy.
    """
    with connected(address) as cursor:
        cursor.execute("ALTER SYSTEM SET fsync = off")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return urlsplit(address)._replace(path=f"/{name}").geturl().replace(":unused@", f":{password}@")


def full_names(user: User, business_ids: Sequence[str]) -> dict[str, str]:
    """Names of tables and columns by how dlt spells them in 63 characters."""
    tables: Tables = {}
    headers = {"Authorization": f"Bearer {user.access_token()}"}
    with httpx.Client(base_url=user.sandbox.urls["base_url"], headers=headers) as http:
        for name in read_by_default():
            read = load_catalogue()[name]
            each = List(name, read.path, read.key, read.complete, read.kind == "list")
            for business_id in business_ids:
                for record in read_all(http, each, business_id):
                    place(tables, name, read.key, business_id, record)
    columns = {column for rows in tables.values() for row in rows.values() for column in row}
    naming = NamingConvention(max_length=LONGEST)
    return {
        **{naming.normalize_path(column): column for column in columns if len(column) > LONGEST},
        **{naming.normalize_tables_path(t): t for t in tables if len(t) > LONGEST},
    }


def copy_raw_schema(address: str, path: Path, names: Mapping[str, str]) -> None:
    """The schema ``sage`` as a DuckDB file, value by value and type by type, under its full names."""
    with connected(address) as cursor, duckdb.connect() as copy:
        copy.execute(f"ATTACH '{path}' AS books")  # the file may be called like the schema
        copy.execute("USE books")
        copy.execute("SET TimeZone = 'UTC'")
        cursor.execute("SET TimeZone = 'UTC'")
        copy.execute("CREATE SCHEMA sage")
        cursor.execute(
            "SELECT table_name, column_name, data_type, numeric_precision, numeric_scale "
            "FROM information_schema.columns WHERE table_schema = 'sage' ORDER BY ordinal_position"
        )
        tables: dict[str, dict[str, str]] = {}
        for table, column, kind, precision, scale in cursor.fetchall():
            numeric = f"DECIMAL({precision},{scale})"
            tables.setdefault(table, {})[column] = TYPES.get(kind, numeric)
        for table, columns in tables.items():
            kinds = {names.get(column, column): kind for column, kind in columns.items()}
            target = f'sage."{names.get(table, table)}"'
            listed = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
            copy.execute(f"CREATE TABLE {target} ({listed})")
            chosen = ", ".join(f'"{column}"' for column in columns)
            with tempfile.NamedTemporaryFile() as file:
                cursor.copy_expert(
                    f'COPY (SELECT {chosen} FROM sage."{table}") TO STDOUT (FORMAT csv)', file
                )
                file.flush()
                copy.execute(
                    f"INSERT INTO {target} SELECT * FROM read_csv(?, columns = {kinds}, header = false, "
                    "nullstr = '', allow_quoted_nulls = false, auto_detect = false, parallel = false, "
                    "delim = ',', quote = '\"', escape = '\"')",
                    [file.name],
                )
