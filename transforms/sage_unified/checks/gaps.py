"""What a partial load lacks: resources of which no record is there, though the books need them."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.checks.comparison import Frames

DOCUMENTS: Final = (
    "contact_opening_balances",
    "other_payments",
    "purchase_corrective_invoices",
    "purchase_credit_notes",
    "purchase_invoices",
    "purchase_quick_entries",
    "sales_corrective_invoices",
    "sales_credit_notes",
    "sales_invoices",
    "sales_quick_entries",
)
"""The resources that become documents."""
PAYMENTS: Final = "contact_payments"
ENTRIES: Final = "ledger_entries"
ACCOUNTS: Final = "ledger_accounts"
BANKS: Final = "bank_accounts"

_TABLES: Final = {ENTRIES: "fct_ledger_entry", ACCOUNTS: "dim_account", BANKS: "bank_accounts"}
"""What every business has, by resource the table that it is seen in."""

_RESOURCES: Final = (
    (r"^SALES_INVOICE", "sales_invoices"),
    (r"^SALES_CREDIT_NOTE", "sales_credit_notes"),
    (r"^SALES_CORRECTIVE", "sales_corrective_invoices"),
    (r"^SALES_QUICK", "sales_quick_entries"),
    (r"^PURCHASE_INVOICE", "purchase_invoices"),
    (r"^PURCHASE_CREDIT_NOTE", "purchase_credit_notes"),
    (r"^PURCHASE_CORRECTIVE", "purchase_corrective_invoices"),
    (r"^PURCHASE_QUICK", "purchase_quick_entries"),
    (r"^OTHER_(PAYMENT|RECEIPT)", "other_payments"),
    (r"^(CUSTOMER|VENDOR|SUPPLIER)_OPENING_BALANCE", "contact_opening_balances"),
    (r"^(CUSTOMER|VENDOR|SUPPLIER)_(RECEIPT|PAYMENT|REFUND)", PAYMENTS),
)
"""By the type of transaction that a record of the resource makes."""


def gaps(frames: Frames) -> pl.LazyFrame:
    """``business_id, resource`` of what was not loaded at all.

    Documents and payments are missed when the ledger has transactions of theirs. One record of a resource is enough: a single one that is not there is no gap, it breaks a check.
    """
    resource = pl.coalesce(
        *(
            pl.when(pl.col("transaction_type").str.contains(pattern)).then(pl.lit(name))
            for pattern, name in _RESOURCES
        )
    )
    expected = (
        frames["fct_ledger_entry"]
        .filter(~pl.col("is_deleted"))
        .select("business_id", "transaction_type")
        .unique()
        .select("business_id", resource.alias("resource"))
        .drop_nulls()
        .unique()
    )
    loaded = pl.concat(
        [
            frames["fct_document"].select("business_id", "resource").unique(),
            frames["fct_payment"]
            .select("business_id", pl.lit(PAYMENTS).alias("resource"))
            .unique(),
        ]
    )
    whole_tables = [
        frames["dim_business"]
        .join(frames[table], on="business_id", how="anti")
        .select("business_id", pl.lit(name).alias("resource"))
        for name, table in _TABLES.items()
    ]
    return pl.concat(
        [expected.join(loaded, on=["business_id", "resource"], how="anti"), *whole_tables]
    )
