"""Businesses: ``dim_business`` and what else decides the rules that apply to one."""

from __future__ import annotations

import polars as pl

from sage_unified.accounts import german_charts
from sage_unified.overrides import charts_set
from sage_unified.rules import rule_table
from sage_unified.vocabulary import UNKNOWN_COUNTRY, UNKNOWN_CURRENCY


def dim_business(
    businesses: pl.LazyFrame,
    financial_settings: pl.LazyFrame,
    business_settings: pl.LazyFrame,
    ledger_accounts: pl.LazyFrame,
    overrides: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a business, key ``business_id``, in that order.

    Takes the raw tables and the tenants' overrides.

    Where the financial settings were not loaded, the base currency is that of the country. A German
    chart is recognised by its accounts, unless an override names it.
    """
    country = pl.col("country__id")
    known = rule_table("countries")
    usual_chart = country.replace_strict(known["country"], known["chart_standard"], default=None)
    chart = pl.coalesce(pl.when(country == "DE").then("german_chart"), usual_chart)
    german = german_charts(
        ledger_accounts.select("business_id", "nominal_code", pl.coalesce("name", "display_name"))
    ).rename({"chart_standard": "german_chart"})
    usual_currency = country.replace_strict(
        known["country"], known["currency"], default=UNKNOWN_CURRENCY
    )
    return (
        businesses.join(financial_settings, on="business_id", how="left", validate="1:1")
        .join(business_settings, on="business_id", how="left", validate="1:1")
        .join(german, on="business_id", how="left", validate="1:1")
        .join(charts_set(overrides), on="business_id", how="left", validate="1:1")
        .select(
            "business_id",
            country.fill_null(UNKNOWN_COUNTRY).alias("country"),
            pl.coalesce("name", "displayed_as").alias("name"),
            pl.coalesce("base_currency__id", usual_currency).alias("base_currency"),
            "year_end_date",
            "year_end_lockdown_date",
            "accounts_start_date",
            "accounting_type",
            pl.col("tax_scheme__id").alias("tax_scheme_id"),
            "tax_number",
            "siret",
            pl.coalesce("chart_set", chart).alias("chart_standard"),
            "multi_currency_enabled",
        )
        .sort("business_id")
    )


def businesses_in_northern_ireland(
    businesses: pl.LazyFrame, business_settings: pl.LazyFrame
) -> pl.LazyFrame:
    """``business_id`` of the businesses that trade goods under EU rules, from the raw tables."""
    flagged = businesses.filter(pl.col("ni_based")).select("business_id")
    registered = business_settings.filter(
        pl.col("country_of_registration__id") == "NORTHERN_IRELAND"
    ).select("business_id")
    return pl.concat([flagged, registered]).unique()


def places(
    businesses: pl.LazyFrame, raw_businesses: pl.LazyFrame, business_settings: pl.LazyFrame
) -> pl.LazyFrame:
    """``business_id, country, ni_based`` of each business: where its tax rules are from.

    Takes ``dim_business`` and the raw tables.
    """
    northern = businesses_in_northern_ireland(raw_businesses, business_settings)
    return businesses.join(
        northern.with_columns(pl.lit(True).alias("ni_based")),
        on="business_id",
        how="left",
        validate="1:1",
    ).select("business_id", "country", pl.col("ni_based").fill_null(False))
