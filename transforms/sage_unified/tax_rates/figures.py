"""What the law says of a figure: the rates of vat_rates.csv that are in force on a date."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.rules import rule_table
from sage_unified.tax_rates.words import ANY_TAX

UNKNOWN: Final = "figure_unknown"
NOT_IN_FORCE: Final = "figure_not_in_force"
AMBIGUOUS: Final = "figure_ambiguous"

QUESTION: Final = ("country", "taxes", "percentage_on_date", "document_date")


def look_up(questions: pl.DataFrame) -> pl.DataFrame:
    """Which tax and class a figure is, one answer for each question.

    ``questions`` has the distinct :data:`QUESTION`: the percentage, the country, the tax types that may
    be meant (joined by ``+``, or :data:`ANY_TAX`), the date. Adds ``figure_tax_type`` and
    ``figure_class`` where exactly one (tax type, class) is in force, else ``figure_reason`` (why not);
    ``figure_classes`` lists every class in force. A tax's regional rates count only where the figure
    is no rate of its mainland on that date.
    """
    keyed = questions.with_row_index("_question")
    candidates = keyed.join(
        rule_table("vat_rates"),
        left_on=["country", "percentage_on_date"],
        right_on=["country", "percentage"],
    ).filter(
        (pl.col("taxes") == ANY_TAX)
        | pl.col("taxes").str.split("+").list.contains(pl.col("tax_type"))
    )
    on_date = pl.col("document_date")
    has_mainland = pl.col("region").is_null().any().over("_question", "tax_type")
    in_force = (
        candidates.filter(
            pl.col("from_date") <= on_date,
            pl.col("to_date").is_null() | (on_date <= pl.col("to_date")),
        )
        .filter(pl.col("region").is_null() | ~has_mainland)
        .unique(["_question", "tax_type", "rate_class"])
        .group_by("_question")
        .agg(
            pl.len().alias("_count"),
            pl.col("tax_type").first().alias("figure_tax_type"),
            pl.col("rate_class").first().alias("figure_class"),
            pl.col("rate_class").alias("figure_classes"),
        )
    )
    known = candidates.select("_question", pl.lit(True).alias("_known")).unique("_question")
    is_one = pl.col("_count") == 1
    reason = (
        pl.when(pl.col("_known").is_null())
        .then(pl.lit(UNKNOWN))
        .when(pl.col("_count").is_null())
        .then(pl.lit(NOT_IN_FORCE))
        .when(pl.col("_count") > 1)
        .then(pl.lit(AMBIGUOUS))
    )
    return (
        keyed.join(known, on="_question", how="left", validate="1:1", maintain_order="left")
        .join(in_force, on="_question", how="left", validate="1:1", maintain_order="left")
        .select(
            *questions.columns,
            pl.when(is_one).then("figure_tax_type").alias("figure_tax_type"),
            pl.when(is_one).then("figure_class").alias("figure_class"),
            "figure_classes",
            reason.alias("figure_reason"),
        )
    )


def lone_surcharges() -> pl.Series:
    """Figures of the Spanish recargo alone, of any date; none of them is a figure of IVA with recargo."""
    rates = rule_table("vat_rates")
    return rates.filter(pl.col("tax_type") == "RE")["percentage"].unique()
