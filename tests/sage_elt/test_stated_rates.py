"""One currency for all: the newest rate of the documents, exact, and nothing without a rate."""

from datetime import date
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sage_elt.stated_rates import StatedRate, converted, proposed_rates

PAIRS = pl.DataFrame(
    {
        "base": ["GBP", "EUR", "EUR"],
        "currency": ["EUR", "GBP", "USD"],
        "date": [date(2026, 6, 22), date(2026, 4, 9), date(2026, 6, 18)],
        "rate": [Decimal("1.188235"), Decimal("0.84745"), Decimal("1.25")],
    },
    schema_overrides={"rate": pl.Decimal(19, 10)},
)


def amounts(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"base_currency": [c for c, _ in rows], "amount": [Decimal(a) for _, a in rows]},
        schema_overrides={"amount": pl.Decimal(19, 4)},
    )


def test_newest_document_gives_the_rate() -> None:
    assert proposed_rates(PAIRS, ["GBP"], "EUR") == [
        StatedRate("GBP", Decimal("1.188235"), "of a document of 2026-06-22")
    ]


def test_rate_that_is_only_known_the_other_way_is_turned_round() -> None:
    (rate,) = proposed_rates(PAIRS, ["USD"], "EUR")
    assert (rate.rate, rate.source) == (
        Decimal("0.800000"),
        "of a document of 2026-06-18, turned round",
    )


def test_currency_itself_is_one() -> None:
    assert proposed_rates(PAIRS, ["EUR"], "EUR")[0].rate == 1


def test_pair_that_no_document_has_is_not_guessed() -> None:
    assert proposed_rates(PAIRS, ["CAD"], "EUR")[0].rate is None


def test_amount_without_a_rate_is_left_out() -> None:
    found = converted(amounts(("GBP", "10"), ("CAD", "10")), {"GBP": Decimal("1.188235")})
    assert found.rows() == [("GBP", Decimal("11.88"))]


@given(st.decimals(-(10**11), 10**11, places=4), st.decimals("0.000001", 10**5, places=6))
def test_conversion_is_exact_to_the_cent(amount: Decimal, rate: Decimal) -> None:
    ((_, found),) = converted(amounts(("GBP", str(amount))), {"GBP": rate}).rows()
    assert found == round(amount * rate, 2)
