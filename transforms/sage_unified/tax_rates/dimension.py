"""``dim_tax_rate``: each tax rate by the periods in which its meaning stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from sage_unified.keys import surrogate_key
from sage_unified.overrides import override_tax_rates
from sage_unified.rules import rule_table
from sage_unified.tax_rates.classify import classify_tax_rates
from sage_unified.tax_rates.decision import CLASSIFIED
from sage_unified.tax_rates.percentages import (
    FIRST_DAY,
    LAST_DAY,
    NO_PERIOD,
    parts_on_date,
    percentages_on_date,
)
from sage_unified.vocabulary import EU_INCLUDES_GB_UNTIL, UNKNOWN_COUNTRY

_RATE: Final = ("business_id", "tax_rate_id")
_DAY: Final = pl.duration(days=1)


def dim_tax_rate(
    tax_rates: pl.LazyFrame,
    percentages: pl.LazyFrame,
    components: pl.LazyFrame,
    component_percentages: pl.LazyFrame,
    countries: pl.LazyFrame,
    in_northern_ireland: pl.LazyFrame,
    overrides: pl.LazyFrame,
    load_date: date,
) -> pl.LazyFrame:
    """One row a rate and period, key (business_id, tax_rate_id, valid_from), in that order.

    Takes the raw tables, ``countries`` (business_id, country) and the ``business_id`` of businesses
    ``in_northern_ireland``, and the tenants' ``overrides``. A period is one of Sage's, cut where a later one begins and where the law
    changes what the rate means: an own rate "VAT" of 20% since 1900 is unmapped until 2011-01-03 and
    standard from then on. So a document finds its row by its date, and the row says what
    :func:`classify_tax_rates` says of that date. ``is_current`` is of ``load_date``.
    """
    northern = in_northern_ireland.with_columns(pl.lit(True).alias("ni_based"))
    rates = (
        rates_with_lists(tax_rates, percentages, components, component_percentages)
        .join(countries, on="business_id", how="left", validate="m:1")
        .join(northern, on="business_id", how="left", validate="m:1")
        .with_columns(
            pl.col("country").fill_null(UNKNOWN_COUNTRY),
            pl.col("ni_based", "is_combined_rate").fill_null(False),
        )
    )
    cuts = pl.concat(
        [
            rates.select(
                *_RATE, pl.lit(FIRST_DAY).alias("valid_from"), pl.lit(True).alias("of_sage")
            ),
            _cuts_of_periods(percentages),
            _cuts_of_periods(component_percentages).join(
                _cuts_of_periods(percentages), on=_RATE, how="anti"
            ),
            _cuts_of_law(rates),
        ]
    )
    stretches = override_tax_rates(_meaning(_stretches(rates, cuts).collect()).lazy(), overrides)
    return (
        _merged(stretches)
        .with_columns(
            pl.col("percentage_on_date").alias("percentage"),
            pl.lit(load_date).is_between("valid_from", "valid_to").alias("is_current"),
            pl.col("tax_type").fill_null("unknown"),
            surrogate_key(*_RATE, "valid_from", "mapping_version").alias("tax_rate_key"),
        )
        .rename(
            {
                "name": "source_name",
                "retailer": "is_retailer",
                "is_combined_rate": "is_combined",
            }
        )
        .sort(*_RATE, "valid_from")
    )


def rates_with_lists(
    tax_rates: pl.LazyFrame,
    percentages: pl.LazyFrame,
    components: pl.LazyFrame,
    component_percentages: pl.LazyFrame,
) -> pl.LazyFrame:
    """Each rate with its periods and components as lists, as :func:`classify_tax_rates` takes them."""
    record = ["business_id", "_root_id"]
    period = pl.struct("percentage", "from_date", "to_date").alias("percentages")
    periods = percentages.sort("_list_idx").group_by(record).agg(period)
    of_components = (
        component_percentages.sort("_list_idx").group_by(*record, "_parent_list_idx").agg(period)
    )
    component = pl.struct("id", "name", "percentage", "percentages").alias("component_tax_rates")
    listed = (
        components.join(
            of_components,
            left_on=[*record, "_list_idx"],
            right_on=[*record, "_parent_list_idx"],
            how="left",
            validate="1:1",
        )
        .sort("_list_idx")
        .group_by(record)
        .agg(component)
    )
    rate = ["business_id", "id"]
    return (
        tax_rates.join(periods, left_on=rate, right_on=record, how="left", validate="1:1")
        .join(listed, left_on=rate, right_on=record, how="left", validate="1:1")
        .rename({"id": "tax_rate_id"})
    )


def _cuts_of_periods(periods: pl.LazyFrame) -> pl.LazyFrame:
    """The days on which a period of Sage's begins, or is over."""
    rate = [pl.col("business_id"), pl.col("_root_id").alias("tax_rate_id")]
    return _cuts(periods, rate, of_sage=True)


def _cuts_of_law(rates: pl.LazyFrame) -> pl.LazyFrame:
    """The days on which the figures in force, or the union's members, change in the rate's country."""
    brexit = pl.LazyFrame(
        {"country": ["GB"], "from_date": [None], "to_date": [EU_INCLUDES_GB_UNTIL]},
        schema={"country": pl.String, "from_date": pl.Date, "to_date": pl.Date},
    )
    spans = rule_table("vat_rates").lazy().select("country", "from_date", "to_date")
    changes = pl.concat([spans, brexit]).unique()
    affected = rates.select("country", *_RATE).join(changes, on="country")
    return _cuts(affected, [pl.col(column) for column in _RATE], of_sage=False)


def _cuts(spans: pl.LazyFrame, rate: Sequence[pl.Expr], *, of_sage: bool) -> pl.LazyFrame:
    ended = pl.col("to_date") < LAST_DAY
    days = [pl.col("from_date"), pl.when(ended).then(pl.col("to_date") + _DAY)]
    return (
        spans.select(
            *rate, pl.concat_list(days).alias("valid_from"), pl.lit(of_sage).alias("of_sage")
        )
        .explode("valid_from")
        .drop_nulls("valid_from")
    )


def _stretches(rates: pl.LazyFrame, cuts: pl.LazyFrame) -> pl.LazyFrame:
    """Each rate from cut to cut, without a gap, in the order of time."""
    next_day = pl.col("valid_from").shift(-1).over(_RATE)
    return (
        cuts.group_by(*_RATE, "valid_from")
        .agg(pl.col("of_sage").any())
        .sort(*_RATE, "valid_from")
        .with_columns((next_day - _DAY).fill_null(LAST_DAY).alias("valid_to"))
        .join(rates, on=_RATE, validate="m:1", maintain_order="left")
        .with_columns(pl.col("valid_from").alias("document_date"))
    )


def _meaning(stretches: pl.DataFrame) -> pl.DataFrame:
    """What each stretch is classified as; those within no period of a rate that has some are left out."""
    cases = stretches.with_row_index("case")
    figures = percentages_on_date(cases, parts_on_date(cases))
    in_gap = pl.col("percentage_missing") == NO_PERIOD
    is_gap = in_gap.fill_null(False)
    return (
        classify_tax_rates(stretches)
        .with_columns(figures["percentage_source"], figures["percentage_missing"])
        .filter(~is_gap | is_gap.all().over(_RATE))
    )


def _merged(stretches: pl.LazyFrame) -> pl.LazyFrame:
    """Neighbours that only a change of law parts, and that mean the same, as one."""
    changes = [
        pl.col(column).ne_missing(pl.col(column).shift().over(_RATE)) for column in CLASSIFIED
    ]
    begins = pl.col("of_sage") | pl.any_horizontal(changes)
    return (
        stretches.with_columns(begins.cum_sum().over(_RATE).alias("_period"))
        .group_by(*_RATE, "_period", maintain_order=True)
        .agg(pl.all().exclude("valid_to").first(), pl.col("valid_to").last())
    )
