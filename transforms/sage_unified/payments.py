"""Payments and what they, and allocations, took off documents."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.currencies import in_base_currency

_CUSTOMER: Final = r"^(CUSTOMER|SALES)_"
_VENDOR: Final = r"^(VENDOR|SUPPLIER|PURCHASE)_"
_MONEY_IN: Final = ("customer_receipt", "vendor_refund")


def fct_payment(
    contact_payments: pl.LazyFrame, contacts: pl.LazyFrame, businesses: pl.LazyFrame
) -> pl.LazyFrame:
    """One row a payment of a contact, key (business_id, payment_id), ordered by it.

    Takes the raw table, ``dim_contact`` and ``dim_business``. ``amount`` (in ``currency``) and
    ``base_amount`` are positive for money into the bank. ``unallocated_amount`` is positive, in
    ``currency``.
    """
    only_supplier = contacts.select(
        "business_id", "contact_id", (pl.col("is_supplier") & ~pl.col("is_customer")).alias("sells")
    )
    currency = businesses.select("business_id", "base_currency")
    sign = pl.when(pl.col("payment_kind").is_in(_MONEY_IN)).then(1).otherwise(-1)
    return (
        contact_payments.rename({"id": "payment_id", "contact__id": "contact_id"})
        .join(only_supplier, on=["business_id", "contact_id"], how="left", validate="m:1")
        .join(currency, on="business_id", how="left", validate="m:1")
        .with_columns(
            _kind().alias("payment_kind"),
            pl.coalesce("currency__id", "base_currency").alias("currency"),
            pl.col("total_amount").fill_null(0).abs().alias("total"),
        )
        .with_columns(
            in_base_currency("total", pl.col("base_currency_total_amount").abs()).alias("base")
        )
        .with_columns(
            (pl.col("total") * sign).cast(MONEY).alias("amount"),
            (pl.col("base") * sign).cast(MONEY).alias("base_amount"),
            pl.col("base_currency_currency_charge").cast(MONEY).alias("bank_charge_base_amount"),
            pl.col("payment_on_account__outstanding_amount").alias("unallocated_amount"),
        )
        .rename(
            {
                "bank_account__id": "bank_account_id",
                "payment_method__id": "payment_method_id",
                "payment_on_account__id": "payment_on_account_id",
                "transaction__id": "transaction_id",
            }
        )
        .sort("business_id", "payment_id")
    )


def _kind() -> pl.Expr:
    """By the type of the transaction; the side of a type that names none is that of the contact."""
    kind = pl.col("transaction_type__id").str.to_uppercase()
    is_vendor = (
        pl.when(kind.str.contains(_CUSTOMER))
        .then(False)
        .when(kind.str.contains(_VENDOR))
        .then(True)
        .otherwise(pl.col("sells").fill_null(False))
    )
    is_refund = kind.str.contains("REFUND", literal=True).fill_null(False)
    return (
        pl.when(is_vendor & is_refund)
        .then(pl.lit("vendor_refund"))
        .when(is_vendor)
        .then(pl.lit("vendor_payment"))
        .when(is_refund)
        .then(pl.lit("customer_refund"))
        .otherwise(pl.lit("customer_receipt"))
    )


def fct_payment_allocation(
    contact_payments: pl.LazyFrame,
    of_payments: pl.LazyFrame,
    contact_allocations: pl.LazyFrame,
    of_allocations: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a reduction of a document, key (business_id, allocation_id), by business, source and key.

    Takes the raw tables. ``amount`` and ``discount`` are positive, in the document's currency; an
    allocation reduces both its ends, an invoice and a credit note or payment on account.
    """
    record = ["business_id", "source_id"]
    sources = {
        "payment": (contact_payments, of_payments),
        "allocation": (contact_allocations, of_allocations),
    }
    reductions = []
    for kind, (parents, children) in sources.items():
        parent = parents.select(
            "business_id", pl.col("id").alias("source_id"), "date", "deleted_at"
        )
        reductions.append(
            children.rename({"_root_id": "source_id"})
            .join(parent, on=record, validate="m:1")
            .with_columns(pl.lit(kind).alias("source_kind"))
        )
    position = pl.format("{}-{}", "source_id", "_list_idx")
    return (
        pl.concat(reductions)
        .drop_nulls("artefact__id")
        .with_columns(
            pl.coalesce("id", position).alias("allocation_id"),
            pl.col("artefact__id").alias("document_id"),
            pl.col("amount", "discount").fill_null(0).abs().cast(MONEY),
        )
        .sort("business_id", "source_id", "allocation_id")
    )
