"""The balance sheet: what a business owned, owed and had earned at the end of each month."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import UNCLASSIFIED
from sage_unified.columns import MONEY

CURRENT_YEAR: Final = "current_year_result"
PRIOR_YEARS: Final = "prior_years_result"
RESULTS: Final = (CURRENT_YEAR, PRIOR_YEARS)
"""The computed rows, by the account and subclass that they bear."""

_MONTH: Final = ["business_id", "period_end"]
_ACCOUNT: Final = ["business_id", "account_id"]
_CREDIT_POSITIVE: Final = ("liability", "equity")


def balance_sheet(
    trial_balance: pl.LazyFrame,
    entries: pl.LazyFrame,
    accounts: pl.LazyFrame,
    businesses: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a business, month end and account outside the profit and loss, in that order.

    Takes the mart, ``fct_ledger_entry``, ``dim_account`` and ``dim_business``. ``balance`` is in base
    currency: of an asset what is owned, of a liability or equity what is owed. Two computed rows of
    equity carry what was earned and is not yet booked into it: ``current_year_result`` since the
    financial year began, ``prior_years_result`` of all years before. A year that a journal closed adds
    nothing, its result is then on an account. An unclassified account stays on the side of the assets.
    So assets = liabilities + equity, but for accounts that nothing classifies.
    """
    of_profit_and_loss = accounts.filter(pl.col("statement") == "PL").select(_ACCOUNT)
    subclasses = accounts.select(*_ACCOUNT, "account_subclass")
    owed = pl.col("account_class").is_in(_CREDIT_POSITIVE)
    balances = (
        trial_balance.join(of_profit_and_loss, on=_ACCOUNT, how="anti")
        .join(subclasses, on=_ACCOUNT, how="left", validate="m:1")
        .select(
            *_MONTH,
            pl.col("account_class").fill_null(UNCLASSIFIED),
            "account_subclass",
            "account_id",
            pl.when(owed)
            .then(-pl.col("closing_balance"))
            .otherwise("closing_balance")
            .alias("balance"),
        )
    )
    earned = entries.join(of_profit_and_loss, on=_ACCOUNT, how="semi")
    months = trial_balance.select(_MONTH).unique()
    return (
        pl.concat(
            [balances, _results(months, earned, businesses)],
            how="vertical_relaxed",
        )
        .with_columns(pl.col("balance").cast(MONEY))
        .sort(*_MONTH, "account_id")
    )


def _results(months: pl.LazyFrame, earned: pl.LazyFrame, businesses: pl.LazyFrame) -> pl.LazyFrame:
    """The computed rows of every month, from the entries on profit and loss accounts."""
    year_ends = businesses.select("business_id", "year_end_date")
    in_years = (
        earned.filter(~pl.col("is_deleted"))
        .join(year_ends, on="business_id", how="left", validate="m:1")
        .group_by(
            "business_id",
            pl.col("date").dt.month_end().alias("period_end"),
            _financial_year("date").alias("year"),
        )
        .agg(-pl.col("amount").sum().alias("earned"))
    )
    month_and_year = [*_MONTH, "year"]
    in_month = in_years.group_by(_MONTH).agg(pl.col("earned").sum().alias("in_month"))
    so_far = (
        months.join(year_ends, on="business_id", how="left", validate="m:1")
        .with_columns(_financial_year("period_end").alias("year"))
        .join(in_month, on=_MONTH, how="left", validate="1:1")
        .join(in_years, on=month_and_year, how="left", validate="1:1")
        .with_columns(pl.col("in_month", "earned").fill_null(0))
        .sort(_MONTH)
        .with_columns(
            pl.col("earned").cum_sum().over("business_id", "year").alias(CURRENT_YEAR),
            pl.col("in_month").cum_sum().over("business_id").alias("ever"),
        )
        .with_columns((pl.col("ever") - pl.col(CURRENT_YEAR)).alias(PRIOR_YEARS))
    )
    return so_far.unpivot(
        RESULTS, index=_MONTH, variable_name="account_id", value_name="balance"
    ).select(
        *_MONTH,
        pl.lit("equity").alias("account_class"),
        pl.col("account_id").alias("account_subclass"),
        "account_id",
        "balance",
    )


def _financial_year(day: str) -> pl.Expr:
    """The calendar year in which the financial year of ``day`` ends.

    By day and month of ``year_end_date``; the calendar year where that is not known. A year end on
    the last day of a month stays so in leap years.
    """
    end = pl.col("year_end_date")
    last_day = pl.when(end == end.dt.month_end()).then(31).otherwise(end.dt.day())
    date_, month = pl.col(day), pl.col(day).dt.month()
    is_after = (month > end.dt.month()) | ((month == end.dt.month()) & (date_.dt.day() > last_day))
    return date_.dt.year() + is_after.fill_null(False).cast(pl.Int32)
