"""Tie-outs of the statements: profit and loss, balance sheet, cash flow, and their classification."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import UNCLASSIFIED
from sage_unified.checks.comparison import Check, Frames, both
from sage_unified.checks.gaps import ACCOUNTS
from sage_unified.checks.ledger import STALE, posted
from sage_unified.columns import MONEY
from sage_unified.marts.cash_flow import LIQUID

_ACCOUNT: Final = ["business_id", "account_id"]
_MONTH: Final = ["business_id", "period"]
_NO_STATEMENTS: Final = (
    "No ledger entries or no ledger accounts were loaded: the user may lack the role Journals in Sage. "
    "See sage-elt doctor."
)


def _profit(frames: Frames) -> pl.LazyFrame:
    """Net profit of a month = what equity grew by, less what was booked on equity directly."""
    sign = pl.when(pl.col("account_class") == "income").then(1).otherwise(-1)
    profit = (
        frames["profit_and_loss"]
        .group_by(_MONTH)
        .agg((pl.col("amount") * sign).sum().alias("found"))
    )
    grown = (
        frames["balance_sheet"]
        .filter(pl.col("account_class") == "equity")
        .group_by("business_id", pl.col("period_end").alias("period"))
        .agg(pl.col("balance").sum())
        .sort(_MONTH)
        .with_columns(
            (pl.col("balance") - pl.col("balance").shift(1).over("business_id").fill_null(0)).alias(
                "grown"
            )
        )
    )
    of_equity = frames["dim_account"].filter(pl.col("account_class") == "equity").select(_ACCOUNT)
    direct = (
        posted(frames)
        .filter(~pl.col("is_closing_entry"))
        .join(of_equity, on=_ACCOUNT, how="semi")
        .group_by("business_id", pl.col("date").dt.month_end().alias("period"))
        .agg((-pl.col("amount").sum()).alias("direct"))
    )
    earned = grown.join(direct, on=_MONTH, how="left", validate="1:1").select(
        *_MONTH, (pl.col("grown") - pl.col("direct").fill_null(0)).alias("expected")
    )
    return both(earned, profit, "period")


def _balance_sheet(frames: Frames) -> pl.LazyFrame:
    owed = pl.col("account_class").is_in(["liability", "equity"])
    unclassified = pl.col("balance").filter(pl.col("account_class") == UNCLASSIFIED).sum()
    return (
        frames["balance_sheet"]
        .group_by("business_id", pl.col("period_end").cast(pl.String).alias("subject"))
        .agg(
            pl.col("balance").filter(owed).sum().alias("expected"),
            pl.col("balance").filter(pl.col("account_class") == "asset").sum().alias("found"),
            pl.when(unclassified != 0)
            .then(pl.format("Unclassified accounts carry {}", unclassified))
            .alias("detail"),
        )
    )


def _cash(frames: Frames) -> pl.LazyFrame:
    liquid = frames["dim_account"].filter(pl.col("account_subclass").is_in(LIQUID)).select(_ACCOUNT)
    moved = (
        posted(frames)
        .join(liquid, on=_ACCOUNT, how="semi")
        .group_by("business_id", pl.col("date").dt.month_end().alias("period"))
        .agg(pl.col("amount").sum().alias("expected"))
    )
    flowed = frames["cash_flow"].group_by(_MONTH).agg(pl.col("amount").sum().alias("found"))
    return both(moved, flowed, "period")


def _classified(frames: Frames) -> pl.LazyFrame:
    is_known = ~pl.col("problem").is_in(["unclassified", "unknown_account"]).fill_null(False)
    nothing = pl.lit(0, MONEY)
    return (
        frames["account_classification_check"]
        .filter(pl.col("balance") != 0)
        .select(
            "business_id",
            pl.col("account_id").alias("subject"),
            "balance",
            pl.when(is_known).then("balance").otherwise(nothing).alias("found"),
        )
        .rename({"balance": "expected"})
    )


CHECKS: Final = (
    Check(
        "profit_equals_change_of_equity",
        "months",
        _profit,
        "The net profit of this month in marts.profit_and_loss is not what equity in "
        "marts.balance_sheet grew by, direct bookings apart. Look for broken transactions and for "
        f"accounts whose class changed; if there are none, {STALE}",
        _NO_STATEMENTS,
        (ACCOUNTS,),
    ),
    Check(
        "balance_sheet_balances",
        "months",
        _balance_sheet,
        "Assets are not liabilities and equity at the end of this month. The broken transactions and "
        "the unclassified accounts in marts.account_classification_check say where.",
        _NO_STATEMENTS,
        (ACCOUNTS,),
    ),
    Check(
        "cash_flow_equals_bank_movement",
        "months",
        _cash,
        "marts.cash_flow does not explain what bank, cash and credit card accounts moved in this "
        f"month. The broken transactions say where; if there are none, {STALE}",
        _NO_STATEMENTS,
        (ACCOUNTS,),
    ),
    Check(
        "accounts_are_classified",
        "accounts with a balance",
        _classified,
        "Nothing tells the class of this account, so no statement shows its balance. Give it a type "
        "in Sage, then run: sage-elt run",
        _NO_STATEMENTS,
        (ACCOUNTS,),
    ),
)
