"""The trial balance: what each account held at the end of each month."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import UNCLASSIFIED
from sage_unified.columns import MONEY

_ACCOUNT: Final = ["business_id", "account_id"]


def trial_balance(entries: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row a business, month end and account, in that order.

    Takes ``fct_ledger_entry`` and ``dim_account``. Every account that has an entry stands in every month
    from the business's first entry to its last; deleted entries are left out. Balances are in base
    currency, debit positive: closing = opening + debits - credits, and each month's closing balances
    sum to 0.
    """
    # the entries are read once, and all else is made of their sums
    moved = (
        entries.filter(~pl.col("is_deleted"))
        .group_by(*_ACCOUNT, pl.col("date").dt.month_end().alias("period_end"))
        .agg(pl.col("debit").sum().alias("debits"), pl.col("credit").sum().alias("credits"))
    )
    first, last = pl.col("period_end").min(), pl.col("period_end").max()
    months = moved.group_by("business_id").agg(
        pl.date_range(first.dt.month_start(), last, "1mo").dt.month_end().alias("period_end")
    )
    movement = pl.col("debits") - pl.col("credits")
    described = accounts.select(*_ACCOUNT, pl.col("code").alias("account_code"), "account_class")
    return (
        moved.select(_ACCOUNT)
        .unique()
        .join(months, on="business_id", validate="m:1")
        .explode("period_end")
        .join(moved, on=[*_ACCOUNT, "period_end"], how="left", validate="1:1")
        .with_columns(pl.col("debits", "credits").fill_null(0))
        .sort(*_ACCOUNT, "period_end")
        .with_columns(movement.cum_sum().over(_ACCOUNT).alias("closing_balance"))
        .with_columns((pl.col("closing_balance") - movement).alias("opening_balance"))
        .join(described, on=_ACCOUNT, how="left", validate="m:1")
        .with_columns(
            pl.col("account_class").fill_null(UNCLASSIFIED),
            pl.col("opening_balance", "debits", "credits", "closing_balance").cast(MONEY),
        )
        .sort("business_id", "period_end", "account_id")
    )
