"""Ledger accounts: the vectors, the German charts, ``dim_account``."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified import InputError, build, classify_ledger_accounts
from sage_unified.accounts import german_charts
from sage_unified.rules import rule_table

VECTORS = Path(__file__).parents[1] / "vectors" / "ledger_accounts.csv"
CASES = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))
INPUT = {
    "country": "country",
    "standard": "chart_standard",
    "ledger_account_type_id": "ledger_account_type_id",
    "ledger_account_group_id": "ledger_account_group_id",
    "nominal_code": "nominal_code",
    "display_name": "display_name",
    "control_name": "control_name",
}
Books = Callable[..., dict[str, pl.LazyFrame]]
NO_RATES: Any = {"tax_rates": [], "tax_rates__percentages": []}


def accounts(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(INPUT.values(), pl.String))


@cache
def classified() -> pl.DataFrame:
    return classify_ledger_accounts(
        accounts(*({name: case[cell] or None for cell, name in INPUT.items()} for case in CASES))
    )


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case["id"] for case in CASES])
def test_vector(index: int) -> None:
    case, found = CASES[index], classified().row(index, named=True)
    assert (
        found["account_class"],
        found["account_subclass"],
        found["class_method"],
        found["class_conflict"],
    ) == (
        case["expected_class"],
        case["expected_subclass"] or None,
        case["expected_method"],
        case["expected_conflict"] == "1",
    )


def test_classifying_again_changes_nothing() -> None:
    assert classify_ledger_accounts(classified()).equals(classified())


def test_rows_keep_their_order() -> None:
    backwards = classified().reverse()
    assert classify_ledger_accounts(backwards.select(INPUT.values())).equals(backwards)


def test_code_may_be_a_number() -> None:
    text = accounts({"country": "GB", "nominal_code": "51"})
    number = text.with_columns(pl.col("nominal_code").cast(pl.Int64))
    assert classify_ledger_accounts(number)["account_subclass"].to_list() == [
        "accumulated_depreciation"
    ]


def test_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="control_name"):
        classify_ledger_accounts(classified().drop("control_name"))


def test_code_with_letters_is_in_no_numeric_range() -> None:
    found = classify_ledger_accounts(accounts({"country": "GB", "nominal_code": "12A0"}))
    assert found["class_method"].to_list() == ["none"]


def test_control_name_against_the_code_is_a_conflict() -> None:
    row = {"country": "GB", "nominal_code": "4000", "control_name": "Trade debtors"}
    found = classify_ledger_accounts(accounts(row)).row(0, named=True)
    assert (found["class_method"], found["class_conflict"]) == ("code", True)


@given(
    st.fixed_dictionaries(
        {
            "country": st.sampled_from(["GB", "IE", "US", "CA", "FR", "ES", "DE", None, "XX"]),
            "chart_standard": st.sampled_from([None, "", "SKR03", "SKR04", "XYZ"]),
            "ledger_account_type_id": st.sampled_from([None, "", "SALES", "current assets", "?"]),
            "ledger_account_group_id": st.sampled_from([None, "Asset", "CAPITAL"]),
            "nominal_code": st.none() | st.text(max_size=6) | st.integers(0, 10**8).map(str),
            "display_name": st.none() | st.text(max_size=5),
            "control_name": st.sampled_from([None, "Trade Debtors", "x"]),
        }
    )
)
def test_any_account_has_a_class_or_is_listed_without_one(row: dict[str, Any]) -> None:
    found = classify_ledger_accounts(accounts(row)).row(0, named=True)
    assert (found["account_class"] == "unclassified") == (found["class_method"] == "none")
    assert (found["account_subclass"] is None) == (found["class_method"] == "none")


def test_every_subclass_of_a_type_is_one_that_it_allows() -> None:
    types = rule_table("ledger_type_map").filter(pl.col("kind") == "type")
    for default, allowed in types.select("default_subclass", "allowed_subclasses").iter_rows():
        assert default in allowed.split(" ")


def chart(*rows: tuple[str, str]) -> str:
    frame = pl.LazyFrame(
        [{"business_id": "b", "nominal_code": code, "name": name} for code, name in rows]
    )
    return str(german_charts(frame).collect()["chart_standard"].item())


@pytest.mark.parametrize(
    ("rows", "standard"),
    [
        ([("1200", "Bank"), ("8400", "Erlöse 19% USt")], "SKR03"),
        ([("1800", "Bank"), ("4400", "Erloese 19 % USt")], "SKR04"),
        ([("1200", "Forderungen aus L+L")], "SKR04"),
        ([("1200", "Bank"), ("1800", "Bank 2")], "SKR03"),
        ([("1800", "Kasse"), ("4400", "Miete")], "SKR03"),
        ([("9999", "Sonstiges")], "SKR03"),
    ],
)
def test_german_chart_is_told_by_code_and_name_together(
    rows: list[tuple[str, str]], standard: str
) -> None:
    assert chart(*rows) == standard


def dim_account(books: Books, **tables: Any) -> dict[str, dict[str, Any]]:
    frame = build(books(**{**NO_RATES, **tables}), date(2024, 7, 1))["unified", "dim_account"]
    return {row["account_id"]: row for row in frame.to_dicts()}


def test_zeros_that_an_integer_lost_come_back(raw_books: Books) -> None:
    assert dim_account(raw_books)["plant"]["code"] == "0021"


def test_account_that_a_bank_account_points_to_is_a_bank(raw_books: Books) -> None:
    found = dim_account(raw_books)
    assert {name: row["is_bank"] for name, row in found.items() if row["is_bank"]} == {"bank": True}


@pytest.mark.parametrize(
    ("account", "statement", "side"),
    [("bank", "BS", "debit"), ("sales", "PL", "credit"), ("reserves", "BS", "credit")],
)
def test_statement_and_normal_side_follow_from_the_class(
    raw_books: Books, account: str, statement: str, side: str
) -> None:
    found = dim_account(raw_books)[account]
    assert (found["statement"], found["normal_balance"]) == (statement, side)


def test_contra_account_has_the_other_side(raw_books: Books) -> None:
    row = {
        "business_id": "b1",
        "id": "x",
        "nominal_code": "51",
        "name": "Depreciation",
        "ledger_account_type__id": "FIXED_ASSETS",
    }
    assert dim_account(raw_books, ledger_accounts=[row])["x"]["normal_balance"] == "credit"


def test_account_of_a_business_not_loaded_is_classified_by_its_type(raw_books: Books) -> None:
    assert dim_account(raw_books, businesses=[])["bank"]["class_method"] == "type"
