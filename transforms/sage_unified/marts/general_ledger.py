"""The general ledger: every posted entry with the balance that its account had after it."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import UNCLASSIFIED
from sage_unified.columns import MONEY

_ACCOUNT: Final = ["business_id", "account_id"]
_ORDER: Final = ["date", "created_at", "entry_id"]


def general_ledger(entries: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row a posted entry, by business, account, date, time of creation and id.

    Takes ``fct_ledger_entry`` and ``dim_account``. Deleted entries are left out. Amounts are in base
    currency, debit positive; ``running_balance`` sums the account's amounts up to the entry.
    """
    described = accounts.select(
        *_ACCOUNT,
        pl.col("code").alias("account_code"),
        pl.coalesce("name", "display_name").alias("account_name"),
        "account_class",
        "account_subclass",
    )
    return (
        entries.filter(~pl.col("is_deleted"))
        .sort(*_ACCOUNT, *_ORDER)
        .with_columns(
            pl.col("amount").cum_sum().over(_ACCOUNT).cast(MONEY).alias("running_balance")
        )
        .join(described, on=_ACCOUNT, how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.col("account_class").fill_null(UNCLASSIFIED))
    )
