"""The cash flow statement, direct method: where money came from and what it went into."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import UNCLASSIFIED
from sage_unified.columns import MONEY

LIQUID: Final = ("bank", "cash", "credit_card")
"""Subclasses of the accounts whose movement the statement explains."""
TRANSFER: Final = "transfer"

_SECTIONS: Final = {
    "investing": ("fixed_asset", "accumulated_depreciation", "intangible", "investment"),
    "financing": (
        "loan",
        "line_of_credit",
        "capital",
        "dividends",
        "drawings",
        "opening_balance",
        "other_equity",
        "reserves",
        "retained_earnings",
        "current_year_result",
    ),
    "tax": ("tax", "income_tax"),
}
"""Sections by the subclass of the other leg; everything else is operating (compare IAS 7.13-17)."""
_TRANSACTION: Final = ["business_id", "transaction"]
_ACCOUNT: Final = ["business_id", "account_id"]


def cash_flow(entries: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row a business, month, section and counter subclass, in that order.

    Takes ``fct_ledger_entry`` and ``dim_account``. ``period`` is the last day of the month. ``amount``
    is in base currency, money in positive. Every other leg of a transaction that moves a bank, cash or
    credit card account explains its part of that movement; what only moves money between such
    accounts is a transfer and nets to 0.
    """
    described = accounts.select(*_ACCOUNT, "account_subclass", "account_class")
    legs = (
        entries.filter(~pl.col("is_deleted"))
        .join(described, on=_ACCOUNT, how="left", validate="m:1")
        .select(
            "business_id",
            pl.coalesce("transaction_id", "entry_id").alias("transaction"),
            pl.col("date").dt.month_end().alias("period"),
            pl.coalesce("account_subclass", "account_class", pl.lit(UNCLASSIFIED)).alias(
                "counter_subclass"
            ),
            pl.col("account_subclass").is_in(LIQUID).fill_null(False).alias("is_liquid"),
            "amount",
        )
    )
    liquid, other = legs.filter("is_liquid"), legs.filter(~pl.col("is_liquid"))
    explained = other.join(liquid, on=_TRANSACTION, how="semi").with_columns(
        -pl.col("amount"), _section().alias("section")
    )
    moved = liquid.join(other, on=_TRANSACTION, how="anti").with_columns(
        pl.lit(TRANSFER).alias("section")
    )
    grain = ["business_id", "period", "section", "counter_subclass"]
    return (
        pl.concat([explained, moved], how="vertical_relaxed")
        .group_by(grain)
        .agg(pl.col("amount").sum().cast(MONEY))
        .sort(grain)
    )


def _section() -> pl.Expr:
    named = [
        pl.when(pl.col("counter_subclass").is_in(subclasses)).then(pl.lit(section))
        for section, subclasses in _SECTIONS.items()
    ]
    return pl.coalesce(*named, pl.lit("operating"))
