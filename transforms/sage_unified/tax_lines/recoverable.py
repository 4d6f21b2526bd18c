"""The share of input tax that is recoverable."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT
from sage_unified.document_lines import LINE
from sage_unified.documents import KEY

SHARE: Final = pl.Decimal(9, 6)
_NEVER: Final = ("PST",)
"""Canada: provincial sales taxes are a cost of the buyer; the tax of Quebec is refunded like GST."""
_REFUNDED: Final = ("QST",)
"""Refunded by Quebec (``total_itr_amount``); all others are input tax credits (``total_itc_amount``)."""


def recoverable_shares(lines: pl.LazyFrame, financial_settings: pl.LazyFrame) -> pl.LazyFrame:
    """``lines`` with ``recoverable_share``, from 0 to 1; null on sales.

    In Canada by the line's flag and the document's credits where it is recoverable in part; elsewhere
    the percentage of the business's settings, all of it when they have none. A combined rate recovers
    what its parts do.
    """
    percentages = financial_settings.select("business_id", "recoverable_percentage")
    usual = pl.coalesce(pl.col("recoverable_percentage") / 100, pl.lit(1, EXACT))
    own = (
        pl.when(pl.col("tax_type").is_in(_NEVER) | ~pl.col("recoverable").fill_null(True))
        .then(pl.lit(0, EXACT))
        .when(pl.col("part_recoverable") & pl.col("tax_type").is_in(_REFUNDED))
        .then("refunded")
        .when("part_recoverable")
        .then("credited")
        .otherwise(usual)
    )
    shared = (
        lines.join(percentages, on="business_id", how="left", validate="m:1")
        .join(_of_documents(lines), on=KEY, how="left", validate="m:1")
        .with_columns(own.clip(0, 1).alias("own_share"))
    )
    tax = pl.col("base_tax_amount").cast(EXACT)
    of_parts = (
        shared.filter(pl.col("component_seq") > 0)
        .group_by(LINE)
        .agg(
            (tax * pl.col("own_share")).sum().alias("recovered"),
            tax.sum().alias("charged"),
        )
        .filter(pl.col("charged") != 0)
        .select(*LINE, (pl.col("recovered") / pl.col("charged")).alias("share_of_parts"))
    )
    is_whole = pl.col("component_seq") == 0
    share = pl.coalesce(pl.when(is_whole).then("share_of_parts"), "own_share").round(6)
    return shared.join(of_parts, on=LINE, how="left", validate="m:1").with_columns(
        pl.when(pl.col("direction") == "purchase")
        .then(share.cast(SHARE))
        .alias("recoverable_share")
    )


def _of_documents(lines: pl.LazyFrame) -> pl.LazyFrame:
    """``credited`` and ``refunded``: the shares that Sage itself took of documents recoverable in part."""
    counted = pl.col("recoverable").fill_null(True) & (pl.col("component_seq") == 0)

    def share(shown: str, of_lines: str) -> pl.Expr:
        total = pl.col(of_lines).filter(counted).sum().abs().cast(EXACT)
        return pl.col(shown).first().abs() / pl.when(total != 0).then(total)

    return (
        lines.filter("part_recoverable")
        .group_by(KEY)
        .agg(
            share("total_itc_amount", "gst_amount").alias("credited"),
            share("total_itr_amount", "pst_amount").alias("refunded"),
        )
        .with_columns(pl.col("credited", "refunded").fill_null(1))
    )
