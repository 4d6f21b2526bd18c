"""Documents: ``fct_document``, the invoices and credit notes of both sides, and what was paid without."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY
from sage_unified.currencies import in_base_currency, share_of
from sage_unified.raw_documents import LINES_OF
from sage_unified.tables import Frames

KEY: Final = ["business_id", "resource", "document_id"]

CREDIT_KINDS: Final = ("credit_note", "quick_credit", "opening_credit")
PAID_AT_ONCE: Final = ("other_payment", "other_receipt")
UNPOSTED: Final = ("draft", "pro_forma", "void", "deleted")
"""Statuses of documents that are not in the books."""

_TRANSACTION: Final = ["business_id", "transaction_id"]
_BANK_LEDGER: Final = "bank_ledger_account"
_SIGNED: Final = (
    *(f"{base}{name}_amount" for base in ("", "base_") for name in ("net", "tax", "total")),
    "outstanding_amount",
    "base_outstanding_amount",
    "withholding_base_amount",
    "shipping_base_net_amount",
)


def fct_document(frames: Frames) -> pl.LazyFrame:
    """One row a document, key (business_id, document_id, resource), ordered by it.

    ``frames`` has the raw tables of documents (:data:`~sage_unified.raw_documents.LINES_OF`) and
    ``bank_accounts``, and ``dim_business, dim_contact, fct_payment_allocation`` and what
    :func:`booked_abroad` gives.
    Amounts carry ``sign``, -1 on credits; corrective invoices keep the sign that Sage gives them.
    Base amounts are Sage's where it shows them. Opening balances show neither what is outstanding nor
    a status: both follow from the allocations. Other payments are in the currency of their bank
    account; abroad their base amounts are those that their transaction booked there.
    """
    stacked = pl.concat(
        [frames[resource].with_columns(pl.lit(resource).alias("resource")) for resource in LINES_OF]
    ).rename({"id": "document_id", "transaction__id": "transaction_id"})
    sides = frames["dim_contact"].select(
        "business_id", pl.col("contact_id").alias("contact__id"), "is_customer"
    )
    classified = (
        stacked.join(sides, on=["business_id", "contact__id"], how="left", validate="m:1")
        .with_columns(_kind().alias("document_kind"))
        .with_columns(_direction().alias("direction"))
    )
    shown = _with_currencies(classified, frames).with_columns(
        _base("net"), _base("tax"), _base("total")
    )
    settled = _with_outstanding(shown, frames["fct_payment_allocation"])
    return (
        settled.with_columns(_status().alias("status"), _sign().alias("sign"))
        .with_columns(
            (pl.col(name).cast(MONEY) * pl.col("sign").cast(MONEY)).cast(MONEY) for name in _SIGNED
        )
        .with_columns(
            (~pl.col("status").is_in(UNPOSTED)).alias("is_posted"),
            pl.coalesce("invoice_number", "credit_note_number", "reference").alias("number"),
            pl.col("contact__id").alias("contact_id"),
            pl.col("original_invoice__id").alias("original_document_id"),
            pl.col("bank_account__id").alias("bank_account_id"),
            pl.col("delivery_performance_date").alias("delivery_date"),
        )
        .sort("business_id", "document_id", "resource")
    )


def _kind() -> pl.Expr:
    resource = pl.col("resource")
    is_quick_credit = _holds("quick_entry_type__id", "CREDIT")
    is_opening_credit = _holds("contact_opening_balance_type__id", "CREDIT")
    return (
        pl.when(resource.str.ends_with("_credit_notes"))
        .then(pl.lit("credit_note"))
        .when(resource.str.ends_with("_corrective_invoices"))
        .then(pl.lit("corrective"))
        .when(resource.str.ends_with("_invoices"))
        .then(pl.lit("invoice"))
        .when(resource.str.ends_with("_quick_entries"))
        .then(
            pl.when(is_quick_credit).then(pl.lit("quick_credit")).otherwise(pl.lit("quick_invoice"))
        )
        .when(resource == "contact_opening_balances")
        .then(
            pl.when(is_opening_credit)
            .then(pl.lit("opening_credit"))
            .otherwise(pl.lit("opening_invoice"))
        )
        .when(_holds("transaction_type__id", "RECEIPT"))
        .then(pl.lit("other_receipt"))
        .otherwise(pl.lit("other_payment"))
    )


def _holds(column: str, word: str) -> pl.Expr:
    return pl.col(column).str.to_uppercase().str.contains(word, literal=True).fill_null(False)


def _direction() -> pl.Expr:
    """The resource's; of an opening balance that of its transaction's type, then of its contact."""
    kind = pl.col("transaction_type__id").str.to_uppercase()
    is_sale = (
        pl.when(pl.col("resource") == "contact_opening_balances")
        .then(
            pl.coalesce(
                pl.when(kind.str.contains("^(CUSTOMER|SALES)")).then(True),
                pl.when(kind.str.contains("^(VENDOR|SUPPLIER|PURCHASE)")).then(False),
                "is_customer",
                pl.lit(True),
            )
        )
        .otherwise(
            pl.col("resource").str.starts_with("sales_")
            | (pl.col("document_kind") == "other_receipt")
        )
    )
    return pl.when(is_sale).then(pl.lit("sale")).otherwise(pl.lit("purchase"))


def _sign() -> pl.Expr:
    is_credit = pl.col("document_kind").is_in(CREDIT_KINDS)
    return pl.when(is_credit).then(-1).otherwise(1).cast(pl.Int8)


def booked_abroad(frames: Frames) -> pl.LazyFrame:
    """``business_id, transaction_id, booked``: what other payments in another currency are worth in base.

    ``frames`` has the raw ``other_payments, bank_accounts, ledger_entries``, and ``dim_business``.
    """
    abroad = (
        _in_their_currencies(frames["other_payments"], frames)
        .filter(pl.col("currency") != pl.col("base_currency"))
        .select("business_id", pl.col("transaction__id").alias("transaction_id"), _BANK_LEDGER)
        .unique()
    )
    amount = pl.col("debit").fill_null(0) - pl.col("credit").fill_null(0)
    return (
        frames["ledger_entries"]
        .filter(~pl.col("deleted").fill_null(False))
        .join(
            abroad,
            left_on=["business_id", "transaction__id", "ledger_account__id"],
            right_on=[*_TRANSACTION, _BANK_LEDGER],
            how="semi",
        )
        .group_by("business_id", pl.col("transaction__id").alias("transaction_id"))
        .agg(amount.sum().abs().alias("booked"))
    )


def _in_their_currencies(documents: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    """Adds ``currency, base_currency`` and the ledger account of the bank that paid."""
    businesses = frames["dim_business"].select("business_id", "base_currency")
    banks = frames["bank_accounts"].select(
        "business_id",
        pl.col("id").alias("bank_account__id"),
        pl.col("currency__id").alias("bank_currency"),
        pl.col("ledger_account__id").alias(_BANK_LEDGER),
    )
    return (
        documents.join(businesses, on="business_id", how="left", validate="m:1")
        .join(banks, on=["business_id", "bank_account__id"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("currency__id", "bank_currency", "base_currency").alias("currency")
        )
    )


def _with_currencies(documents: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    """Adds ``currency, base_currency`` and ``booked``, what the ledger says an other payment is worth."""
    is_other = pl.col("resource") == "other_payments"
    rate = pl.col("total_amount").abs() / pl.when(pl.col("booked") != 0).then("booked")
    is_base = pl.col("currency") == pl.col("base_currency")
    return (
        _in_their_currencies(documents, frames)
        .join(frames["booked_abroad"], on=_TRANSACTION, how="left", validate="m:1")
        .with_columns(pl.when(is_other).then("booked").alias("booked"))
        .with_columns(
            pl.coalesce(
                pl.when(is_base).then(pl.lit(1, EXACT)),
                "exchange_rate",
                pl.when(is_other).then(rate),
            ).alias("exchange_rate"),
            *(pl.col(f"{name}_amount").fill_null(0) for name in ("net", "tax", "total")),
        )
    )


def _base(name: str) -> pl.Expr:
    """The base amount: Sage's, what the ledger booked, or converted by the document's rate.

    Of what the ledger booked in one sum the net is what the tax leaves.
    """
    tax = share_of("booked", "tax_amount", "total_amount")
    booked = {"total": pl.col("booked"), "tax": tax, "net": pl.col("booked") - tax}[name]
    shown = pl.coalesce(pl.col(f"base_currency_{name}_amount").cast(EXACT), booked.cast(EXACT))
    return in_base_currency(f"{name}_amount", shown).alias(f"base_{name}_amount")


def _with_outstanding(documents: pl.LazyFrame, allocations: pl.LazyFrame) -> pl.LazyFrame:
    """Outstanding amounts, without sign; of an opening balance what the allocations leave."""
    taken = (
        allocations.filter(pl.col("deleted_at").is_null())
        .group_by("business_id", "document_id")
        .agg((pl.col("amount") + pl.col("discount")).sum().alias("taken"))
    )
    is_opening = pl.col("resource") == "contact_opening_balances"
    left = pl.when(is_opening).then(pl.col("total_amount") - pl.col("taken").fill_null(0))
    return (
        documents.join(taken, on=["business_id", "document_id"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("outstanding_amount", left.cast(EXACT)).alias("outstanding_amount")
        )
        .with_columns(
            pl.coalesce(
                pl.col("base_currency_outstanding_amount").cast(EXACT),
                pl.when(is_opening).then(
                    share_of("base_total_amount", "outstanding_amount", "total_amount")
                ),
            ).alias("base_outstanding_amount"),
            pl.col("base_currency_withholding_tax_amount").alias("withholding_base_amount"),
            pl.col("base_currency_shipping_net_amount").alias("shipping_base_net_amount"),
        )
    )


def _status() -> pl.Expr:
    """Sage's; where it shows none, what is outstanding tells it."""
    outstanding = pl.col("outstanding_amount")
    told = (
        pl.when(pl.col("document_kind").is_in(PAID_AT_ONCE))
        .then(pl.lit("paid"))
        .when(outstanding == 0)
        .then(pl.lit("paid"))
        .when(outstanding.abs() < pl.col("total_amount").abs())
        .then(pl.lit("part_paid"))
        .otherwise(pl.lit("unpaid"))
    )
    return (
        pl.when(pl.col("deleted_at").is_not_null())
        .then(pl.lit("deleted"))
        .otherwise(pl.coalesce(pl.col("status__id").str.to_lowercase(), told))
    )
