"""``bridge_tax_rate_component``: the parts of combined rates."""

from __future__ import annotations

import polars as pl

from sage_unified.tax_rates.classify import classify_tax_rates
from sage_unified.tax_rates.on_dates import RATE
from sage_unified.tax_rates.percentages import parts_on_date


def bridge_tax_rate_component(dimension: pl.LazyFrame, rates: pl.LazyFrame) -> pl.LazyFrame:
    """One row a period of a combined rate and component, key (tax_rate_key, component_tax_rate_id).

    ``dimension`` is ``dim_tax_rate``; ``rates`` the rates with their lists, as
    :func:`~sage_unified.tax_rates.dimension.rates_with_lists` gives them. The percentage is that of the
    component in the period, the tax type what the component by itself is classified as.
    """
    lists = rates.select(*RATE, "component_tax_rates")
    cases = (
        dimension.filter("is_combined")
        .join(lists, on=RATE, validate="m:1")
        .select(
            pl.col("tax_rate_key").alias("case"),
            "business_id",
            "country",
            "ni_based",
            pl.col("valid_from").alias("document_date"),
            "component_tax_rates",
        )
        .collect()
    )
    parts = parts_on_date(cases).join(
        cases.select("case", "business_id", "country", "ni_based"),
        on="case",
        how="left",
        validate="m:1",
    )
    no_list = pl.lit(None, pl.List(pl.Null))
    classified = classify_tax_rates(
        parts.with_columns(
            pl.col("percentage_on_date").alias("percentage"),
            pl.lit(False).alias("is_combined_rate"),
            pl.lit(False).alias("retailer"),
            no_list.alias("percentages"),
            no_list.alias("component_tax_rates"),
        )
    )
    return (
        classified.lazy()
        .drop_nulls("tax_rate_id")
        .select(
            "business_id",
            pl.col("case").alias("tax_rate_key"),
            pl.col("tax_rate_id").alias("component_tax_rate_id"),
            pl.col("name").alias("component_name"),
            pl.col("tax_type").fill_null("unknown").alias("component_tax_type"),
            pl.col("percentage").alias("component_percentage"),
        )
        .unique(["tax_rate_key", "component_tax_rate_id"], keep="first", maintain_order=True)
        .sort("tax_rate_key", "component_tax_rate_id")
    )
