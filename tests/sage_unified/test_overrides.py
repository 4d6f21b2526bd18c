"""A tenant's overrides: validated, and stronger than the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

import sage_unified as su

LOAD_DATE = date(2024, 7, 1)
Books = Callable[..., dict[str, pl.LazyFrame]]
RATE = {
    "business_id": "b1",
    "kind": "tax_rate",
    "id": "own",
    "category_code": "E",
    "rate_class": "none",
    "treatment": "exempt",
}
ACCOUNT = {"business_id": "b1", "kind": "account", "id": "rent", "account_class": "asset"}
CHART = {"business_id": "b1", "kind": "chart", "id": "", "chart_standard": "SKR04"}


def read(*rows: dict[str, Any]) -> pl.DataFrame:
    return su.read_overrides(pl.DataFrame(rows, infer_schema_length=None))


def table(books: dict[str, pl.LazyFrame], name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    return su.build(books, LOAD_DATE, read(*rows))["unified", name]


def test_tax_rate_means_what_the_override_says(raw_books: Books) -> None:
    rates = table(raw_books(), "dim_tax_rate", RATE).filter(pl.col("tax_rate_id") == "own")
    shown = rates.select("category_code", "treatment", "mapping_method", "unmapped_reason")
    assert shown.unique().rows() == [("E", "exempt", "override", None)]


def test_rate_without_an_override_is_mapped_by_the_rules(raw_books: Books) -> None:
    rates = table(raw_books(), "dim_tax_rate", RATE)
    others = rates.filter(pl.col("tax_rate_id") == "GB_STANDARD")
    assert set(others["mapping_method"]) == {"id"}


def test_override_of_another_business_changes_nothing(raw_books: Books) -> None:
    other = table(raw_books(), "dim_tax_rate", {**RATE, "business_id": "b2"})
    assert other.equals(su.build(raw_books(), LOAD_DATE)["unified", "dim_tax_rate"])


def test_account_has_the_class_that_the_override_sets(raw_books: Books) -> None:
    row = table(raw_books(), "dim_account", ACCOUNT).row(
        by_predicate=pl.col("account_id") == "rent", named=True
    )
    found = (row["account_class"], row["account_subclass"], row["class_method"], row["statement"])
    assert found == ("asset", None, "override", "BS")


def test_chart_is_the_one_that_the_override_names(raw_books: Books) -> None:
    german = [{"business_id": "b1", "id": "b1", "country__id": "DE"}]
    books = raw_books(businesses=german)
    assert table(books, "dim_business", CHART)["chart_standard"].to_list() == ["SKR04"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({**RATE, "category_code": "Q"}, "category_code"),
        ({**RATE, "treatment": None}, "treatment"),
        ({**RATE, "id": None}, "id"),
        ({**RATE, "account_class": "asset"}, "account_class"),
        ({**ACCOUNT, "account_subclass": "no such"}, "account_subclass"),
        ({**CHART, "id": "x"}, "id"),
        ({**CHART, "kind": "vat"}, "kind"),
    ],
)
def test_mistake_names_its_line_and_column(row: dict[str, Any], column: str) -> None:
    with pytest.raises(su.OverrideError, match=f"line 3, column {column}") as caught:
        read({**CHART, "business_id": "b2"}, row)
    assert (caught.value.line, caught.value.column) == (3, column)


def test_column_that_nothing_knows_is_a_mistake() -> None:
    with pytest.raises(su.OverrideError, match="column colour"):
        read({**CHART, "colour": "red"})


def test_same_thing_set_twice_is_a_mistake() -> None:
    with pytest.raises(su.OverrideError, match="line 3"):
        read(RATE, RATE)
