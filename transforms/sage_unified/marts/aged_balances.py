"""Aged receivables and payables: what customers owe and what is owed to suppliers, by age."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, TypeAlias

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.marts.ageing import bucket, in_base_currency

Direction: TypeAlias = Literal["sale", "purchase"]

PAYMENT_ON_ACCOUNT: Final = "payment_on_account"
"""The kind of an item that is what a payment left unallocated."""

_KIND_WITHOUT_ITEM: Final = ("other_payment", "other_receipt")
"""Documents paid when they are made."""
_SIDES: Final = {"sale": "customer", "purchase": "vendor"}
"""How the kinds of a side's payments begin."""
_ITEM: Final = ["business_id", "document_id"]
_DAY: Final = pl.duration(days=1)


def aged_balances(
    documents: pl.LazyFrame,
    payments: pl.LazyFrame,
    allocations: pl.LazyFrame,
    direction: Direction,
    load_date: date,
) -> pl.LazyFrame:
    """One row a business, day and item open on it; key (business_id, as_of, document_id).

    Takes ``fct_document, fct_payment, fct_payment_allocation``. Days are the month ends since the first
    item, and ``load_date``. Items are the posted documents of the direction and what payments left on
    account. ``base_outstanding`` is in base currency; positive is what a customer owes or what is owed
    to a supplier, credits are negative. On ``load_date`` it is Sage's own figure where Sage leaves the
    same open, else, as on every other day, the share of the base total. Documents age by due date,
    credits and payments by their own; see ``ageing.py``.
    """
    items = pl.concat(
        [_documents(documents, direction), _on_account(payments, allocations, direction)],
        how="diagonal_relaxed",
    ).filter(pl.col("date") <= load_date, pl.col("total") != 0)
    # of many slices each knows few of them
    settled = _settled(allocations.join(items, on=_ITEM, how="semi"), load_date)
    is_credit = pl.col("is_credit")
    aged_from = pl.when(is_credit).then("date").otherwise(pl.coalesce("due_date", "date"))
    is_as_sage = (pl.col("as_of") == load_date) & (
        pl.col("outstanding") == pl.col("sage_outstanding")
    )
    base = (
        pl.when(is_as_sage & pl.col("sage_base_outstanding").is_not_null())
        .then("sage_base_outstanding")
        .otherwise(in_base_currency())
    )
    return (
        _days_open(items, settled, load_date)
        .sort("as_of")
        .join_asof(
            settled.sort("settled_on"),
            left_on="as_of",
            right_on="settled_on",
            by=_ITEM,
            check_sortedness=False,
        )
        .with_columns(
            (pl.col("total") - pl.col("settled").fill_null(0)).cast(MONEY).alias("outstanding")
        )
        .filter(pl.col("outstanding") != 0)
        .with_columns(
            (pl.col("as_of") - aged_from).dt.total_days().cast(pl.Int32).alias("days_overdue")
        )
        .with_columns(
            pl.when(is_credit).then(-base).otherwise(base).cast(MONEY).alias("base_outstanding"),
            bucket().alias("bucket"),
        )
        .sort("business_id", "as_of", "contact_id", "document_id")
    )


def _documents(documents: pl.LazyFrame, direction: Direction) -> pl.LazyFrame:
    """The posted documents of a side; amounts absolute, ``is_credit`` where they reduce the debt."""
    return documents.filter(
        pl.col("is_posted"),
        pl.col("direction") == direction,
        ~pl.col("document_kind").is_in(_KIND_WITHOUT_ITEM),
    ).select(
        *_ITEM,
        "document_kind",
        "contact_id",
        "date",
        "due_date",
        (pl.col("total_amount") < 0).alias("is_credit"),
        pl.col("total_amount").abs().alias("total"),
        pl.col("base_total_amount").abs().alias("base_total"),
        pl.col("outstanding_amount").abs().alias("sage_outstanding"),
        pl.col("base_outstanding_amount").abs().alias("sage_base_outstanding"),
    )


def _on_account(
    payments: pl.LazyFrame, allocations: pl.LazyFrame, direction: Direction
) -> pl.LazyFrame:
    """What the payments of a side left unallocated when they were made."""
    # money in from a customer reduces what is owed, and so does money out to a supplier
    is_credit = (pl.col("amount") > 0) if direction == "sale" else (pl.col("amount") < 0)
    amount, base = pl.col("amount").abs(), pl.col("base_amount").abs()
    left = (amount - pl.col("allocated").fill_null(0)).cast(MONEY)
    share = in_base_currency()
    of_side = payments.filter(
        pl.col("payment_kind").str.starts_with(_SIDES[direction]),
        pl.col("payment_on_account_id").is_not_null(),
        pl.col("deleted_at").is_null(),
    )
    at_payment = (
        allocations.filter(pl.col("source_kind") == "payment", pl.col("deleted_at").is_null())
        .with_columns(pl.col("source_id").alias("payment_id"))
        .join(of_side, on=["business_id", "payment_id"], how="semi")
        .group_by("business_id", "payment_id")
        .agg(pl.col("amount").sum().alias("allocated"))
    )
    return (
        of_side.join(at_payment, on=["business_id", "payment_id"], how="left", validate="m:1")
        .with_columns(
            is_credit.alias("is_credit"),
            amount.alias("total"),
            base.alias("base_total"),
            left.alias("outstanding"),
        )
        .with_columns(share.alias("base_total"), pl.col("outstanding").alias("total"))
        .select(
            "business_id",
            pl.col("payment_on_account_id").alias("document_id"),
            pl.lit(PAYMENT_ON_ACCOUNT).alias("document_kind"),
            "contact_id",
            "date",
            "is_credit",
            "total",
            "base_total",
        )
    )


def _settled(allocations: pl.LazyFrame, load_date: date) -> pl.LazyFrame:
    """``settled`` of each item up to each day on which something settled it, in its currency."""
    return (
        allocations.filter(pl.col("deleted_at").is_null(), pl.col("date") <= load_date)
        .group_by(*_ITEM, pl.col("date").alias("settled_on"))
        .agg((pl.col("amount") + pl.col("discount")).sum().alias("taken"))
        .sort(*_ITEM, "settled_on")
        .with_columns(pl.col("taken").cum_sum().over(_ITEM).alias("settled"))
        .select(*_ITEM, "settled_on", "settled")
    )


def _days_open(items: pl.LazyFrame, settled: pl.LazyFrame, load_date: date) -> pl.LazyFrame:
    """Each item on each month end up to its settlement, and on ``load_date``, as ``as_of``.

    Ended with the settlement: an item of years ago would otherwise stand in every month since.
    """
    settlements = settled.group_by(_ITEM).agg(
        pl.col("settled_on").sort_by("settled_on").last(),
        pl.col("settled").sort_by("settled_on").last().alias("settled_in_all"),
    )
    is_settled = (pl.col("settled_in_all") == pl.col("total")).fill_null(False)
    last_day = pl.when(is_settled).then(pl.col("settled_on") - _DAY).otherwise(load_date)
    ranged = items.join(settlements, on=_ITEM, how="left", validate="m:1").with_columns(
        pl.min_horizontal(last_day, pl.lit(load_date)).alias("last_day"),
        pl.col("date").dt.month_end().alias("first_month_end"),
    )
    month_ends = (
        ranged.filter(pl.col("first_month_end") <= pl.col("last_day"))
        .with_columns(
            pl.date_ranges(pl.col("first_month_end").dt.month_start(), "last_day", "1mo").alias(
                "as_of"
            )
        )
        .explode("as_of")
        .with_columns(pl.col("as_of").dt.month_end())
        .filter(pl.col("as_of") <= pl.col("last_day"), pl.col("as_of") < load_date)
    )
    now = ranged.filter(pl.col("last_day") == load_date).with_columns(
        pl.lit(load_date).alias("as_of")
    )
    return pl.concat([month_ends, now]).drop(
        "settled_on", "settled_in_all", "last_day", "first_month_end"
    )
