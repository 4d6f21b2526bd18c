"""Bank transactions: the entries of the posted ledger on the accounts of banks."""

from __future__ import annotations

from typing import Final

import polars as pl

_TRANSACTION: Final = ["business_id", "transaction_id"]
_KINDS: Final = (
    # what the type of a transaction holds, the first that fits; the kind
    ("OPENING", "opening"),
    ("TRANSFER", "transfer"),
    ("DEPOSIT", "deposit"),
    ("JOURNAL", "journal"),
    ("(VENDOR|SUPPLIER|PURCHASE)_REFUND", "receipt"),
    ("REFUND", "payment"),
    ("RECEIPT", "receipt"),
    ("PAYMENT", "payment"),
)


def fct_bank_transaction(
    entries: pl.LazyFrame,
    bank_accounts: pl.LazyFrame,
    transactions: pl.LazyFrame,
    bank_transfers: pl.LazyFrame,
    bank_deposits: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row an entry on a bank account, key (business_id, bank_transaction_id), in ledger order.

    Takes ``fct_ledger_entry`` and the raw tables. ``base_amount`` is in base currency, money in
    positive. ``counterpart_bank_account_id`` is the other end of a transfer or deposit.
    """
    banks = (
        bank_accounts.drop_nulls("ledger_account__id")
        .sort("id")
        .unique(["business_id", "ledger_account__id"], keep="first", maintain_order=True)
        .select(
            "business_id",
            pl.col("ledger_account__id").alias("account_id"),
            pl.col("id").alias("bank_account_id"),
        )
    )
    on_banks = entries.join(banks, on=["business_id", "account_id"], validate="m:1")
    references = transactions.select(
        "business_id", pl.col("id").alias("transaction_id"), "reference"
    ).join(on_banks, on=_TRANSACTION, how="semi")
    moves = (
        pl.concat([bank_transfers, bank_deposits])
        .rename({"transaction__id": "transaction_id"})
        .drop_nulls("transaction_id")
        .sort("id")
        .unique(_TRANSACTION, keep="first", maintain_order=True)
        .select(
            *_TRANSACTION,
            pl.col("from_bank_account__id").alias("from_bank"),
            pl.col("to_bank_account__id").alias("to_bank"),
        )
    )
    is_source = pl.col("from_bank") == pl.col("bank_account_id")
    return (
        on_banks.join(references, on=_TRANSACTION, how="left", validate="m:1")
        .join(moves, on=_TRANSACTION, how="left", validate="m:1")
        .with_columns(
            pl.col("entry_id").alias("bank_transaction_id"),
            pl.col("amount").alias("base_amount"),
            _kind().alias("kind"),
            pl.when(is_source)
            .then("to_bank")
            .otherwise("from_bank")
            .alias("counterpart_bank_account_id"),
        )
        .sort("business_id", "date", "transaction_id", "entry_id")
    )


def _kind() -> pl.Expr:
    kind = pl.col("transaction_type").str.to_uppercase()
    return pl.coalesce(
        pl.when(kind.str.contains(pattern)).then(pl.lit(name)) for pattern, name in _KINDS
    )
