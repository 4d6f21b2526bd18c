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
    question = [*RATE, "document_date"]
    # collected, since both answers are made of them
    questions = asked.select(question).drop_nulls().unique().collect(engine="streaming")
    # a rate has few periods, which do not overlap: a join by the rate and a filter take less than the order
    # of all dates that an as-of join needs
    held = (
        questions.lazy()
        .join(dimension.select(*RATE, "valid_from", "valid_to", *MEANING), on=RATE)
        .filter(pl.col("document_date").is_between("valid_from", "valid_to"))
        .select(*question, *MEANING)
        .collect(engine="streaming")
    )
    if held.height == questions.height:
        return held.lazy()
    unknown = questions.join(held, on=question, how="anti")
    return pl.concat([held.lazy(), _classified(unknown.lazy(), rates, places, overrides)])


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
