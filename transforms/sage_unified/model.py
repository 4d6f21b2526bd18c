"""The tables of the unified schema and the marts: how each is built, from what, in which types.

A pipeline needs no more than this: read :func:`raw_columns`, call :func:`build`, write each frame with
the types of :func:`duckdb_types`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal, TypeAlias

import polars as pl

from sage_unified.accounts import dim_account
from sage_unified.business import businesses_in_northern_ireland, dim_business
from sage_unified.columns import Types, typed
from sage_unified.errors import BuildError
from sage_unified.ledger import fct_ledger_entry
from sage_unified.marts import trial_balance as trial_balance_mart
from sage_unified.raw import RAW, TIME, complete
from sage_unified.rules import rule_table
from sage_unified.tax_rates.dimension import dim_tax_rate

Schema: TypeAlias = Literal["unified", "marts"]
TableName: TypeAlias = tuple[str, str]
"""Schema and name."""
Frames: TypeAlias = Mapping[str, pl.LazyFrame]
"""Raw tables, and tables built before, by name."""

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


@dataclass(frozen=True)
class Table:
    """A table of the warehouse."""

    schema: Schema
    name: str
    reads: tuple[str, ...]
    """Raw tables that it is made of, directly."""
    after: tuple[str, ...]
    """Tables that it is made of and that are built before."""
    make: Callable[[Frames, date], pl.LazyFrame]
    """From those tables and the load date."""


TABLES: Final = (
    Table(
        "unified",
        "dim_business",
        ("businesses", "financial_settings", "business_settings", "ledger_accounts"),
        (),
        lambda f, _: dim_business(
            f["businesses"],
            f["financial_settings"],
            f["business_settings"],
            f["ledger_accounts"],
        ),
    ),
    Table(
        "unified",
        "dim_account",
        ("ledger_accounts", "bank_accounts"),
        ("dim_business",),
        lambda f, _: dim_account(f["ledger_accounts"], f["bank_accounts"], f["dim_business"]),
    ),
    Table(
        "unified",
        "dim_tax_rate",
        (
            "tax_rates",
            "tax_rates__percentages",
            "tax_rates__component_tax_rates",
            "tax_rates__component_tax_rates__percentages",
            "businesses",
            "business_settings",
        ),
        ("dim_business",),
        lambda f, load_date: dim_tax_rate(
            f["tax_rates"],
            f["tax_rates__percentages"],
            f["tax_rates__component_tax_rates"],
            f["tax_rates__component_tax_rates__percentages"],
            f["dim_business"].select("business_id", "country"),
            businesses_in_northern_ireland(f["businesses"], f["business_settings"]),
            load_date,
        ),
    ),
    Table(
        "unified",
        "fct_ledger_entry",
        ("ledger_entries", "transactions", "journal_codes"),
        ("dim_account", "dim_business"),
        lambda f, _: fct_ledger_entry(
            f["ledger_entries"],
            f["transactions"],
            f["journal_codes"],
            f["dim_account"],
            f["dim_business"],
        ),
    ),
    Table(
        "marts",
        "trial_balance",
        (),
        ("fct_ledger_entry", "dim_account"),
        lambda f, _: trial_balance_mart.trial_balance(f["fct_ledger_entry"], f["dim_account"]),
    ),
)
"""In an order in which each comes after what it is made of."""

_MART_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "trial_balance": trial_balance_mart.COLUMNS,
}


def build(raw: Frames, load_date: date) -> dict[TableName, pl.DataFrame]:
    """Every table of :data:`TABLES` by (schema, name), from what was loaded up to ``load_date``.

    ``raw`` has raw tables by name; what it lacks counts as empty. Columns, their order and types are
    those of :func:`duckdb_types`; rows are in key order, so that the same rows give the same tables.
    Raises :class:`BuildError`.
    """
    loaded = complete(raw)
    built: dict[str, pl.LazyFrame] = {}
    tables: dict[TableName, pl.DataFrame] = {}
    for table in TABLES:
        inputs = {name: loaded[name] for name in table.reads} | {
            name: built[name] for name in table.after
        }
        frame = _made(table, inputs, load_date)
        built[table.name] = frame.lazy()
        tables[table.schema, table.name] = frame
    return tables


def _made(table: Table, inputs: Frames, load_date: date) -> pl.DataFrame:
    types = polars_types(table.schema, table.name)
    try:
        made = table.make(inputs, load_date)
        return typed(made.select(types.keys()), types).collect()
    except pl.exceptions.PolarsError as error:  # its text may hold values, so it is not repeated
        raise BuildError(
            f"The table {table.schema}.{table.name} can not be made ({type(error).__name__}): the raw "
            f"rows of {', '.join(table.reads)} hold a key twice, or a value that its column can not "
            "hold. No table was changed. Read them anew with sage-elt sync --full-refresh; if that "
            "does not help, report the name of the table."
        ) from error


def raw_columns() -> dict[str, tuple[str, ...]]:
    """The raw tables that :func:`build` reads, and the columns of each."""
    return {name: tuple(RAW[name]) for name in dict.fromkeys(n for t in TABLES for n in t.reads)}


def duckdb_types(schema: str, name: str) -> dict[str, str]:
    """Columns of a table and their DuckDB types, in order."""
    if schema == "marts":
        return dict(_MART_COLUMNS[name])
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
