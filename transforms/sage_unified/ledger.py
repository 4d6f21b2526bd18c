"""The posted ledger: every leg of every transaction, as Sage booked it."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY

_TRANSACTION: Final = ["business_id", "transaction_id"]


def fct_ledger_entry(
    ledger_entries: pl.LazyFrame,
    transactions: pl.LazyFrame,
    journal_codes: pl.LazyFrame,
    accounts: pl.LazyFrame,
    businesses: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a ledger entry, key (business_id, entry_id), ordered by business, date, transaction.

    Takes the raw tables, ``dim_account`` and ``dim_business``. Amounts are in base currency and debits
    positive; deleted entries stay, flagged. ``currency`` is the originating document's where Sage names
    it, the base currency of what no document originated, else null.
    """
    of_transactions = transactions.select(
        "business_id",
        pl.col("id").alias("transaction_id"),
        pl.col("transaction_type__id").alias("type_of_transaction"),
        pl.col("origin__id").alias("origin_id"),
        pl.col("origin__currency__id").alias("origin_currency"),
        pl.col("origin__id").is_null().alias("has_no_origin"),
    )
    codes = journal_codes.select(
        "business_id", pl.col("id").alias("journal_code__id"), pl.col("code").alias("listed_code")
    )
    debit, credit = (
        pl.col(side).fill_null(0).cast(MONEY).alias(side) for side in ("debit", "credit")
    )
    base_currency = businesses.select("business_id", "base_currency")
    booked = (
        ledger_entries.rename({"transaction__id": "transaction_id"})
        .join(of_transactions, on=_TRANSACTION, how="left", validate="m:1")
        .join(codes, on=["business_id", "journal_code__id"], how="left", validate="m:1")
        .join(base_currency, on="business_id", how="left", validate="m:1")
        .select(
            "business_id",
            pl.col("id").alias("entry_id"),
            "transaction_id",
            pl.coalesce("transaction__transaction_type__id", "type_of_transaction").alias(
                "transaction_type"
            ),
            "origin_id",
            pl.col("ledger_account__id").alias("account_id"),
            pl.col("contact__id").alias("contact_id"),
            "date",
            debit,
            credit,
            (debit - credit).cast(MONEY).alias("amount"),
            "description",
            pl.col("tax_rate__id").alias("tax_rate_id"),
            pl.coalesce("journal_code__code", "listed_code").alias("journal_code"),
            pl.col("deleted").fill_null(False).alias("is_deleted"),
            "created_at",
            "updated_at",
            pl.coalesce("origin_currency", pl.when("has_no_origin").then("base_currency")).alias(
                "currency"
            ),
            pl.lit(None, MONEY).alias("currency_amount"),
        )
    )
    closing = closing_journals(booked, accounts, businesses).with_columns(
        pl.lit(True).alias("is_closing_entry")
    )
    return (
        booked.join(closing, on=_TRANSACTION, how="left", validate="m:1")
        .with_columns(pl.col("is_closing_entry").fill_null(False))
        .sort("business_id", "date", "transaction_id", "entry_id")
    )


def closing_journals(
    entries: pl.LazyFrame, accounts: pl.LazyFrame, businesses: pl.LazyFrame
) -> pl.LazyFrame:
    """``business_id, transaction_id`` of the journals that close the books of a year.

    Such a journal is dated on a year end (day and month of ``dim_business.year_end_date``), books on
    every profit and loss account that had a balance before the journals of that day, and leaves each
    at zero. It stays in balances and is left out of the profit and loss.
    """
    of_profit_and_loss = accounts.filter(pl.col("statement") == "PL").select(
        "business_id", "account_id"
    )
    year_end = businesses.select("business_id", "year_end_date")
    booked = (
        entries.filter(~pl.col("is_deleted"))
        .join(of_profit_and_loss, on=["business_id", "account_id"], how="semi")
        .select("business_id", "transaction_id", "transaction_type", "account_id", "date", "amount")
    )
    candidates = (
        booked.filter(pl.col("transaction_type") == "JOURNAL")
        .join(year_end, on="business_id", validate="m:1")
        .filter(
            pl.col("date").dt.month() == pl.col("year_end_date").dt.month(),
            pl.col("date").dt.day() == pl.col("year_end_date").dt.day(),
        )
    )
    day = ["business_id", "year_end"]
    account = [*day, "account_id"]
    closes = candidates.select(
        *_TRANSACTION, pl.col("date").alias("year_end"), "account_id"
    ).unique()
    of_that_day = (pl.col("date") == pl.col("year_end")) & (
        pl.col("transaction_type") == "JOURNAL"
    ).fill_null(False)
    balances = (
        booked.join(closes.select(day).unique(), on="business_id")
        .filter(pl.col("date") <= pl.col("year_end"))
        .group_by(account)
        .agg(
            pl.col("amount").sum().alias("at_end"),
            pl.col("amount").filter(~of_that_day).sum().alias("before"),
        )
        .with_columns((pl.col("at_end") == 0).all().over(day).alias("all_zero"))
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
