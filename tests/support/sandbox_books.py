"""The sandbox's books as raw tables, without a server: what a full sync would load, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sage_sandbox.books import Books, generate_business
from sage_sandbox.store import Business
from sage_unified.raw import RAW

RawRows = dict[str, list[dict[str, Any]]]
"""Rows by raw table."""
COUNTRIES = ("GB", "IE", "US", "CA", "FR", "ES", "DE")
_BALANCES = "_ledger_account_balances"
_EVER = ("0001-01-01", "9999-12-31")


@cache
def books(country: str, seed: int, invoices: int = 60) -> Books:
    """The books of one business; the same arguments give the same books, so nobody may edit them."""
    return generate_business(country, invoices=invoices, seed=seed)


def raw_rows(
    business: Business, *, extra: Mapping[str, Mapping[str, Any]] | None = None
) -> RawRows:
    """Rows of every raw table that the transforms read, flat as a load leaves them.

    ``extra`` has columns and types of further tables to keep.
    """
    wanted = {**RAW, **(extra or {})}
    rows: RawRows = defaultdict(list)
    for name, collection in business.collections.items():
        for record in collection:
            _flatten(rows, name, record, {"business_id": business.id})
    _flatten(rows, "businesses", business.record, {"business_id": business.id})
    for account_id, details in business.balance_details(*_EVER).items():
        row = {f"balance_details__{name}": value for name, value in details.items()}
        row |= {"balance_details__from_date": None, "balance_details__to_date": None}
        rows[_BALANCES].append({"business_id": business.id, "id": account_id, **row})
    return {table: rows.get(table, []) for table in wanted}


def raw_frames(
    rows: RawRows, *, extra: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, pl.LazyFrame]:
    """The rows as frames with the columns that the transforms name."""
    wanted = {**RAW, **(extra or {})}
    return {table: _frame(rows.get(table, []), types) for table, types in wanted.items()}


def british_and_canadian() -> dict[str, pl.DataFrame]:
    """The raw tables of two businesses."""
    frames: dict[str, list[pl.LazyFrame]] = {}
    for country in ("GB", "CA"):
        for name, frame in raw_frames(raw_rows(books(country, 2).business)).items():
            frames.setdefault(name, []).append(frame)
    return {name: pl.concat(listed).collect() for name, listed in frames.items()}


def write_raw(path: Path, raw: Mapping[str, pl.DataFrame]) -> None:
    """Raw tables into the schema ``sage`` of a new DuckDB file."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS w")
        connection.execute("CREATE SCHEMA w.sage")
        for name, frame in raw.items():
            connection.register("incoming", frame.to_arrow())
            connection.execute(f'CREATE TABLE w.sage."{name}" AS FROM incoming')


def _frame(rows: list[dict[str, Any]], types: Mapping[str, Any]) -> pl.LazyFrame:
    columns = [_series(name, kind, [row.get(name) for row in rows]) for name, kind in types.items()]
    return pl.DataFrame(columns).lazy()


def _series(name: str, kind: Any, values: list[Any]) -> pl.Series:
    if kind in (pl.String, pl.Date) or isinstance(kind, pl.Datetime):
        text = pl.Series(name, [None if v is None else str(v) for v in values], pl.String)
        if kind == pl.Date:
            return text.str.slice(0, 10).str.to_date()
        if isinstance(kind, pl.Datetime):
            return text.str.to_datetime(time_unit="us", time_zone="UTC")
        return text
    if isinstance(kind, pl.Decimal):
        return pl.Series(name, [None if v is None else v for v in values], kind, strict=False)
    return pl.Series(name, values, kind, strict=False)


def _flatten(rows: RawRows, table: str, record: Mapping[str, Any], keys: dict[str, Any]) -> None:
    row = dict(keys)
    children: list[tuple[str, list[Any]]] = []
    _spread(row, children, "", record)
    rows[table].append(row)
    root = keys.get("_root_id") or record.get("id") or keys["business_id"]
    for name, values in children:
        for index, value in enumerate(values):
            child = {"business_id": keys["business_id"], "_root_id": root, "_list_idx": index}
            if "_list_idx" in keys:
                child["_parent_list_idx"] = keys["_list_idx"]
            inner = value if isinstance(value, Mapping) else {"value": value}
            _flatten(rows, f"{table}__{name}", inner, child)


def _spread(
    row: dict[str, Any],
    children: list[tuple[str, list[Any]]],
    prefix: str,
    record: Mapping[str, Any],
) -> None:
    for key, value in record.items():
        name = f"{prefix}{key.removeprefix('$')}"
        if isinstance(value, Mapping):
            _spread(row, children, f"{name}__", value)
        elif isinstance(value, list):
            children.append((name, value))
        else:
            row[name] = value
