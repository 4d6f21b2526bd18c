"""Tie-outs: sound books are sound, and what is broken is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sage_unified as su

BALANCES = "_ledger_account_balances"
TIE_OUTS = (
    "transaction_balances",
    "ledger_balances",
    "trial_balance_sums_to_zero",
    "trial_balance_equals_ledger",
    "trial_balance_equals_sage",
)
Books = Callable[..., dict[str, pl.LazyFrame]]
Entry = Callable[..., dict[str, Any]]


def tables(books: dict[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    built = su.build(books, date(2024, 7, 1))
    named = {name: frame.lazy() for (_, name), frame in built.items()}
    return named | {BALANCES: books.get(BALANCES, pl.LazyFrame())}


def outcome(books: dict[str, pl.LazyFrame], check: str, status: str) -> list[tuple[Any, ...]]:
    found = su.check(tables(books)).filter(pl.col("check") == check, pl.col("status") == status)
    return found.select("subject", "expected", "found", "difference").rows()


@pytest.fixture(scope="module")
def of_sound_books(raw_books: Books) -> pl.DataFrame:
    return su.check(tables(raw_books()))


@pytest.mark.parametrize("check", TIE_OUTS)
def test_sound_books_have_one_good_row_a_check(of_sound_books: pl.DataFrame, check: str) -> None:
    found = of_sound_books.filter(pl.col("check") == check)
    assert found.select("business_id", "status", "difference").rows() == [("b1", "ok", Decimal(0))]


def test_good_row_shows_what_was_compared(raw_books: Books) -> None:
    total = Decimal("170.25")
    assert outcome(raw_books(), "transaction_balances", "ok") == [
        ("2 transactions", total, total, Decimal(0))
    ]


def unbalanced(make_entry: Entry) -> list[dict[str, Any]]:
    return [
        make_entry("e1", "t1", "bank", date(2024, 1, 15), "120.00"),
        make_entry("e2", "t1", "sales", date(2024, 1, 15), "-119.99"),
        make_entry("e3", "t2", "bank", date(2024, 2, 15), "1.00"),
        make_entry("e4", "t2", "sales", date(2024, 2, 15), "-1.00"),
    ]


CENT = Decimal("0.01")


def test_transaction_that_does_not_balance_is_named(raw_books: Books, make_entry: Entry) -> None:
    books = raw_books(ledger_entries=unbalanced(make_entry))
    assert outcome(books, "transaction_balances", "broken") == [
        ("t1", Decimal("119.99"), Decimal(120), CENT)
    ]


def test_months_that_do_not_sum_to_zero_are_named(raw_books: Books, make_entry: Entry) -> None:
    books = raw_books(ledger_entries=unbalanced(make_entry))
    assert outcome(books, "trial_balance_sums_to_zero", "broken") == [
        ("2024-01-31", Decimal(0), CENT, CENT),
        ("2024-02-29", Decimal(0), CENT, CENT),
    ]


def balances(*rows: tuple[str, str, str], **columns: Any) -> list[dict[str, Any]]:
    return [
        {
            "business_id": "b1",
            "id": account,
            "balance_details__debits": Decimal(debits),
            "balance_details__credits": Decimal(credits_),
            **columns,
        }
        for account, debits, credits_ in rows
    ]


SOUND = (("bank", "120", "50.25"), ("sales", "0", "120"), ("rent", "50.25", "0"))


def test_account_that_sage_sees_differently_is_named(raw_books: Books) -> None:
    books = raw_books(**{BALANCES: balances(("bank", "121", "50.25"), *SOUND[1:])})
    assert outcome(books, "trial_balance_equals_sage", "broken") == [
        ("bank", Decimal("70.75"), Decimal("69.75"), Decimal(-1))
    ]


def test_account_that_sage_does_not_list_is_named(raw_books: Books) -> None:
    books = raw_books(**{BALANCES: balances(*SOUND[:2])})
    assert [row[0] for row in outcome(books, "trial_balance_equals_sage", "broken")] == ["rent"]


def test_balances_of_a_span_are_held_against_its_entries(raw_books: Books) -> None:
    of_march = balances(
        ("bank", "0", "50.25"),
        ("rent", "50.25", "0"),
        balance_details__from_date=date(2024, 2, 1),
        balance_details__to_date=date(2024, 3, 2),
    )
    books = raw_books(**{BALANCES: of_march})
    assert outcome(books, "trial_balance_equals_sage", "broken") == []


def test_stale_trial_balance_is_told_from_the_ledger(raw_books: Books) -> None:
    stale = tables(raw_books())
    stale["trial_balance"] = stale["trial_balance"].filter(pl.col("account_id") != "rent")
    found = su.check(stale).filter(pl.col("status") == "broken")
    assert set(found["check"]) == {
        "trial_balance_equals_ledger",
        "trial_balance_sums_to_zero",
        "running_balance_equals_trial_balance",
    }


def test_sage_balances_not_loaded_are_missing(raw_books: Books) -> None:
    books = raw_books(**{BALANCES: []})
    assert outcome(books, "trial_balance_equals_sage", "missing") == [
        ("accounts", None, None, None)
    ]


def test_ledger_not_loaded_is_missing_and_says_why(raw_books: Books) -> None:
    found = su.check(tables(raw_books(ledger_entries=[], **{BALANCES: []})))
    ledger = found.filter(pl.col("check") == "transaction_balances")
    assert ledger["status"].to_list() == ["missing"]
    assert "Journals" in ledger["hint"].item()


def test_unmapped_rate_is_listed_with_its_reason_and_breaks_nothing(raw_books: Books) -> None:
    rates = [
        {"business_id": "b1", "id": "GB_ZERO", "name": "Zero", "percentage": Decimal(0)},
        {"business_id": "b1", "id": "own", "name": "Nil", "percentage": Decimal(0)},
    ]
    found = su.check(tables(raw_books(tax_rates=rates, tax_rates__percentages=[])))
    listed = found.filter(pl.col("check") == "tax_rates_mapped")
    assert listed.select("subject", "expected", "found", "status", "hint").rows() == [
        ("current tax rates", Decimal(2), Decimal(1), "ok", ""),
        ("own", None, None, "ok", "zero_rate_ambiguous"),
    ]


def test_every_broken_row_says_what_to_do(raw_books: Books, make_entry: Entry) -> None:
    found = su.check(tables(raw_books(ledger_entries=unbalanced(make_entry))))
    assert found.filter(
        pl.col("status") == "broken", pl.col("hint").str.len_chars() < 40
    ).is_empty()


def test_nothing_loaded_gives_no_rows() -> None:
    assert su.check({}).is_empty()


def test_checks_name_the_columns_that_they_read() -> None:
    columns = su.checked_columns()
    for table, named in columns["unified"].items():
        assert set(named) <= set(su.duckdb_types("unified", table))
    assert columns["sage"][BALANCES] == su.raw_columns().get(BALANCES, columns["sage"][BALANCES])


@settings(max_examples=15)
@given(
    index=st.integers(0, 3),
    change=st.sampled_from(["amount", "account", "deleted", "gone"]),
)
def test_any_changed_entry_breaks_a_check(raw_books: Books, index: int, change: str) -> None:
    books = raw_books()
    rows = books["ledger_entries"].collect().to_dicts()
    if change == "amount":
        rows[index]["debit"] += CENT
    elif change == "account":
        rows[index]["ledger_account__id"] = "plant"
    elif change == "deleted":
        rows[index]["deleted"] = True
    else:
        del rows[index]
    changed = tables(raw_books(ledger_entries=rows, tax_rates=[]))
    broken = su.check(changed).filter(pl.col("status") == "broken")
    assert not broken.is_empty()
