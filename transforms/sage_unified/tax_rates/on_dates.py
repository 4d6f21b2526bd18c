"""What tax rates mean on the dates of documents, from the dimension of their periods."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.overrides import override_tax_rates
from sage_unified.tax_rates.classify import classify_tax_rates

RATE: Final = ["business_id", "tax_rate_id"]
MEANING: Final = (
    "tax_rate_key",
    "percentage",
    "category_code",
    "rate_class",
    "treatment",
    "tax_type",
    "mapping_method",
    "unmapped_reason",
    "mapping_version",
    "is_combined",
    "agency",
)
"""Columns of ``dim_tax_rate``."""


def rates_on_dates(
    asked: pl.LazyFrame,
    dimension: pl.LazyFrame,
    rates: pl.LazyFrame,
    places: pl.LazyFrame,
    overrides: pl.LazyFrame,
) -> pl.LazyFrame:
    """:data:`MEANING` of each distinct ``business_id, tax_rate_id, document_date`` of ``asked``.

    ``dimension`` is ``dim_tax_rate``; ``rates`` the rates with their lists, as
    :func:`~sage_unified.tax_rates.dimension.rates_with_lists` gives them; ``places`` has
    ``business_id, country, ni_based``. A date that no period holds,
    and an id that was not loaded, have no key and are classified by what is known of them: an id such as
    GB_STANDARD says what it means by itself.
    """
    questions = asked.select(*RATE, "document_date").drop_nulls().unique()
    # a rate has few dates and periods; a line its rate and date: the as-of join sees only the distinct
    held = (
        questions.sort("document_date")
        .join_asof(
            dimension.select(*RATE, "valid_from", "valid_to", *MEANING).sort("valid_from"),
            left_on="document_date",
            right_on="valid_from",
            by=RATE,
            check_sortedness=False,
        )
        .filter(pl.col("document_date") <= pl.col("valid_to"))
        .select(*RATE, "document_date", *MEANING)
    )
    unknown = questions.join(held, on=[*RATE, "document_date"], how="anti")
    return pl.concat([held, _classified(unknown, rates, places, overrides)])


def _classified(
    unknown: pl.LazyFrame, rates: pl.LazyFrame, places: pl.LazyFrame, overrides: pl.LazyFrame
) -> pl.LazyFrame:
    known = rates.with_columns(pl.lit(True).alias("is_listed"))
    given = (
        unknown.join(known, on=RATE, how="left", validate="m:1")
        .join(places, on="business_id", how="left", validate="m:1")
        .collect()
    )
    reason = (
        pl.when(pl.col("is_listed").is_null() & pl.col("unmapped_reason").is_not_null())
        .then(pl.lit("unknown_tax_rate"))
        .otherwise("unmapped_reason")
    )
    return override_tax_rates(classify_tax_rates(given).lazy(), overrides).select(
        *RATE,
        "document_date",
        pl.lit(None, pl.String).alias("tax_rate_key"),
        pl.col("percentage_on_date").alias("percentage"),
        "category_code",
        "rate_class",
        "treatment",
        pl.col("tax_type").fill_null("unknown"),
        "mapping_method",
        reason.alias("unmapped_reason"),
        "mapping_version",
        pl.col("is_combined_rate").fill_null(False).alias("is_combined"),
        "agency",
    )
