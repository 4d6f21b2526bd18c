"""A warehouse file with the sandbox's books, as a sync and a transform leave it, without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from sandbox_books import RawRows, books, raw_frames, raw_rows

import sage_unified as su

LOAD_DATE = date(2026, 7, 1)
"""The day after the last of the sandbox's books."""
Tables = Mapping[tuple[str, str], pl.DataFrame]


def write_books(
    path: Path,
    country: str,
    seed: int,
    *,
    mapped: bool = True,
    edit: Callable[[RawRows], None] = lambda _: None,
) -> tuple[str, Tables]:
    """Write the books of one business into a new warehouse file; its id and tables.

    ``edit`` changes raw rows before. ``mapped`` overrides the tax rates that no rule maps as exempt, as the
    tenant would.
    """
    business = books(country, seed).business
    rows = raw_rows(business)
    edit(rows)
    raw = raw_frames(rows)
    tables = su.build(raw, LOAD_DATE)
    rates = tables["unified", "dim_tax_rate"].filter(pl.col("unmapped_reason").is_not_null())
    if mapped and not rates.is_empty():
        tables = su.build(raw, LOAD_DATE, su.read_overrides(_as_exempt(rates)))
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made")
        connection.execute("USE made")
        for (schema, name), frame in tables.items():
            _write(connection, schema, name, frame, su.duckdb_types(schema, name))
        for name in su.checked_columns()["sage"]:
            _write(connection, "sage", name, raw[name].collect(), None)
    return str(business.id), tables


def _as_exempt(rates: pl.DataFrame) -> pl.DataFrame:
    return (
        rates.select("business_id", pl.col("tax_rate_id").alias("id"))
        .unique()
        .with_columns(
            pl.lit("tax_rate").alias("kind"),
            pl.lit("E").alias("category_code"),
            pl.lit("none").alias("rate_class"),
            pl.lit("exempt").alias("treatment"),
        )
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    name: str,
    frame: pl.DataFrame,
    types: Mapping[str, str] | None,
) -> None:
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    connection.register("incoming", frame.to_arrow())
    columns = (
        ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in types.items())
        if types
        else "*"
    )
    connection.execute(f'CREATE TABLE "{schema}"."{name}" AS SELECT {columns} FROM incoming')
    connection.unregister("incoming")
