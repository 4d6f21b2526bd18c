"""``dim_business``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from sage_unified import build

Books = Callable[..., dict[str, pl.LazyFrame]]
NO_RATES: Any = {"tax_rates": [], "tax_rates__percentages": []}


def business(books: Books, **tables: Any) -> dict[str, Any]:
    frame = build(books(**{**NO_RATES, **tables}), date(2024, 7, 1))["unified", "dim_business"]
    return frame.row(0, named=True)


def of_country(country: str | None) -> list[dict[str, Any]]:
    return [{"business_id": "b1", "id": "b1", "name": "Tyne", "country__id": country}]


def test_settings_are_those_of_the_business(raw_books: Books) -> None:
    found = business(raw_books)
    assert (found["country"], found["base_currency"], found["year_end_date"]) == (
        "GB",
        "GBP",
        date(2024, 12, 31),
    )


@pytest.mark.parametrize(
    ("country", "currency", "chart"),
    [
        ("GB", "GBP", "SAGE"),
        ("IE", "EUR", "SAGE"),
        ("US", "USD", "SAGE"),
        ("CA", "CAD", "SAGE"),
        ("FR", "EUR", "PCG"),
        ("ES", "EUR", "PGC"),
        ("DE", "EUR", "SKR03"),
    ],
)
def test_country_says_currency_and_chart_where_settings_do_not(
    raw_books: Books, country: str, currency: str, chart: str
) -> None:
    found = business(raw_books, businesses=of_country(country), financial_settings=[])
    assert (found["base_currency"], found["chart_standard"]) == (currency, chart)


def test_german_chart_is_that_of_its_accounts(raw_books: Books) -> None:
    accounts = [
        {"business_id": "b1", "id": "a", "nominal_code": "1800", "name": "Bank"},
        {"business_id": "b1", "id": "b", "nominal_code": "4400", "name": "Erlöse 19% USt"},
    ]
    found = business(raw_books, businesses=of_country("DE"), ledger_accounts=accounts)
    assert found["chart_standard"] == "SKR04"


def test_business_without_a_country_is_marked_as_unknown(raw_books: Books) -> None:
    found = business(raw_books, businesses=of_country(None), financial_settings=[])
    assert (found["country"], found["base_currency"], found["chart_standard"]) == (
        "ZZ",
        "XXX",
        None,
    )
