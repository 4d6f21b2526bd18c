"""How each account was classified, and what hangs on it."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY

_ACCOUNT: Final = ["business_id", "account_id"]


def account_classification_check(entries: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row an account of the chart, or with entries, in that order.

    Takes ``fct_ledger_entry`` and ``dim_account``. ``balance`` is in base currency, debit positive.
    ``problem`` is ``unclassified`` where nothing tells the class of an account with a balance,
    ``conflict`` where its type and its code disagree, ``unknown_account`` where entries name an
    account that was not loaded; else null.
    """
    balances = entries.filter(~pl.col("is_deleted")).group_by(_ACCOUNT).agg(pl.col("amount").sum())
    described = accounts.select(
        *_ACCOUNT,
        pl.col("code").alias("account_code"),
        pl.coalesce("name", "display_name").alias("account_name"),
        "account_class",
        "account_subclass",
        "class_method",
        "class_conflict",
    )
    has_balance = pl.col("balance") != 0
    return (
        described.join(balances, on=_ACCOUNT, how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col("amount").fill_null(0).cast(MONEY).alias("balance"))
        .with_columns(
            pl.when(pl.col("class_method").is_null())
            .then(pl.lit("unknown_account"))
            .when((pl.col("class_method") == "none") & has_balance)
            .then(pl.lit("unclassified"))
            .when("class_conflict")
            .then(pl.lit("conflict"))
            .alias("problem")
        )
        .sort(_ACCOUNT)
    )
