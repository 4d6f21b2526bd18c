"""Profit and loss, balance sheet, cash flow and account classification of small books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified.marts.account_classification import account_classification_check
from sage_unified.marts.balance_sheet import balance_sheet
from sage_unified.marts.cash_flow import cash_flow
from sage_unified.marts.profit_and_loss import profit_and_loss
from sage_unified.marts.trial_balance import trial_balance

Table = Callable[..., pl.LazyFrame]
JANUARY, FEBRUARY = date(2024, 1, 31), date(2024, 2, 29)


@pytest.fixture(scope="module")
def accounts(unified: Table) -> pl.LazyFrame:
    kinds = {
        "bank": ("asset", "bank", "BS"),
        "savings": ("asset", "bank", "BS"),
        "plant": ("asset", "fixed_asset", "BS"),
        "loan": ("liability", "loan", "BS"),
        "reserves": ("equity", "retained_earnings", "BS"),
        "sales": ("income", "sales", "PL"),
        "interest": ("income", "interest_income", "PL"),
        "goods": ("expense", "cost_of_sales", "PL"),
        "rent": ("expense", "overhead", "PL"),
    }
    return unified(
        "dim_account",
        *(
            {
                "account_id": account,
                "account_class": class_,
                "account_subclass": subclass,
                "statement": statement,
            }
            for account, (class_, subclass, statement) in kinds.items()
        ),
        {"account_id": "odd", "account_class": "unclassified", "class_method": "none"},
    )


def posting(number: int, day: date, *legs: tuple[str, str], **columns: Any) -> list[dict[str, Any]]:
    return [
        {
            "entry_id": f"{number}.{account}",
            "transaction_id": f"t{number}",
            "account_id": account,
            "date": day,
            "amount": amount,
            **columns,
        }
        for account, amount in legs
    ]


def statement(
    unified: Table, accounts: pl.LazyFrame, entries: list[dict[str, Any]], year_end: date | None
) -> dict[tuple[date, str], Decimal]:
    ledger = unified("fct_ledger_entry", *entries)
    business = unified("dim_business", {"year_end_date": year_end})
    found = balance_sheet(trial_balance(ledger, accounts), ledger, accounts, business).collect()
    return {
        (row["period_end"], row["account_id"]): row["balance"]
        for row in found.iter_rows(named=True)
    }


SALE = posting(1, date(2024, 1, 5), ("bank", "100"), ("sales", "-100"))
COST = posting(2, date(2024, 1, 6), ("bank", "-40"), ("goods", "40"))
RENT = posting(3, date(2024, 1, 7), ("bank", "-25"), ("rent", "25"))


def test_profit_of_a_month_stands_on_each_of_its_rows(
    unified: Table, accounts: pl.LazyFrame
) -> None:
    ledger = unified("fct_ledger_entry", *SALE, *COST, *RENT)
    found = profit_and_loss(ledger, accounts).collect()
    columns = ["account_id", "amount", "gross_profit", "net_profit"]
    assert found.select(columns).rows() == [
        ("goods", Decimal(40), Decimal(60), Decimal(35)),
        ("rent", Decimal(25), Decimal(60), Decimal(35)),
        ("sales", Decimal(100), Decimal(60), Decimal(35)),
    ]


def test_journal_that_closes_a_year_is_no_loss(unified: Table, accounts: pl.LazyFrame) -> None:
    closing = posting(9, JANUARY, ("sales", "100"), ("reserves", "-100"), is_closing_entry=True)
    found = profit_and_loss(unified("fct_ledger_entry", *SALE, *closing), accounts).collect()
    assert found["net_profit"].to_list() == [Decimal(100)]


def test_result_of_the_year_before_moves_to_prior_years(
    unified: Table, accounts: pl.LazyFrame
) -> None:
    later = posting(4, date(2024, 2, 3), ("bank", "7"), ("interest", "-7"))
    found = statement(unified, accounts, [*SALE, *later], date(2024, 1, 31))
    assert found[JANUARY, "current_year_result"] == 100
    assert found[FEBRUARY, "current_year_result"] == 7
    assert found[FEBRUARY, "prior_years_result"] == 100


def test_year_may_end_within_a_month(unified: Table, accounts: pl.LazyFrame) -> None:
    in_april = [
        *posting(1, date(2024, 4, 5), ("bank", "1"), ("sales", "-1")),
        *posting(2, date(2024, 4, 6), ("bank", "2"), ("sales", "-2")),
    ]
    found = statement(unified, accounts, in_april, date(2025, 4, 5))
    april = date(2024, 4, 30)
    assert (found[april, "prior_years_result"], found[april, "current_year_result"]) == (1, 2)


def test_year_end_in_february_holds_in_leap_years(unified: Table, accounts: pl.LazyFrame) -> None:
    last = posting(1, FEBRUARY, ("bank", "1"), ("sales", "-1"))
    next_year = posting(2, date(2024, 3, 1), ("bank", "2"), ("sales", "-2"))
    found = statement(unified, accounts, [*last, *next_year], date(2023, 2, 28))
    assert found[FEBRUARY, "current_year_result"] == 1
    assert found[date(2024, 3, 31), "current_year_result"] == 2


def test_closed_year_leaves_no_result(unified: Table, accounts: pl.LazyFrame) -> None:
    closing = posting(9, JANUARY, ("sales", "100"), ("reserves", "-100"), is_closing_entry=True)
    found = statement(unified, accounts, [*SALE, *closing], JANUARY)
    assert (found[JANUARY, "current_year_result"], found[JANUARY, "reserves"]) == (0, 100)


def test_year_without_known_end_is_the_calendar_year(
    unified: Table, accounts: pl.LazyFrame
) -> None:
    before = posting(4, date(2023, 12, 31), ("bank", "7"), ("sales", "-7"))
    found = statement(unified, accounts, [*before, *SALE], None)
    assert found[JANUARY, "prior_years_result"] == 7


def test_liabilities_are_positive_when_owed(unified: Table, accounts: pl.LazyFrame) -> None:
    borrowed = posting(1, date(2024, 1, 5), ("bank", "50"), ("loan", "-50"))
    found = statement(unified, accounts, borrowed, None)
    assert (found[JANUARY, "bank"], found[JANUARY, "loan"]) == (50, 50)


def flows(
    unified: Table, accounts: pl.LazyFrame, entries: list[dict[str, Any]]
) -> list[tuple[str, str, Decimal]]:
    found = cash_flow(unified("fct_ledger_entry", *entries), accounts).collect()
    return found.select("section", "counter_subclass", "amount").rows()


def test_money_is_explained_by_the_other_legs(unified: Table, accounts: pl.LazyFrame) -> None:
    mixed = posting(
        1, date(2024, 1, 5), ("bank", "-130"), ("plant", "100"), ("loan", "20"), ("rent", "10")
    )
    assert flows(unified, accounts, mixed) == [
        ("financing", "loan", Decimal(-20)),
        ("investing", "fixed_asset", Decimal(-100)),
        ("operating", "overhead", Decimal(-10)),
    ]


def test_transfer_nets_to_nothing(unified: Table, accounts: pl.LazyFrame) -> None:
    moved = posting(1, date(2024, 1, 5), ("bank", "-130"), ("savings", "130"))
    assert flows(unified, accounts, moved) == [("transfer", "bank", Decimal(0))]


def test_transaction_without_money_flows_nowhere(unified: Table, accounts: pl.LazyFrame) -> None:
    accrued = posting(1, date(2024, 1, 5), ("rent", "5"), ("loan", "-5"))
    assert flows(unified, accounts, accrued) == []


@pytest.mark.parametrize(
    ("account", "problem"),
    [("odd", "unclassified"), ("nowhere", "unknown_account"), ("rent", None)],
)
def test_account_shows_what_is_wrong_with_its_class(
    unified: Table, accounts: pl.LazyFrame, account: str, problem: str | None
) -> None:
    ledger = unified("fct_ledger_entry", *posting(1, JANUARY, (account, "5"), ("bank", "-5")))
    found = account_classification_check(ledger, accounts).collect()
    assert found.filter(pl.col("account_id") == account)["problem"].to_list() == [problem]


def test_unclassified_account_without_a_balance_is_no_problem(
    unified: Table, accounts: pl.LazyFrame
) -> None:
    found = account_classification_check(unified("fct_ledger_entry"), accounts).collect()
    assert found["problem"].drop_nulls().is_empty()
