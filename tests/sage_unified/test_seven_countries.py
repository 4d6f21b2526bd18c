"""The tables of the sandbox's seven businesses: types, keys, nulls, and what must add up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

import polars as pl
import pytest
from sandbox_books import COUNTRIES, books, raw_frames, raw_rows

import sage_unified as su
from sage_unified.model import polars_types

LOAD_DATE = date(2026, 7, 1)
TABLES = [(table.schema, table.name) for table in su.TABLES]
UNIFIED = [name for schema, name in TABLES if schema == "unified"]
Tables: TypeAlias = Mapping[tuple[str, str], pl.DataFrame]
KEYS = {row["table"]: row["key"].split() for row in su.rule_table("unified_tables").to_dicts()}


@cache
def built(country: str) -> Tables:
    return su.build(raw_frames(raw_rows(books(country, 3).business)), LOAD_DATE)


def unified(country: str, table: str) -> pl.DataFrame:
    return built(country)["unified", table]


def mistakes(table: str, frame: pl.DataFrame) -> list[str]:
    """What of a frame is not as the model says."""
    model = su.rule_table("unified_model").filter(pl.col("table") == table)
    required = model.filter(pl.col("nullable") == "NO")["column"].to_list()
    nulls = frame.select(required).null_count().row(0, named=True)
    found = [f"{column} is null" for column, count in nulls.items() if count]
    if dict(frame.schema) != dict(polars_types("unified", table)):
        found.append("types")
    if frame.select(KEYS[table]).is_duplicated().any():
        found.append("key")
    return found


@pytest.mark.parametrize("country", COUNTRIES)
def test_tables_are_as_the_model_says(country: str) -> None:
    found = {table: mistakes(table, unified(country, table)) for table in UNIFIED}
    assert {table: wrong for table, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_table_has_rows(country: str) -> None:
    empty = {table for table in UNIFIED if unified(country, table).is_empty()}
    assert empty <= {"bridge_tax_rate_component"}


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_column_of_any_table_is_a_float(country: str) -> None:
    kinds = {kind for frame in built(country).values() for kind in frame.dtypes}
    assert not [kind for kind in kinds if kind.is_float()]


DOCUMENT = ["business_id", "resource", "document_id"]


@pytest.mark.parametrize("country", COUNTRIES)
def test_lines_sum_to_their_document(country: str) -> None:
    lines = unified(country, "fct_document_line").group_by(DOCUMENT)
    amounts = ("net_amount", "tax_amount", "total_amount", "base_net_amount", "base_tax_amount")
    summed = lines.agg(pl.col(amounts).sum())
    documents = unified(country, "fct_document").select(*DOCUMENT, *amounts)
    compared = documents.join(summed, on=DOCUMENT, suffix="_of_lines")
    assert compared.height == summed.height
    for name in amounts:
        assert compared.filter(pl.col(name) != pl.col(f"{name}_of_lines")).is_empty(), name


@pytest.mark.parametrize("country", COUNTRIES)
def test_allocations_and_what_is_outstanding_make_the_total(country: str) -> None:
    taken = (
        unified(country, "fct_payment_allocation")
        .filter(pl.col("deleted_at").is_null())
        .group_by("document_id")
        .agg((pl.col("amount") + pl.col("discount")).sum().alias("taken"))
    )
    open_items = unified(country, "fct_document").filter(
        "is_posted", pl.col("outstanding_amount").is_not_null()
    )
    left = open_items.join(taken, on="document_id", how="left").with_columns(
        pl.col("total_amount").abs() - pl.col("taken").fill_null(0)
    )
    assert left.filter(pl.col("total_amount") != pl.col("outstanding_amount").abs()).is_empty()


@pytest.mark.parametrize("country", ["CA", "US"])
def test_parts_of_a_combined_rate_sum_to_the_tax_of_the_line(country: str) -> None:
    lines = unified(country, "fct_tax_line")
    line = ["document_id", "line_id"]
    parts = lines.filter(pl.col("component_seq") > 0).group_by(line)
    summed = parts.agg(pl.col("tax_amount", "base_tax_amount").sum())
    whole = lines.filter(pl.col("component_seq") == 0).join(summed, on=line, suffix="_of_parts")
    assert whole.height
    assert whole.filter(pl.col("tax_amount") != pl.col("tax_amount_of_parts")).is_empty()


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_line_of_a_document_is_one_whole_tax_line(country: str) -> None:
    whole = unified(country, "fct_tax_line").filter(pl.col("component_seq") == 0)
    assert whole.height == unified(country, "fct_document_line").height


@pytest.mark.parametrize("country", COUNTRIES)
def test_amounts_in_currency_sum_to_zero_by_transaction(country: str) -> None:
    abroad = unified(country, "fct_ledger_entry").drop_nulls("currency_amount")
    sums = abroad.group_by("transaction_id", "is_deleted").agg(pl.col("currency_amount").sum())
    assert sums.height
    assert set(sums["currency_amount"]) == {Decimal(0)}


def test_control_entry_of_a_foreign_document_is_its_total_in_currency() -> None:
    controls = unified("GB", "dim_account").filter(
        pl.col("account_subclass").is_in(["receivable", "payable"])
    )
    documents = unified("GB", "fct_document").filter("is_posted", pl.col("currency") != "GBP")
    booked = (
        unified("GB", "fct_ledger_entry")
        .filter(~pl.col("is_deleted"))
        .join(controls, on="account_id", how="semi")
        .join(documents, left_on="origin_id", right_on="document_id")
    )
    assert booked.height == documents.height
    differs = pl.col("currency_amount").abs() != pl.col("total_amount").abs()
    assert booked.filter(differs).is_empty()


def in_slices(country: str, rows: int) -> dict[tuple[str, str], pl.DataFrame]:
    pieces: dict[tuple[str, str], pl.DataFrame] = {}

    def keep(name: tuple[str, str], made: Any) -> pl.LazyFrame:
        pieces[name] = pl.concat(made)
        return pieces[name].lazy()

    raw = raw_frames(raw_rows(books(country, 3).business))
    su.build_into(keep, raw, LOAD_DATE, slice_rows=rows)
    return pieces


@pytest.mark.parametrize("country", ["GB"])
def test_tables_made_in_slices_are_the_same_rows(country: str) -> None:
    whole, parts = built(country), in_slices(country, 100)
    differing = [
        name
        for name, frame in whole.items()
        if not frame.sort(frame.columns).equals(parts[name].sort(frame.columns))
    ]
    assert differing == []
