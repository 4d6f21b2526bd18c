"""The posted ledger: every leg of every transaction, as Sage booked it."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.joins import look_up
from sage_unified.ledger_currencies import with_currencies

_TRANSACTION: Final = ["business_id", "transaction_id"]


def fct_ledger_entry(
    ledger_entries: pl.LazyFrame,
    transactions: pl.LazyFrame,
    journal_codes: pl.LazyFrame,
    accounts: pl.LazyFrame,
    businesses: pl.LazyFrame,
    documents: pl.LazyFrame,
    payments: pl.LazyFrame,
    business_settings: pl.LazyFrame,
    closing: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a ledger entry, key (business_id, entry_id), ordered by business, date, transaction.

    Takes the raw tables, ``dim_account, dim_business, fct_document, fct_payment`` and what
    :func:`~sage_unified.ledger_closing.closing_journals` finds. Amounts are in base
    currency and debits positive; deleted entries stay, flagged. For ``currency`` and
    ``currency_amount`` see :func:`~sage_unified.ledger_currencies.with_currencies`.
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
    is_closing = closing.with_columns(pl.lit(True).alias("is_closing_entry"))
    named = ledger_entries.rename({"transaction__id": "transaction_id"})
    named = look_up(named, of_transactions, _TRANSACTION)
    named = look_up(named, codes, ["business_id", "journal_code__id"])
    booked = look_up(named, base_currency, "business_id").select(
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
        "origin_currency",
        "base_currency",
        "has_no_origin",
    )
    return (
        with_currencies(booked, documents, payments, accounts, business_settings)
        .join(is_closing, on=_TRANSACTION, how="left", validate="m:1")
        .with_columns(pl.col("is_closing_entry").fill_null(False))
        .sort("business_id", "date", "transaction_id", "entry_id")
    )
