"""Documents against the ledger: what each document says and what its transaction booked."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.documents import PAID_AT_ONCE

_DOCUMENT_TYPES: Final = (
    r"INVOICE|CREDIT_NOTE|QUICK_ENTRY|^OTHER_(PAYMENT|RECEIPT)$"
    r"|^(CUSTOMER|VENDOR|SUPPLIER)_OPENING_BALANCE"
)
"""Types of transactions that a document makes."""
_CONTROLS: Final = ("receivable", "payable")
_TRANSACTION: Final = ["business_id", "transaction_id"]
_ACCOUNT: Final = ["business_id", "account_id"]


def document_ledger_check(
    documents: pl.LazyFrame,
    entries: pl.LazyFrame,
    bank_transactions: pl.LazyFrame,
    accounts: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a posted document, and one a transaction whose document is not there.

    Takes ``fct_document, fct_ledger_entry, fct_bank_transaction, dim_account``. ``control_amount`` is what
    the transaction moved on the control accounts of customers and suppliers, for other payments and
    receipts on their bank account; in base currency, with the document's sign. ``problem`` is
    ``no_transaction`` (a posted document names none), ``no_entries`` (its transaction booked nothing),
    ``no_document`` (a document of this transaction is not posted or not there), ``difference``, or null.
    Ordered by business, document, transaction.
    """
    posted = entries.filter(~pl.col("is_deleted")).drop_nulls("transaction_id")
    booked = _booked(posted, bank_transactions, accounts)
    side = pl.when(pl.col("direction") == "sale").then(1).otherwise(-1)
    of_documents = (
        documents.filter("is_posted")
        .with_columns(
            pl.when(pl.col("document_kind").is_in(PAID_AT_ONCE))
            .then("bank_account_id")
            .alias("paid_from")
        )
        .join(
            booked,
            on=[*_TRANSACTION, "paid_from"],
            how="left",
            validate="m:1",
            nulls_equal=True,
        )
        .select(
            *_TRANSACTION,
            "document_id",
            "resource",
            "document_kind",
            "date",
            "base_total_amount",
            (pl.col("amount") * side).alias("control_amount"),
        )
    )
    without_document = (
        posted.filter(pl.col("transaction_type").str.contains(_DOCUMENT_TYPES))
        .join(
            documents.filter("is_posted").drop_nulls("transaction_id"),
            on=_TRANSACTION,
            how="anti",
        )
        .join(_on_controls(accounts), on=_ACCOUNT, how="left", validate="m:1")
        .group_by(_TRANSACTION)
        .agg(
            pl.col("transaction_type").first().str.to_lowercase().alias("document_kind"),
            pl.col("date").first(),
            pl.col("amount").filter("is_control").sum().alias("control_amount"),
        )
    )
    compared = pl.concat([of_documents, without_document], how="diagonal_relaxed").with_columns(
        pl.col("base_total_amount", "control_amount").fill_null(0).cast(MONEY),
        pl.when(pl.col("document_id").is_null())
        .then(pl.lit("no_document"))
        .when(pl.col("base_total_amount") == 0)
        .then(None)
        .when(pl.col("transaction_id").is_null())
        .then(pl.lit("no_transaction"))
        .when(pl.col("control_amount").is_null())
        .then(pl.lit("no_entries"))
        .when(pl.col("control_amount") != pl.col("base_total_amount"))
        .then(pl.lit("difference"))
        .alias("problem"),
    )
    difference = pl.col("control_amount") - pl.col("base_total_amount")
    return compared.with_columns(difference.cast(MONEY).alias("difference")).sort(
        "business_id", "document_id", "transaction_id"
    )


def _on_controls(accounts: pl.LazyFrame) -> pl.LazyFrame:
    return accounts.filter(
        pl.col("account_subclass").is_in(_CONTROLS), pl.col("is_control_account")
    ).select(*_ACCOUNT, pl.lit(True).alias("is_control"))


def _booked(
    posted: pl.LazyFrame, bank_transactions: pl.LazyFrame, accounts: pl.LazyFrame
) -> pl.LazyFrame:
    """What each transaction moved: on control accounts (``paid_from`` null), on each bank account."""
    of_banks = bank_transactions.select(
        "business_id",
        pl.col("bank_transaction_id").alias("entry_id"),
        pl.col("bank_account_id").alias("paid_from"),
    )
    on_banks = posted.join(of_banks, on=["business_id", "entry_id"], validate="1:1")
    on_controls = posted.join(_on_controls(accounts), on=_ACCOUNT, validate="m:1")
    return (
        pl.concat([on_banks, on_controls], how="diagonal_relaxed")
        .group_by(*_TRANSACTION, "paid_from")
        .agg(pl.col("amount").sum())
    )
