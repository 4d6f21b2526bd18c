"""The general ledger and its running balances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified.marts.general_ledger import general_ledger

Table = Callable[..., pl.LazyFrame]


def entry(entry_id: str, day: date, amount: str, **columns: Any) -> dict[str, Any]:
    return {"entry_id": entry_id, "account_id": "bank", "date": day, "amount": amount, **columns}


def balances(unified: Table, *entries: dict[str, Any]) -> list[tuple[Any, ...]]:
    accounts = unified("dim_account", {"account_id": "bank", "account_class": "asset"})
    found = general_ledger(unified("fct_ledger_entry", *entries), accounts).collect()
    return found.select("entry_id", "running_balance").rows()


def test_balance_runs_in_the_order_of_dates(unified: Table) -> None:
    late, early = entry("a", date(2024, 2, 1), "5"), entry("b", date(2024, 1, 1), "3")
    assert balances(unified, late, early) == [("b", Decimal(3)), ("a", Decimal(8))]


def test_accounts_have_balances_of_their_own(unified: Table) -> None:
    rent = entry("b", date(2024, 1, 1), "3", account_id="rent")
    assert balances(unified, entry("a", date(2024, 1, 1), "5"), rent) == [
        ("a", Decimal(5)),
        ("b", Decimal(3)),
    ]


def test_deleted_entry_is_left_out(unified: Table) -> None:
    gone = entry("b", date(2024, 1, 1), "3", is_deleted=True)
    assert balances(unified, gone, entry("a", date(2024, 1, 1), "5")) == [("a", Decimal(5))]


def test_entry_on_an_account_not_loaded_is_unclassified(unified: Table) -> None:
    entries = unified("fct_ledger_entry", entry("a", date(2024, 1, 1), "5"))
    found = general_ledger(entries, unified("dim_account")).collect()
    assert found["account_class"].to_list() == ["unclassified"]


@settings(max_examples=15)
@given(cents=st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=20))
def test_last_balance_is_the_sum_of_the_entries(unified: Table, cents: list[int]) -> None:
    amounts = [Decimal(value) / 100 for value in cents]
    entries = [
        entry(f"{n:02}", date(2024, 1, 1 + n), str(amount)) for n, amount in enumerate(amounts)
    ]
    assert balances(unified, *entries)[-1][1] == sum(amounts)
