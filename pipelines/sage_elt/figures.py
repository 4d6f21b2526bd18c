"""Figures for people: what the report and the notebooks show, by the queries in ``figures_sql``.

The file of the warehouse is open only while rows are copied out of it: an open connection, read-only too,
would keep the next sync waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Final

import duckdb
import polars as pl

from sage_elt.warehouse import RAW_SCHEMA, Warehouse, WarehouseError, columns_of
from sage_elt.working_copies import working_copy
from sage_unified import checked_columns, duckdb_types, rule_table

BUCKETS: Final = {
    "current": "Not yet due",
    "d1_30": "1 to 30 days",
    "d31_60": "31 to 60 days",
    "d61_90": "61 to 90 days",
    "d90_plus": "Over 90 days",
}
"""Ages of open items, as people call them."""

_READ: Final = {
    "unified": (
        "dim_business", "dim_contact", "dim_tax_rate", "fct_document", "fct_ledger_entry", "fct_tax_line"
    ),
    "marts": (
        "aged_payables", "aged_receivables", "cash_flow", "profit_and_loss", "vat_lines", "vat_summary"
    ),
}  # fmt: skip
"""What the queries name, by schema."""
_MOMENTS: Final = {
    RAW_SCHEMA: {"_dlt_loads": ("status", "inserted_at")},
    "unified": {"_builds": ("business_id", "built_at")},
}
"""Columns that tell when rows came; a warehouse may lack them."""
_NO_LOADS: Final = "SELECT NULL::TIMESTAMPTZ AS loaded_at"
_NO_BUILDS: Final = "SELECT NULL::VARCHAR AS business_id, NULL::TIMESTAMPTZ AS built_at LIMIT 0"


@dataclass(frozen=True)
class Figures:
    """Reads of one moment of the warehouse."""

    connection: duckdb.DuckDBPyConnection

    def frame(self, query: str, **parameters: str | date | None) -> pl.DataFrame:
        """The rows of a query in ``figures_sql``; amounts are Decimal, in the currency that it names."""
        sql = (files("sage_elt") / "figures_sql" / f"{query}.sql").read_text(encoding="utf-8")
        return self.connection.execute(sql, parameters).pl()

    def checked_tables(self) -> dict[str, pl.LazyFrame]:
        """What ``sage_unified.check`` ties out, for when the warehouse is closed again."""
        tables: dict[str, pl.LazyFrame] = {}
        for schema, wanted in checked_columns().items():
            present = columns_of(self.connection, schema)
            for table, columns in wanted.items():
                if found := [column for column in columns if column in present.get(table, ())]:
                    names = ", ".join(f'"{column}"' for column in found)
                    sql = f'SELECT {names} FROM "{schema}"."{table}"'
                    tables[table] = self.connection.execute(sql).pl().lazy()
        return tables

    def vat_boxes(self) -> pl.DataFrame:
        """The boxes of every return, newest first, each with its label, in the order of the form.

        ``business_id, country, return, agency, basis, period_kind, period_start, period_end, box, label,
        amount, line_count``; by the periods in which a business's returns are due, by months where Sage
        does not tell.
        """
        labels = rule_table("vat_boxes").with_row_index("place")
        return (
            self.frame("vat_boxes")
            .join(
                labels.select("country", "return", "box", "label", "place"),
                on=["country", "return", "box"],
                how="left",
                validate="m:1",
            )
            .sort(
                "business_id",
                "period_start",
                "agency",
                "place",
                descending=[False, True, False, False],
                nulls_last=True,
            )
            .drop("place")
        )


@contextmanager
def figures_of(warehouse: Warehouse) -> Iterator[Figures]:
    """Figures of one moment; the warehouse is held open only inside.

    Raises :class:`WarehouseError` when there is no warehouse or nothing was transformed in it, and
    ``WarehouseBusyError`` while another process writes to it.
    """
    with working_copy(warehouse, _wanted()) as copy, copy.reading() as connection:
        for schema, tables in _READ.items():
            if not set(tables) <= columns_of(connection, schema).keys():
                raise WarehouseError(
                    "The warehouse has no unified tables yet, so there is nothing to show. Nothing "
                    "changed. Run: sage-elt run",
                    error_code="nothing-transformed",
                )
        _name_moments(connection)
        yield Figures(connection)


def amount_text(value: Decimal | None) -> str:
    """Every digit of an amount, at least two behind the point: ``1,234.50``; empty for none."""
    if value is None:
        return ""
    whole, _, fraction = f"{value:,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2}"


def _wanted() -> dict[str, dict[str, Sequence[str]]]:
    """The columns that are read, by schema and table."""
    wanted = {schema: dict[str, Sequence[str]](of) for schema, of in checked_columns().items()}
    for schema, tables in _READ.items():
        wanted[schema] |= {table: tuple(duckdb_types(schema, table)) for table in tables}
    for schema, moments in _MOMENTS.items():
        wanted[schema] |= moments
    return wanted


def _name_moments(connection: duckdb.DuckDBPyConnection) -> None:
    """Views ``last_load``, ``built`` and ``load_dates``: when rows came, and the day they are aged on."""
    loaded = "_dlt_loads" in columns_of(connection, RAW_SCHEMA)
    built = "_builds" in columns_of(connection, "unified")
    loads_sql = (
        f'SELECT max(inserted_at) AS loaded_at FROM "{RAW_SCHEMA}"._dlt_loads WHERE status = 0'
    )
    builds_sql = "SELECT business_id, built_at FROM unified._builds"
    connection.execute(f"CREATE TEMP VIEW last_load AS {loads_sql if loaded else _NO_LOADS}")
    connection.execute(f"CREATE TEMP VIEW built AS {builds_sql if built else _NO_BUILDS}")
    sql = (files("sage_elt") / "figures_sql" / "load_dates.sql").read_text(encoding="utf-8")
    connection.execute(f"CREATE TEMP VIEW load_dates AS {sql}")
