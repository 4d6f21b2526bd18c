"""The tables of the unified schema and the marts: how each is built, from what, in which types.

A pipeline needs no more than this: read :func:`raw_columns`, call :func:`build`, write each frame with
the types of :func:`duckdb_types`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Final, TypeAlias

import polars as pl

from sage_unified.columns import TIME, Types, typed
from sage_unified.errors import BuildError
from sage_unified.marts.tables import MARTS, mart_columns
from sage_unified.overrides import COLUMNS as OVERRIDE_COLUMNS
from sage_unified.overrides import TABLE as OVERRIDES
from sage_unified.raw import RAW, complete
from sage_unified.record_slices import SLICED_BY_RECORD, record_slices, sliced_by_record
from sage_unified.rules import rule_table
from sage_unified.slices import RUNNING, SLICED, carried_on, ledger_slices, sliced
from sage_unified.tables import WORK, Frames, Table, TableName
from sage_unified.unified_tables import UNIFIED

_TYPES: Final[Types] = {
    "VARCHAR": pl.String(),
    "JSON": pl.String(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMPTZ": TIME,
    "TINYINT": pl.Int8(),
    "SMALLINT": pl.Int16(),
    "INTEGER": pl.Int32(),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


STEPS: Final = (*UNIFIED, *MARTS)
"""Everything that is made, in an order in which each comes after what it is made of."""
TABLES: Final = tuple(table for table in STEPS if table.schema != WORK)
"""What the warehouse keeps of it."""

Keep: TypeAlias = Callable[[TableName, Iterable[pl.DataFrame]], pl.LazyFrame]
"""Takes a table by (schema, name) in pieces, as they are made; gives it back for others to read."""


def build(
    raw: Frames, load_date: date, overrides: pl.DataFrame | None = None
) -> dict[TableName, pl.DataFrame]:
    """Every table of :data:`TABLES` by (schema, name), from what was loaded up to ``load_date``.

    ``raw`` has raw tables by name; what it lacks counts as empty. ``overrides`` are the tenants', as
    :func:`~sage_unified.overrides.read_overrides` gives them. Columns, their order and types are
    those of :func:`duckdb_types`; rows are in key order, so that the same rows give the same tables.
    Raises :class:`BuildError`.
    """
    tables: dict[TableName, pl.DataFrame] = {}

    def keep(name: TableName, pieces: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        tables[name] = pl.concat(pieces)
        return tables[name].lazy()

    build_into(keep, raw, load_date, overrides)
    return tables


def build_into(
    keep: Keep,
    raw: Frames,
    load_date: date,
    overrides: pl.DataFrame | None = None,
    slice_rows: int | None = None,
) -> None:
    """As :func:`build`, each table handed to ``keep`` when it is made, so that none need stay in memory.

    With ``slice_rows`` the tables of ledger entries and transactions are made in pieces of about so many
    entries, in the order of their dates; those of documents and payments in pieces of about so many of
    their lines, in the order of their ids. They are the same rows.
    """
    loaded = complete(raw) | {OVERRIDES: _frame_of(overrides)}
    ledger = ledger_slices(loaded["ledger_entries"], slice_rows)
    records = record_slices(loaded, slice_rows)
    built: dict[str, pl.LazyFrame] = {}
    for table in STEPS:
        inputs = {name: loaded[name] for name in table.reads} | {
            name: built[name] for name in table.after
        }
        if table.schema == WORK:
            with _named_errors(table):
                built[table.name] = table.make(inputs, load_date).collect(engine="streaming").lazy()
        else:
            parts: Iterable[Frames] = [inputs]
            if table.name in SLICED:
                parts = sliced(table.name, inputs, ledger)
            elif table.name in SLICED_BY_RECORD:
                parts = sliced_by_record(table.name, inputs, records)
            built[table.name] = keep((table.schema, table.name), _pieces(table, parts, load_date))


def _pieces(table: Table, parts: Iterable[Frames], load_date: date) -> Iterator[pl.DataFrame]:
    carried: pl.DataFrame | None = None
    for inputs in parts:
        frame = _made(table, inputs, load_date)
        if table.name in RUNNING:
            frame, carried = carried_on(frame, carried)
        yield frame


def _made(table: Table, inputs: Frames, load_date: date) -> pl.DataFrame:
    types = polars_types(table.schema, table.name)
    with _named_errors(table):
        made = table.make(inputs, load_date)
        return typed(made.select(types.keys()), types).collect(engine="streaming")


@contextmanager
def _named_errors(table: Table) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:  # its text may hold values, so it is not repeated
        raise BuildError(
            f"The table {table.schema}.{table.name} can not be made ({type(error).__name__}): the raw "
            f"rows of {', '.join(table.reads)} hold a key twice, or a value that its column can not "
            "hold. No table was changed. Read them anew with sage-elt sync --full-refresh; if that "
            "does not help, report the name of the table."
        ) from error


def raw_columns() -> dict[str, tuple[str, ...]]:
    """The raw tables that :func:`build` reads, and the columns of each."""
    read = dict.fromkeys(name for step in STEPS for name in step.reads)
    return {name: tuple(RAW[name]) for name in read if name in RAW}


def _frame_of(overrides: pl.DataFrame | None) -> pl.LazyFrame:
    return typed(pl.LazyFrame() if overrides is None else overrides.lazy(), OVERRIDE_COLUMNS)


def duckdb_types(schema: str, name: str) -> dict[str, str]:
    """Columns of a table and their DuckDB types, in order."""
    if schema == "marts":
        return dict(mart_columns(name))
    columns = rule_table("unified_model").filter(pl.col("table") == name)
    return dict(zip(columns["column"], columns["duckdb_type"], strict=True))


@cache
def polars_types(schema: str, name: str) -> Types:
    """Columns of a table and their polars types, in order."""
    return {column: _polars_type(kind) for column, kind in duckdb_types(schema, name).items()}


def _polars_type(kind: str) -> pl.DataType:
    if match := _DECIMAL.fullmatch(kind):
        return pl.Decimal(int(match[1]), int(match[2]))
    return _TYPES[kind]
