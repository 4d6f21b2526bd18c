"""What the law says of a figure on a date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from sage_unified.columns import PERCENTAGE
from sage_unified.rules import rule_table
from sage_unified.tax_rates.figures import lone_surcharges, look_up
from sage_unified.tax_rates.words import ANY_TAX


def answer(country: str, taxes: str, percentage: str, day: date) -> tuple[str | None, ...]:
    """Tax type, class and reason."""
    question = pl.DataFrame(
        {
            "country": [country],
            "taxes": [taxes],
            "percentage_on_date": [Decimal(percentage)],
            "document_date": [day],
        },
        schema_overrides={"percentage_on_date": PERCENTAGE},
    )
    found = look_up(question).row(0, named=True)
    return found["figure_tax_type"], found["figure_class"], found["figure_reason"]


DAY = date(2024, 5, 1)


@pytest.mark.parametrize(
    ("country", "taxes", "percentage", "day", "expected"),
    [
        ("GB", ANY_TAX, "20", DAY, ("VAT", "standard", None)),
        ("GB", ANY_TAX, "18", DAY, (None, None, "figure_unknown")),
        ("GB", ANY_TAX, "17.5", DAY, (None, None, "figure_not_in_force")),
        ("GB", ANY_TAX, "17.5", date(2011, 1, 3), ("VAT", "standard", None)),
        ("ES", ANY_TAX, "10", DAY, (None, None, "figure_ambiguous")),
        ("ES", "VAT", "10", DAY, ("VAT", "reduced", None)),
        ("ES", "VAT_RE+RE", "1.4", DAY, ("RE", "reduced", None)),
        ("CA", ANY_TAX, "13", date(2018, 5, 1), (None, None, "figure_ambiguous")),
        ("CA", ANY_TAX, "13", DAY, ("HST", "standard", None)),
        ("IE", ANY_TAX, "4.8", DAY, (None, None, "figure_ambiguous")),
    ],
)
def test_figure_is_told_only_when_one_tax_and_class_is_in_force(
    country: str, taxes: str, percentage: str, day: date, expected: tuple[str | None, ...]
) -> None:
    assert answer(country, taxes, percentage, day) == expected


def test_regional_class_gives_way_to_the_mainland_of_the_same_tax() -> None:
    assert answer("FR", "VAT", "2.1", DAY) == ("VAT", "super_reduced", None)


def test_regional_figure_without_a_mainland_counts() -> None:
    assert answer("FR", "VAT", "8.5", DAY) == ("VAT", "standard", None)


def test_no_surcharge_alone_is_also_a_rate_with_surcharge() -> None:
    rates = rule_table("vat_rates")
    with_vat = rates.filter(pl.col("tax_type") == "VAT_RE")["percentage"]
    assert not set(lone_surcharges()) & set(with_vat)
