"""The profit and loss account: what was earned and spent in each month."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY

_MONTH: Final = ["business_id", "period"]
_GROSS: Final = ("sales", "sales_discount", "cost_of_sales")
"""Subclasses between which the gross profit lies."""


def profit_and_loss(entries: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row a business, month and account that moved in it, in that order.

    Takes ``fct_ledger_entry`` and ``dim_account``. ``period`` is the last day of the month. ``amount``
    is in base currency: of income what was earned, of expense what was spent. ``gross_profit`` and
    ``net_profit`` are those of the whole month, the same on each of its rows. Journals that close a
    year are left out.
    """
    described = accounts.filter(pl.col("statement") == "PL").select(
        "business_id", "account_id", "account_class", "account_subclass"
    )
    earned = -pl.col("booked")
    is_gross = pl.col("account_subclass").is_in(_GROSS).fill_null(False)
    return (
        entries.filter(~pl.col("is_deleted"), ~pl.col("is_closing_entry"))
        .group_by(
            "business_id", pl.col("date").dt.month_end().alias("period"), pl.col("account_id")
        )
        .agg(pl.col("amount").sum().alias("booked"))
        .join(described, on=["business_id", "account_id"], validate="m:1")
        .with_columns(
            pl.when(pl.col("account_class") == "income")
            .then(earned)
            .otherwise("booked")
            .cast(MONEY)
            .alias("amount"),
            pl.when(is_gross).then(earned).otherwise(0).sum().over(_MONTH).alias("gross_profit"),
            earned.sum().over(_MONTH).alias("net_profit"),
        )
        .with_columns(pl.col("gross_profit", "net_profit").cast(MONEY))
        .sort(*_MONTH, "account_id")
    )
