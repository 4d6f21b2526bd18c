"""VAT returns by period: every box of every return, from the lines that are in it."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.joins import look_up
from sage_unified.marts.vat_boxes import alike, returned, returns_of
from sage_unified.rules import RULES_VERSION

MONTH: Final = "month"
RETURN: Final = "return"
"""The kinds of period."""

_MONTHS_OF: Final = {"BI_MONTHLY": 2, "BIMONTHLY": 2, "QUARTERLY": 3, "ANNUALLY": 12, "ANNUAL": 12}
"""Months of a return by Sage's frequency; a monthly return is the month itself."""
_OF_MONTHS: Final = (
    "business_id",
    "country",
    "return",
    "agency",
    "basis",
    "period_start",
    "period_end",
)
_KEYS: Final = (*_OF_MONTHS, "period_kind")


def vat_summary(vat_lines: pl.LazyFrame, financial_settings: pl.LazyFrame) -> pl.LazyFrame:
    """One row a business, period and box; in the US one for each agency.

    Takes the mart and the raw settings. ``period_kind`` is ``month``, and ``return`` for the period of
    the business's returns where Sage tells how often they are due (counted from January, since Sage does
    not tell where they begin): take one kind, a sum of both counts twice. A period without lines has no
    rows. ``amount`` is in base currency, rounded as the return wants it; ``line_count`` the lines in a
    box, null for a box that others are combined to. Ordered by key.
    """
    counted = vat_lines.drop_nulls("vat_scope").with_columns(
        pl.when(pl.col("country") == "US").then("agency").alias("agency")
    )
    months = alike(counted, _OF_MONTHS)
    of_months = months.with_columns(pl.lit(MONTH).alias("period_kind"))
    lines = pl.concat([of_months, _of_returns(months, financial_settings)])
    countries = [
        returned(lines.filter(pl.col("country") == country), _KEYS, boxes)
        for country, boxes in returns_of(vat_lines).items()
    ]
    return (
        pl.concat(countries)
        .with_columns(pl.lit(RULES_VERSION).alias("rules_version"))
        .sort(
            "business_id", "period_kind", "period_start", "agency", "return", "box", nulls_last=True
        )
    )


def _of_returns(months: pl.LazyFrame, financial_settings: pl.LazyFrame) -> pl.LazyFrame:
    """The sums of months with the return's period in the place of the month."""
    length = (
        pl.col("tax_return_frequency__id")
        .str.to_uppercase()
        .replace_strict(_MONTHS_OF, default=None, return_dtype=pl.Int32)
    )
    lengths = financial_settings.select("business_id", length.alias("months")).drop_nulls("months")
    first_of_year = pl.col("period_start").dt.truncate("1y")
    before = (pl.col("period_start").dt.month().cast(pl.Int32) - 1) // pl.col("months")
    start = first_of_year.dt.offset_by(pl.format("{}mo", before * pl.col("months")))
    end = start.dt.offset_by(pl.format("{}mo", pl.col("months") - 1)).dt.month_end()
    return (
        look_up(months, lengths, "business_id", "inner")
        .with_columns(
            start.alias("period_start"),
            end.alias("period_end"),
            pl.lit(RETURN).alias("period_kind"),
        )
        .drop("months")
    )
