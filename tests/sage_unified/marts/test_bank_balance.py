"""Daily bank balances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from sage_unified.marts.bank_balance import bank_balance

Table = Callable[..., pl.LazyFrame]


def moved(number: int, day: int, amount: str, **columns: Any) -> dict[str, Any]:
    return {
        "bank_transaction_id": f"e{number}",
        "bank_account_id": "current",
        "date": date(2024, 1, day),
        "base_amount": amount,
        **columns,
    }


def test_day_ends_with_everything_moved_so_far(unified: Table) -> None:
    transactions = unified(
        "fct_bank_transaction", moved(1, 5, "10"), moved(2, 5, "-3"), moved(3, 9, "1")
    )
    found = bank_balance(transactions).collect()
    assert found.select("date", "movement", "balance").rows() == [
        (date(2024, 1, 5), Decimal(7), Decimal(7)),
        (date(2024, 1, 9), Decimal(1), Decimal(8)),
    ]


def test_deleted_transaction_moves_nothing(unified: Table) -> None:
    transactions = unified("fct_bank_transaction", moved(1, 5, "10", is_deleted=True))
    assert bank_balance(transactions).collect().is_empty()
