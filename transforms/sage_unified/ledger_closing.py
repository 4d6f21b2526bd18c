"""The journals that close the books of a year, found in the raw ledger."""

from __future__ import annotations

from typing import Final

import polars as pl

_TRANSACTION: Final = ["business_id", "transaction_id"]
_JOURNAL: Final = "JOURNAL"


def closing_journals(
    ledger_entries: pl.LazyFrame,
    transactions: pl.LazyFrame,
    accounts: pl.LazyFrame,
    businesses: pl.LazyFrame,
) -> pl.LazyFrame:
    """``business_id, transaction_id`` of the journals that close the books of a year.

    Takes the raw tables, ``dim_account`` and ``dim_business``. Such a journal is dated on a year end
    (day and month of ``dim_business.year_end_date``), books on every profit and loss account that had a
    balance before the journals of that day, and leaves each at zero. It stays in balances and is left
    out of the profit and loss.
    """
    of_profit_and_loss = accounts.filter(pl.col("statement") == "PL").select(
        "business_id", "account_id"
    )
    debit, credit = pl.col("debit").fill_null(0), pl.col("credit").fill_null(0)
    booked = (
        ledger_entries.filter(~pl.col("deleted").fill_null(False))
        .select(
            "business_id",
            pl.col("transaction__id").alias("transaction_id"),
            "transaction__transaction_type__id",
            pl.col("ledger_account__id").alias("account_id"),
            "date",
            (debit - credit).alias("amount"),
        )
        .join(of_profit_and_loss, on=["business_id", "account_id"], how="semi")
    )
    # few, and read before the rest: in one query with it, all entries would be kept for its three uses
    journals = (
        _journals_of_year_ends(booked, transactions, businesses).collect(engine="streaming").lazy()
    )
    day = ["business_id", "year_end"]
    account = [*day, "account_id"]
    closes = journals.group_by(*_TRANSACTION, "year_end", "account_id").agg(
        pl.col("amount").sum().alias("of_journal")
    )
    of_day = journals.group_by(account).agg(pl.col("amount").sum().alias("of_day"))
    by_date = booked.group_by("business_id", "account_id", "date").agg(pl.col("amount").sum())
    balances = (
        by_date.join(closes.select(day).unique(), on="business_id")
        .filter(pl.col("date") <= pl.col("year_end"))
        .group_by(account)
        .agg(pl.col("amount").sum().alias("at_end"))
        .join(of_day, on=account, how="left", validate="1:1")
        .with_columns(
            (pl.col("at_end") - pl.col("of_day").fill_null(0)).alias("before"),
            (pl.col("at_end") == 0).all().over(day).alias("all_zero"),
        )
        .filter(pl.col("before") != 0, "all_zero")
    )
    to_close = balances.group_by(day).agg(pl.len().alias("to_close"))
    return (
        closes.join(balances, on=account, validate="m:1")
        .group_by(*_TRANSACTION, "year_end")
        .agg(pl.len().alias("closed"))
        .join(to_close, on=day, validate="m:1")
        .filter(pl.col("closed") == pl.col("to_close"))
        .select(_TRANSACTION)
    )


def _journals_of_year_ends(
    booked: pl.LazyFrame, transactions: pl.LazyFrame, businesses: pl.LazyFrame
) -> pl.LazyFrame:
    """The entries of ``booked`` in journals of a year's last day; few, so types are looked up late.

    Read before the rest: in one query with it, all entries would be kept for their several uses.
    """
    year_ends = (
        businesses.select("business_id", _day_of_year("year_end_date").alias("day_of_year"))
        .drop_nulls()
        .collect()
    )
    # named in the filter, so that it is applied where the entries are read
    of_day = (
        booked.filter(_day_of_year("date").is_in(year_ends["day_of_year"].unique().implode()))
        .with_columns(_day_of_year("date").alias("day_of_year"))
        .join(year_ends.lazy(), on=["business_id", "day_of_year"], how="semi")
        .collect(engine="streaming")
        .lazy()
    )
    types = transactions.select(
        "business_id",
        pl.col("id").alias("transaction_id"),
        pl.col("transaction_type__id").alias("type_of_transaction"),
    ).join(of_day, on=_TRANSACTION, how="semi")
    kind = pl.coalesce("transaction__transaction_type__id", "type_of_transaction")
    return (
        of_day.join(types, on=_TRANSACTION, how="left", validate="m:1")
        .filter(kind == _JOURNAL)
        .with_columns(pl.col("date").alias("year_end"))
        .collect(engine="streaming")
        .lazy()
    )


def _day_of_year(column: str) -> pl.Expr:
    """Month and day of a date in one number, 1231 for the last of December."""
    return pl.col(column).dt.month().cast(pl.Int32) * 100 + pl.col(column).dt.day()
