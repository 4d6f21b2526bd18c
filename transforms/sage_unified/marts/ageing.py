"""Ageing: what is open on a day, by how long it has been due."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, TypeAlias, get_args

import polars as pl

from sage_unified.columns import EXACT, MONEY, typed
from sage_unified.errors import InputError

Basis: TypeAlias = Literal["due_date", "date"]

BUCKETS: Final = (("current", 0), ("d1_30", 30), ("d31_60", 60), ("d61_90", 90))
"""Each with its last day overdue; everything later is :data:`OLDEST`."""
OLDEST: Final = "d90_plus"
UNPOSTED: Final = ("draft", "pro_forma", "void", "deleted")
"""Statuses of documents that are not in the books."""

_TEXT = pl.String()
_DOCUMENTS: Final = {
    "id": _TEXT,
    "kind": _TEXT,
    "date": pl.Date(),
    "due_date": pl.Date(),
    "total": MONEY,
    "base_total": MONEY,
    "status": _TEXT,
}
_ALLOCATIONS: Final = {
    "from": _TEXT,
    "to": _TEXT,
    "date": pl.Date(),
    "amount": MONEY,
    "discount": MONEY,
}
_REDUCES: Final = r"credit|payment|receipt"
"""Kinds that reduce what is owed: credit notes, payments and receipts on account."""


def aged_items(
    documents: pl.DataFrame,
    allocations: pl.DataFrame,
    as_of: date | str,
    basis: Basis = "due_date",
) -> pl.DataFrame:
    """``document_id, base_outstanding, days_overdue, bucket`` of each item open on ``as_of``.

    ``documents``: ``id, kind, date, due_date, total`` (positive, in the document's currency), and where
    known ``base_total`` (the same in base currency) and ``status``; payments and credit notes among
    them are items of their own, with what they leave unallocated. ``allocations``: ``from`` (payment or
    credit note), ``to`` (document), ``amount, date`` and ``discount``, which reduces only ``to``.
    Documents and allocations after ``as_of``, and documents that are not in the books, do not count;
    nor do allocations from or to those. ``base_outstanding`` is Decimal(19, 4), negative for credits
    and pro rata of ``base_total``, half up to cents where not whole. Items keep the documents' order;
    credits age by their own date, documents by ``basis``, or by date when there is no due date.

    Raises :class:`InputError` for an unknown ``basis``.
    """
    if basis not in get_args(Basis):
        raise InputError(
            f"Ageing by {basis!r} is not known, so nothing was aged. Use due_date or date."
        )
    day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    given = typed(documents.lazy(), _DOCUMENTS).with_row_index("_row")
    unposted = pl.col("status").str.to_lowercase().is_in(UNPOSTED).fill_null(False)
    counts = ~unposted & (pl.col("date") <= day)
    listed = given.with_columns(counts.fill_null(False).alias("counts"))
    settled = _settled(typed(allocations.lazy(), _ALLOCATIONS, {"discount": 0}), listed, day)
    reduces = pl.col("kind").str.to_lowercase().str.contains(_REDUCES)
    due = pl.coalesce("due_date", "date") if basis == "due_date" else pl.col("date")
    aged_from = pl.when(reduces).then("date").otherwise(due)
    days = (pl.lit(day) - aged_from).dt.total_days()
    open_items = (
        listed.filter("counts")
        .join(settled, left_on="id", right_on="document_id", how="left", validate="m:1")
        .with_columns(
            (pl.col("total") - pl.col("settled").fill_null(0)).cast(MONEY).alias("outstanding"),
            days.cast(pl.Int32).alias("days_overdue"),
            reduces.alias("reduces"),
        )
        .filter(pl.col("outstanding") != 0)
        .sort("_row")
    )
    base = in_base_currency()
    return open_items.select(
        pl.col("id").alias("document_id"),
        pl.when("reduces").then(-base).otherwise(base).alias("base_outstanding"),
        "days_overdue",
        bucket().alias("bucket"),
    ).collect()


def _settled(allocations: pl.LazyFrame, listed: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """``document_id, settled``: what allocations up to ``as_of`` took off each end, in its currency."""
    ignored = listed.filter(~pl.col("counts")).select("id")
    valid = (
        allocations.filter(pl.col("date") <= as_of)
        .join(ignored, left_on="from", right_on="id", how="anti")
        .join(ignored, left_on="to", right_on="id", how="anti")
    )
    ends = [
        valid.select(pl.col("from").alias("document_id"), pl.col("amount").alias("settled")),
        valid.select(
            pl.col("to").alias("document_id"),
            (pl.col("amount") + pl.col("discount")).alias("settled"),
        ),
    ]
    return (
        pl.concat(ends, how="vertical_relaxed").group_by("document_id").agg(pl.col("settled").sum())
    )


def in_base_currency() -> pl.Expr:
    """Of a row with ``outstanding, total, base_total``: the outstanding share of the base total; of an untouched document exactly that total.

    As it is where no base total is known, or where the total of 0 has no shares.
    """
    outstanding, total = pl.col("outstanding").cast(EXACT), pl.col("total").cast(EXACT)
    base_total = pl.col("base_total").cast(EXACT)
    share = base_total * outstanding / pl.when(total != 0).then(total)
    return (
        pl.when(outstanding == total)
        .then(pl.coalesce(base_total, outstanding))
        .otherwise(pl.coalesce(share.round(2, mode="half_away_from_zero"), outstanding))
        .cast(MONEY)
    )


def bucket() -> pl.Expr:
    """The bucket of a row by its ``days_overdue``."""
    days = pl.col("days_overdue")
    named = [pl.when(days <= last).then(pl.lit(name)) for name, last in BUCKETS]
    return pl.coalesce(*named, pl.lit(OLDEST))
