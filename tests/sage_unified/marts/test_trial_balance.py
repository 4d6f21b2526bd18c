"""The trial balance of random and of small books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified import build
from sage_unified.rules import rule_table

Books = Callable[..., dict[str, pl.LazyFrame]]
Entry = Callable[..., dict[str, Any]]


def trial_balance(books: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    without_rates = {name: frame for name, frame in books.items() if "tax_rates" not in name}
    return build(without_rates, date(2024, 7, 1))["marts", "trial_balance"]


def test_columns_are_those_of_the_list_of_marts() -> None:
    listed = rule_table("marts").filter(pl.col("mart") == "trial_balance")["columns"].item()
    assert trial_balance({}).columns == listed.split(", ")


def test_every_month_from_first_to_last_entry_is_there(raw_books: Books) -> None:
    months = trial_balance(raw_books())["period_end"].unique().sort().to_list()
    assert months == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]


def test_account_carries_its_balance_on(raw_books: Books) -> None:
    bank = trial_balance(raw_books()).filter(pl.col("account_id") == "bank")
    columns = ["opening_balance", "debits", "credits", "closing_balance"]
    assert bank.select(columns).rows() == [
        (Decimal(0), Decimal(120), Decimal(0), Decimal(120)),
        (Decimal(120), Decimal(0), Decimal(0), Decimal(120)),
        (Decimal(120), Decimal(0), Decimal("50.25"), Decimal("69.75")),
    ]


def test_deleted_entries_are_left_out(raw_books: Books) -> None:
    february = trial_balance(raw_books()).filter(pl.col("period_end") == date(2024, 2, 29))
    assert february["debits"].sum() == 0


def test_account_shows_code_and_class(raw_books: Books) -> None:
    found = trial_balance(raw_books()).filter(pl.col("account_id") == "rent")
    assert found.select("account_code", "account_class").unique().rows() == [("7100", "expense")]


def test_account_not_loaded_stays_in_the_balance(raw_books: Books) -> None:
    found = trial_balance(raw_books(ledger_accounts=[]))
    assert found["account_class"].unique().to_list() == ["unclassified"]


def test_businesses_have_months_of_their_own(raw_books: Books, make_entry: Entry) -> None:
    other = [
        make_entry("x1", "x", "bank", date(2020, 5, 5), "1") | {"business_id": "b2"},
        make_entry("x2", "x", "rent", date(2020, 5, 5), "-1") | {"business_id": "b2"},
        make_entry("e1", "t1", "bank", date(2024, 1, 15), "1"),
        make_entry("e2", "t1", "rent", date(2024, 1, 15), "-1"),
    ]
    found = trial_balance(raw_books(ledger_entries=other))
    assert found.select("business_id", "period_end").unique().sort("business_id").rows() == [
        ("b1", date(2024, 1, 31)),
        ("b2", date(2020, 5, 31)),
    ]


postings = st.lists(
    st.tuples(
        st.dates(date(2022, 1, 1), date(2023, 12, 31)),
        st.lists(
            st.tuples(
                st.sampled_from(["bank", "sales", "rent", "plant"]), st.integers(-(10**9), 10**9)
            ),
            min_size=1,
            max_size=4,
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)
"""Day, legs in cents, deleted; the reserves take what is left over."""


def entries(make_entry: Entry, posted: Any) -> list[dict[str, Any]]:
    return [
        make_entry(
            f"e{number}.{leg}",
            f"t{number}",
            account,
            day,
            str(Decimal(cents) / 100),
            deleted=deleted,
        )
        for number, (day, legs, deleted) in enumerate(posted)
        for leg, (account, cents) in enumerate(
            [*legs, ("reserves", -sum(cents for _, cents in legs))]
        )
    ]


@settings(max_examples=10)
@given(posted=postings)
def test_closing_balances_of_every_month_sum_to_zero(
    raw_books: Books, make_entry: Entry, posted: Any
) -> None:
    found = trial_balance(raw_books(ledger_entries=entries(make_entry, posted)))
    sums = found.group_by("period_end").agg(pl.col("closing_balance", "debits", "credits").sum())
    assert sums.filter(pl.col("closing_balance") != 0).is_empty()
    assert sums.filter(pl.col("debits") != pl.col("credits")).is_empty()


@settings(max_examples=10)
@given(posted=postings)
def test_each_month_opens_with_what_the_month_before_closed(
    raw_books: Books, make_entry: Entry, posted: Any
) -> None:
    found = trial_balance(raw_books(ledger_entries=entries(make_entry, posted)))
    before = pl.col("closing_balance").shift().over("account_id", order_by="period_end")
    assert found.filter(pl.col("opening_balance") != before.fill_null(0)).is_empty()
    moved = pl.col("opening_balance") + pl.col("debits") - pl.col("credits")
    assert found.filter(pl.col("closing_balance") != moved).is_empty()
