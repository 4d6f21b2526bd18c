"""The percentage of a rate on a date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified.tax_rates.percentages import parts_on_date, percentages_on_date

Rates = Callable[..., pl.DataFrame]


def on_date(frame: pl.DataFrame) -> tuple[Any, ...]:
    """Percentage, source and reason of the first rate."""
    cases = frame.with_row_index("case")
    return percentages_on_date(cases, parts_on_date(cases)).row(0)


def period(percentage: str | None, start: str | None, end: str | None) -> dict[str, Any]:
    return {"percentage": percentage, "from_date": start, "to_date": end}


@pytest.mark.parametrize(
    ("day", "percentage"),
    [
        (date(2009, 12, 31), None),
        (date(2010, 1, 1), Decimal("17.5")),
        (date(2011, 1, 3), Decimal("17.5")),
        (date(2011, 1, 4), None),
        (date(2012, 1, 1), Decimal(20)),
        (date(2099, 1, 1), Decimal(20)),
    ],
)
def test_both_ends_of_a_period_are_in_it(rates: Rates, day: date, percentage: Any) -> None:
    periods = [period("17.5", "2010-01-01", "2011-01-03"), period("20", "2012-01-01T00:00:00", "")]
    found = on_date(rates({"percentages": periods, "document_date": day}))
    missing = None if percentage is not None else "no_percentage_on_date"
    assert (found[0], found[2]) == (percentage, missing)


def test_period_that_starts_last_counts(rates: Rates) -> None:
    periods = [
        period("20", "2011-01-04", None),
        period("17.5", None, None),
        period("5", "2010-01-01", None),
    ]
    assert on_date(rates({"percentages": periods}))[0] == Decimal(20)


def test_earlier_period_counts_again_when_the_later_is_over(rates: Rates) -> None:
    periods = [period("20", "2000-01-01", None), period("5", "2010-01-01", "2012-12-31")]
    assert on_date(rates({"percentages": periods}))[0] == Decimal(20)


def test_of_equal_starts_the_one_listed_last_counts(rates: Rates) -> None:
    periods = [period("20", "2000-01-01", None), period("5", "2000-01-01", None)]
    assert on_date(rates({"percentages": periods}))[0] == Decimal(5)


def test_malformed_figure_of_the_period_is_not_replaced_by_an_older_one(rates: Rates) -> None:
    periods = [period("20", "2000-01-01", None), period("x", "2010-01-01", None)]
    assert on_date(rates({"percentages": periods})) == (None, "none", "percentage_missing")


def test_period_whose_start_is_no_date_never_holds(rates: Rates) -> None:
    periods = [period("20", "soon", None)]
    assert on_date(rates({"percentages": periods})) == (None, "none", "no_percentage_on_date")


def test_periods_may_have_real_dates(rates: Rates) -> None:
    frame = rates({}).with_columns(
        pl.Series(
            "percentages",
            [[{"percentage": Decimal("5.5"), "from_date": date(2020, 1, 1), "to_date": None}]],
        )
    )
    assert on_date(frame) == (Decimal("5.5"), "period", None)


@pytest.mark.parametrize("text", [None, "", "-1", "100.01", "1e6", "twenty"])
def test_what_is_no_percentage_is_null(rates: Rates, text: str | None) -> None:
    assert on_date(rates({"percentage": text})) == (None, "none", "percentage_missing")


def part(percentage: str | None, *periods: dict[str, Any]) -> dict[str, Any]:
    return {"id": "p", "name": "p", "percentage": percentage, "percentages": list(periods)}


def test_combined_rate_is_the_sum_of_its_parts_on_the_date(rates: Rates) -> None:
    parts = [part("5"), part("7", period("6", "2000-01-01", None))]
    row = {"percentage": "99", "is_combined_rate": True, "component_tax_rates": parts}
    assert on_date(rates(row)) == (Decimal(11), "components", None)


@pytest.mark.parametrize(
    ("unknown", "reason"),
    [
        (part(None), "percentage_missing"),
        (part("7", period("7", "2030-01-01", None)), "no_percentage_on_date"),
    ],
)
def test_sum_with_an_unknown_part_is_unknown(rates: Rates, unknown: Any, reason: str) -> None:
    row = {"is_combined_rate": True, "component_tax_rates": [part("5"), unknown]}
    assert on_date(rates(row)) == (None, "none", reason)


def test_parts_of_a_rate_that_is_not_combined_are_not_summed(rates: Rates) -> None:
    assert on_date(rates({"component_tax_rates": [part("5")]}))[:2] == (Decimal(20), "current")


def test_combined_rate_without_parts_is_as_it_stands(rates: Rates) -> None:
    assert on_date(rates({"is_combined_rate": True}))[:2] == (Decimal(20), "current")
