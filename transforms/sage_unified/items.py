"""Items: ``dim_item``, what is bought and sold."""

from __future__ import annotations

import polars as pl

from sage_unified.columns import MONEY


def dim_item(
    products: pl.LazyFrame, services: pl.LazyFrame, stock_items: pl.LazyFrame
) -> pl.LazyFrame:
    """One row an item, key (business_id, item_id), in that order. Takes the raw tables."""
    kinds = {"product": products, "service": services, "stock": stock_items}
    listed = [frame.with_columns(pl.lit(kind).alias("item_type")) for kind, frame in kinds.items()]
    return (
        pl.concat(listed)
        .with_columns(
            pl.coalesce("description", "displayed_as").alias("description"),
            pl.col("average_cost_price_stock_value").cast(MONEY).alias("average_cost_value"),
        )
        .rename(
            {
                "id": "item_id",
                "item_code": "code",
                "sales_ledger_account__id": "sales_account_id",
                "purchase_ledger_account__id": "purchase_account_id",
                "sales_tax_rate__id": "sales_tax_rate_id",
                "active": "is_active",
            }
        )
        .sort("business_id", "item_id")
    )
