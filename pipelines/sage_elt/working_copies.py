"""A working copy: what a job needs of a warehouse on a server, in a DuckDB file for as long as it works.

Transforms and exports are written once, for DuckDB. For any other destination the tables that they read are
copied, with the types that they have there, into a file of their own, which is removed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

import duckdb
import polars as pl
import pyarrow.parquet as pq
from dlt.common.pipeline import get_dlt_pipelines_dir

from sage_elt.datasets import Dataset
from sage_elt.dlt_types import duckdb_types
from sage_elt.duckdb_file import duckdb_destination
from sage_elt.warehouse import MEMORY_LIMIT, Warehouse, columns_of, quoted, selection

Wanted: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]
"""Columns by schema and table."""

_FILE: Final = "copy.duckdb"


@contextmanager
def working_copy(
    warehouse: Warehouse, wanted: Wanted, businesses: Sequence[str] = ()
) -> Iterator[Warehouse]:
    """A DuckDB file with the wanted columns of the wanted tables, as far as they exist.

    With ``businesses`` only their rows. A warehouse that is a DuckDB file is its own working copy, whole.
    Tables are read one after the other: what is loaded meanwhile may be in some of them. Raises
    ``WarehouseError``.
    """
    if warehouse.path is not None:
        yield warehouse
        return
    with warehouse.named_errors(), workspace(warehouse) as folder:
        path = folder / _FILE
        with duckdb.connect(path) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            for schema, tables in wanted.items():
                connection.execute(f'CREATE SCHEMA "{schema}"')
                _copy(connection, warehouse.dataset(schema), tables, businesses)
        yield Warehouse(duckdb_destination(path), path)


@contextmanager
def scanned(
    warehouse: Warehouse, wanted: Wanted, businesses: Sequence[str] = ()
) -> Iterator[dict[str, pl.LazyFrame]]:
    """The wanted columns of the wanted tables by name, read from files when they are worked on.

    With ``businesses`` only their rows. Polars then reads the columns it works on and no more, whatever
    the size of a table. Raises ``WarehouseError``.
    """
    with workspace(warehouse) as folder:
        if warehouse.path is not None:
            files = _spool(warehouse, wanted, businesses, folder)
        else:
            files = _download(warehouse, wanted, businesses, folder)
        yield {name: pl.scan_parquet(path) for name, path in files.items()}


@contextmanager
def workspace(warehouse: Warehouse) -> Iterator[Path]:
    """A folder where there is room for data, until the end: beside the file, or dlt's working folders."""
    root = warehouse.path.resolve().parent if warehouse.path else Path(get_dlt_pipelines_dir())
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".sage_elt_", dir=root) as folder:
        yield Path(folder)


def _spool(
    warehouse: Warehouse, wanted: Wanted, businesses: Sequence[str], folder: Path
) -> dict[str, Path]:
    """From a DuckDB file, all of one moment."""
    files: dict[str, Path] = {}
    with warehouse.reading() as connection:
        connection.execute("BEGIN")
        for schema, tables in wanted.items():
            present = columns_of(connection, schema)
            for table, columns in tables.items():
                if found := [column for column in columns if column in present.get(table, ())]:
                    files[table] = folder / f"{schema}.{table}.parquet"
                    sql, bound = selection(schema, table, found, businesses)
                    target = f"'{quoted(files[table])}' (FORMAT parquet, COMPRESSION lz4)"
                    connection.execute(f"COPY ({sql}) TO {target}", bound)
    return files


def _download(
    warehouse: Warehouse, wanted: Wanted, businesses: Sequence[str], folder: Path
) -> dict[str, Path]:
    """From a server."""
    files: dict[str, Path] = {}
    for schema, tables in wanted.items():
        with warehouse.named_errors(), warehouse.dataset(schema).reading() as rows:
            for table, found in rows.wanted(tables).items():
                files[table] = folder / f"{schema}.{table}.parquet"
                with pq.ParquetWriter(files[table], rows.arrow_schema(found)) as writer:
                    for batch in rows.batches(table, found, businesses):
                        writer.write_table(batch)
    return files


def _copy(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    wanted: Mapping[str, Sequence[str]],
    businesses: Sequence[str],
) -> None:
    with dataset.reading() as rows:
        for table, columns in rows.wanted(wanted).items():
            if businesses and "business_id" not in columns:
                continue
            types = duckdb_types(columns)
            listed = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            name = f'"{dataset.name}"."{table}"'
            connection.execute(f"CREATE TABLE {name} ({listed})")
            for batch in rows.batches(table, columns, businesses):
                connection.register("incoming", batch)
                connection.execute(f"INSERT INTO {name} FROM incoming")
                connection.unregister("incoming")
