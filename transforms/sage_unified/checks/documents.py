"""Tie-outs of documents with the ledger and with their own lines."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.checks.comparison import Check, Frames
from sage_unified.checks.gaps import ACCOUNTS, BANKS, DOCUMENTS, ENTRIES
from sage_unified.columns import MONEY

_DOCUMENT: Final = ["business_id", "document_id", "resource"]
_ROUNDING_OF_A_LINE: Final = "0.01"
_WITHOUT_LINES: Final = "contact_opening_balances"


def _ledger(frames: Frames) -> pl.LazyFrame:
    return frames["document_ledger_check"].select(
        "business_id",
        pl.coalesce("document_id", "transaction_id").alias("subject"),
        pl.col("base_total_amount").alias("expected"),
        pl.col("control_amount").alias("found"),
        pl.col("problem")
        .replace_strict(
            {
                "no_transaction": "The document names no transaction",
                "no_entries": "Its transaction has no entries",
                "no_document": "The document of this transaction is not there or not posted",
                "difference": "Document and transaction differ",
            },
            default=None,
            return_dtype=pl.String,
        )
        .alias("detail"),
    )


def _lines(frames: Frames) -> pl.LazyFrame:
    """Header totals against lines and shipping, but for a cent of rounding a line."""
    summed = (
        frames["fct_document_line"]
        .group_by(_DOCUMENT)
        .agg(pl.col("total_amount").sum().alias("found"), pl.len().alias("lines"))
    )
    cents = pl.col("lines").fill_null(0).cast(MONEY) * pl.lit(_ROUNDING_OF_A_LINE).cast(MONEY)
    return (
        frames["fct_document"]
        .filter(pl.col("resource") != _WITHOUT_LINES)
        .join(summed, on=_DOCUMENT, how="left")  # grouped by it
        .select(
            "business_id",
            pl.col("document_id").alias("subject"),
            pl.col("total_amount").alias("expected"),
            pl.col("found").fill_null(0),
            cents.cast(MONEY).alias("tolerance"),
        )
    )


CHECKS: Final = (
    Check(
        "documents_equal_ledger",
        "documents",
        _ledger,
        "See its row in marts.document_ledger_check and the entries of its transaction in "
        "unified.fct_ledger_entry, then run: sage-elt sync --full-refresh",
        "Documents are compared with their entries. Run: sage-elt sync; if that does not help, the user may "
        "lack a role: sage-elt doctor",
        (*DOCUMENTS, ENTRIES, ACCOUNTS, BANKS),
    ),
    Check(
        "documents_equal_lines",
        "documents",
        _lines,
        "The total of this document is not that of its lines in unified.fct_document_line. Lines may be "
        "missing: run: sage-elt sync --full-refresh",
        "No documents were loaded. Run: sage-elt sync",
    ),
)
