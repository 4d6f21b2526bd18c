"""Bank balances: what each bank account held at the end of every day on which it moved."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY

_BANK_ACCOUNT: Final = ["business_id", "bank_account_id"]


def bank_balance(bank_transactions: pl.LazyFrame) -> pl.LazyFrame:
    """One row a business, bank account and day with movement, in that order.

    Takes ``fct_bank_transaction``; deleted ones are left out. ``movement`` of the day and ``balance``
    at its end are in base currency, positive = money in the bank.
    """
    return (
        bank_transactions.filter(~pl.col("is_deleted"))
        .group_by(*_BANK_ACCOUNT, "date")
        .agg(pl.col("base_amount").sum().cast(MONEY).alias("movement"))
        .sort(*_BANK_ACCOUNT, "date")
        .with_columns(pl.col("movement").cum_sum().over(_BANK_ACCOUNT).cast(MONEY).alias("balance"))
    )
