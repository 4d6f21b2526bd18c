"""When a tax line falls due: by document, or by payment under a cash scheme."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.documents import PAID_AT_ONCE

DOCUMENT: Final = ["business_id", "document_id"]


def basis() -> pl.Expr:
    """``accrual``, ``cash`` or ``mixed`` of a row of ``dim_business``.

    By its tax scheme, and by its accounting type where it has none; mixed is France without a scheme.
    """
    scheme = pl.col("tax_scheme_id").str.to_uppercase()
    by_scheme = (
        pl.when(scheme.str.contains("CASH")).then(pl.lit("cash")).otherwise(pl.lit("accrual"))
    )
    return (
        pl.when(scheme.is_not_null())
        .then(by_scheme)
        .when(pl.col("accounting_type").str.to_lowercase() == "cash")
        .then(pl.lit("cash"))
        .when(pl.col("country") == "FR")
        .then(pl.lit("mixed"))
        .otherwise(pl.lit("accrual"))
    )


def is_by_payment() -> pl.Expr:
    """Of a line with ``basis, supply, vat_scope, document_kind``: home supplies under a cash scheme.

    In a mixed one services (CGI art. 269-2 c). Acquisitions, imports and reverse charges stay by
    document (GB: VAT Notice 731, 2.6), as does what is paid at once.
    """
    under_scheme = (pl.col("basis") == "cash") | (
        (pl.col("basis") == "mixed") & (pl.col("supply") == "services")
    )
    at_home = (pl.col("vat_scope") == "domestic") & ~pl.col("document_kind").is_in(PAID_AT_ONCE)
    return (under_scheme & at_home).fill_null(False)


def last_payments(allocations: pl.LazyFrame) -> pl.LazyFrame:
    """``paid_on`` of each document of ``fct_payment_allocation`` that was paid, the last time."""
    return (
        allocations.filter(pl.col("deleted_at").is_null())
        .group_by(DOCUMENT)
        .agg(pl.col("date").max().alias("paid_on"))
    )
