"""Contacts: ``dim_contact``, customers and suppliers in one table."""

from __future__ import annotations

import polars as pl

from sage_unified.columns import MONEY

_CONTACT = ["business_id", "contact_id"]


def dim_contact(
    contacts: pl.LazyFrame, contact_types: pl.LazyFrame, businesses: pl.LazyFrame
) -> pl.LazyFrame:
    """One row a contact, key (business_id, contact_id), in that order.

    Takes the raw tables and ``dim_business``. ``tax_zone`` is what Sage's tax treatment of the contact
    says; without one a contact in the business's country is ``home`` and all others are null.
    ``credit_limit`` and ``balance`` are in base currency.
    """
    types = contact_types.group_by("business_id", pl.col("_root_id").alias("contact_id")).agg(
        pl.col("id").str.contains("CUSTOMER", literal=True).any().alias("is_customer"),
        pl.col("id").str.contains("VENDOR|SUPPLIER").any().alias("is_supplier"),
    )
    home = businesses.select("business_id", pl.col("country").alias("home"))
    return (
        contacts.rename({"id": "contact_id"})
        .join(types, on=_CONTACT, how="left", validate="1:1")
        .join(home, on="business_id", how="left", validate="m:1")
        .with_columns(
            pl.col("is_customer", "is_supplier").fill_null(False),
            pl.coalesce("name", "displayed_as", "contact_id").alias("name"),
            pl.col("main_address__country__id").alias("country"),
            _zone().alias("tax_zone"),
            pl.col("ni_based").alias("is_ni"),
            pl.col("currency__id").alias("currency"),
            pl.coalesce("auxiliary_account", "aux_reference").alias("auxiliary_account"),
            pl.col("credit_limit", "balance").cast(MONEY),
            pl.col("main_address__address_line_1").alias("address_line_1"),
            pl.col("main_address__address_line_2").alias("address_line_2"),
            pl.col("main_address__city").alias("city"),
            pl.col("main_address__postal_code").alias("postal_code"),
        )
        .sort(_CONTACT)
    )


def _zone() -> pl.Expr:
    treated = [
        pl.when(pl.col(f"tax_treatment__{flag}")).then(pl.lit(zone))
        for flag, zone in (
            ("home_tax", "home"),
            ("eu_tax_registered", "eu_registered"),
            ("eu_not_tax_registered", "eu_consumer"),
            ("rest_of_world_tax", "row"),
        )
    ]
    at_home = pl.col("main_address__country__id") == pl.col("home")
    return pl.coalesce(*treated, pl.when(at_home).then(pl.lit("home")))
