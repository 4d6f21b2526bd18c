"""The currency of ledger entries: that of the document or payment that they were booked for."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.currencies import share_of

_ENTRY: Final = ["business_id", "entry_id"]
_ORIGIN: Final = ["business_id", "origin_id"]
_BOOKING: Final = ["business_id", "transaction_id", "is_deleted"]
"""Entries that were replaced stay, deleted; they balance by themselves."""
_EXCHANGE: Final = ("exchange_gain", "exchange_loss")
_BY_DOCUMENT: Final = (
    r"INVOICE|CREDIT_NOTE|QUICK_ENTRY|^OTHER_(PAYMENT|RECEIPT)"
    r"|^(CUSTOMER|VENDOR|SUPPLIER)_(OPENING|RECEIPT|PAYMENT|REFUND)"
)
"""Types of transactions that a document or payment makes; all others are in base currency."""


def with_currencies(
    entries: pl.LazyFrame,
    documents: pl.LazyFrame,
    payments: pl.LazyFrame,
    accounts: pl.LazyFrame,
    business_settings: pl.LazyFrame,
) -> pl.LazyFrame:
    """``entries`` with ``currency`` and ``currency_amount``.

    ``entries`` has the columns of ``fct_ledger_entry`` before these, and ``base_currency,
    origin_currency`` (Sage's, where it shows one). Takes ``fct_document, fct_payment, dim_account`` and the raw settings.
    ``currency`` is null where the transaction is of a type that a document makes and that was not
    loaded. ``currency_amount`` is null in base currency and where a transaction does not balance.
    """
    origins = _origins(documents, payments)
    named = entries.join(
        origins.select(*_ORIGIN, "document_currency"), on=_ORIGIN, how="left", validate="m:1"
    ).with_columns(
        pl.coalesce(
            "document_currency",
            "origin_currency",
            pl.when(_is_by_itself()).then("base_currency"),
        ).alias("currency")
    )
    abroad = origins.join(
        named.filter(pl.col("document_currency") != pl.col("base_currency")),
        on=_ORIGIN,
        validate="1:m",
    )
    return named.join(
        _allocated(abroad, _exchange_accounts(accounts, business_settings)),
        on=_ENTRY,
        how="left",
        validate="1:1",
    )


def _is_by_itself() -> pl.Expr:
    kind = pl.col("transaction_type").str.to_uppercase()
    return pl.col("has_no_origin") | ~kind.str.contains(_BY_DOCUMENT)


def _origins(documents: pl.LazyFrame, payments: pl.LazyFrame) -> pl.LazyFrame:
    """``document_currency`` and the totals in it and in base, absolute, by what booked them."""
    of_documents = documents.select(
        "business_id",
        pl.col("document_id").alias("origin_id"),
        pl.col("currency").alias("document_currency"),
        pl.col("total_amount").abs().alias("total"),
        pl.col("base_total_amount").abs().alias("base_total"),
    )
    of_payments = payments.select(
        "business_id",
        pl.col("payment_id").alias("origin_id"),
        pl.col("currency").alias("document_currency"),
        pl.col("amount").abs().alias("total"),
        pl.col("base_amount").abs().alias("base_total"),
    )
    return pl.concat([of_documents, of_payments]).unique(_ORIGIN, keep="any")


def _exchange_accounts(accounts: pl.LazyFrame, business_settings: pl.LazyFrame) -> pl.LazyFrame:
    """Keys of the accounts of gains and losses: those of the settings, and those so classified."""
    of_settings = business_settings.select(
        "business_id",
        pl.concat_list(
            f"default_ledger_accounts__exchange_rate_{side}_ledger_account__id"
            for side in ("gains", "losses")
        ).alias("account_id"),
    ).explode("account_id")
    of_class = accounts.filter(pl.col("account_subclass").is_in(_EXCHANGE)).select(
        "business_id", "account_id"
    )
    return (
        pl.concat([of_settings, of_class])
        .drop_nulls()
        .unique()
        .with_columns(pl.lit(True).alias("is_exchange"))
    )


def _allocated(abroad: pl.LazyFrame, exchange_accounts: pl.LazyFrame) -> pl.LazyFrame:
    """``currency_amount`` of entries in another currency: shares of the total that sum to zero.

    Gains and losses of exchange have none. What rounding, or another rate of the settled document,
    leaves goes to the largest entry that is not itself the total.
    """
    is_exchange = pl.col("is_exchange").fill_null(False)
    is_total = pl.col("amount").abs() == pl.col("base_total")
    share = (
        pl.when(is_exchange)
        .then(pl.lit(0, MONEY))
        .otherwise(share_of("amount", "total", "base_total").fill_null(0))
    )
    rank = [is_exchange, is_total, -pl.col("amount").abs(), pl.col("entry_id")]
    takes_rest = pl.col("entry_id") == pl.col("entry_id").sort_by(rank).first().over(_BOOKING)
    balances = pl.col("amount").sum().over(_BOOKING) == 0
    rest = pl.col("share").sum().over(_BOOKING)
    return (
        abroad.join(exchange_accounts, on=["business_id", "account_id"], how="left", validate="m:1")
        .with_columns(share.cast(MONEY).alias("share"))
        .select(
            *_ENTRY,
            pl.when(balances)
            .then(pl.when(takes_rest).then(pl.col("share") - rest).otherwise("share"))
            .cast(MONEY)
            .alias("currency_amount"),
        )
    )
