"""The lines of documents: ``fct_document_line``, with shipping and quick entries as lines of their own."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY
from sage_unified.currencies import share_of
from sage_unified.documents import KEY
from sage_unified.raw_documents import (
    LINE_TABLES,
    QUICK_ENTRIES,
    WITH_SHIPPING,
    analysis_table,
)
from sage_unified.tables import Frames

LINE: Final = [*KEY, "line_no"]

_CAPITAL: Final = ("fixed_asset", "intangible")
_AMOUNTS: Final = ("net", "tax", "total")
_OF_DOCUMENT: Final = ("sign", "total_amount", "base_total_amount")


def fct_document_line(frames: Frames) -> pl.LazyFrame:
    """One row a line, key (business_id, document_id, resource, line_no), ordered by it.

    ``frames`` as for :func:`document_lines`. ``line_no`` 0 is the shipping of a document, 1 a quick
    entry. ``analysis`` is JSON, a list of ``{"type", "category"}``.
    """
    return (
        document_lines(frames)
        .join(_analysis(frames), on=LINE, how="left", validate="1:1")
        .sort("business_id", "document_id", "resource", "line_no")
    )


def document_lines(frames: Frames) -> pl.LazyFrame:
    """The columns of ``fct_document_line`` and those of the raw lines, in no order.

    ``frames`` has the raw tables of documents and of their lines, ``fct_document`` and ``dim_account``.
    ``kind`` is ``line``, ``shipping`` or ``header``. Amounts are signed as the document's. The base amounts of lines that Sage
    shows none of are their shares of the document's.
    """
    lines = pl.concat(
        [
            *(_of_list(frames[table], resource) for resource, table in LINE_TABLES.items()),
            *(_of_header(frames[resource], resource) for resource in QUICK_ENTRIES),
            *(_of_shipping(frames[resource], resource) for resource in WITH_SHIPPING),
        ],
        how="diagonal",
    )
    documents = frames["fct_document"].select(*KEY, pl.col(_OF_DOCUMENT).name.prefix("document_"))
    subclasses = frames["dim_account"].select("business_id", "account_id", "account_subclass")
    is_capital = pl.col("account_subclass").is_in(_CAPITAL).fill_null(False)
    return (
        lines.join(documents, on=KEY, validate="m:1")
        .with_columns(pl.col("ledger_account__id").alias("account_id"))
        .join(subclasses, on=["business_id", "account_id"], how="left", validate="m:1")
        .with_columns(pl.col("net_amount", "tax_amount").fill_null(0))
        .with_columns(
            pl.coalesce("total_amount", pl.col("net_amount") + pl.col("tax_amount")).alias(
                "total_amount"
            )
        )
        .with_columns(_base("net"), _base("tax"))
        .with_columns(_signed(name) for name in ("net_amount", "tax_amount", "total_amount"))
        .with_columns(
            *(_signed(name) for name in ("base_net_amount", "base_tax_amount", "discount_amount")),
            pl.coalesce("product__id", "service__id").alias("item_id"),
            pl.coalesce("description", "details").alias("description"),
            pl.col("tax_rate__id").alias("tax_rate_id"),
            _goods_services().alias("goods_services"),
            (is_capital | pl.col("trade_of_asset").fill_null(False)).alias("is_capital"),
            _signed_recoverable().alias("recoverable_tax_amount"),
            pl.col("is_purchase_for_resale").alias("resale"),
        )
    )


def _of_list(lines: pl.LazyFrame, resource: str) -> pl.LazyFrame:
    return lines.rename({"_root_id": "document_id", "id": "line_id"}).with_columns(
        pl.lit(resource).alias("resource"),
        (pl.col("_list_idx") + 1).cast(pl.Int32).alias("line_no"),
        pl.lit("line").alias("kind"),
    )


def _of_header(quick_entries: pl.LazyFrame, resource: str) -> pl.LazyFrame:
    return quick_entries.select(
        "business_id",
        pl.col("id").alias("document_id"),
        pl.lit(resource).alias("resource"),
        pl.lit(1, pl.Int32).alias("line_no"),
        pl.lit("header").alias("kind"),
        "details",
        "ledger_account__id",
        "tax_rate__id",
        *(f"{base}{name}_amount" for base in ("", "base_currency_") for name in _AMOUNTS),
        "trade_of_asset",
        "gst_amount",
        "pst_amount",
        "tax_recoverable",
    )


def _of_shipping(documents: pl.LazyFrame, resource: str) -> pl.LazyFrame:
    """The shipping of the documents that have some, as goods are: it follows what it carries."""
    net, tax = pl.col("shipping_net_amount"), pl.col("shipping_tax_amount")
    return documents.filter((net != 0) | (tax != 0)).select(
        "business_id",
        pl.col("id").alias("document_id"),
        pl.lit(resource).alias("resource"),
        pl.lit(0, pl.Int32).alias("line_no"),
        pl.lit("shipping").alias("kind"),
        pl.lit("Shipping").alias("description"),
        pl.col("shipping_tax_rate__id").alias("tax_rate__id"),
        net.alias("net_amount"),
        tax.alias("tax_amount"),
        pl.col("shipping_total_amount").alias("total_amount"),
        pl.col("base_currency_shipping_net_amount").alias("base_currency_net_amount"),
        pl.col("base_currency_shipping_tax_amount").alias("base_currency_tax_amount"),
    )


def _base(name: str) -> pl.Expr:
    """Sage's base amount, else the line's share of the document's; the amount itself of a total of 0.

    Without sign, as the line's own: the signed totals of the document share one sign.
    """
    share = share_of(
        pl.col(f"{name}_amount"), "document_base_total_amount", "document_total_amount"
    )
    return pl.coalesce(
        pl.col(f"base_currency_{name}_amount").cast(EXACT),
        share,
        pl.col(f"{name}_amount").cast(EXACT),
    ).alias(f"base_{name}_amount")


def _signed(name: str) -> pl.Expr:
    return (pl.col(name).cast(MONEY) * pl.col("document_sign").cast(MONEY)).cast(MONEY).alias(name)


def _signed_recoverable() -> pl.Expr:
    """Canada: what Sage counts as recoverable of a purchase line."""
    amount = pl.col("gst_amount") + pl.col("pst_amount").fill_null(0)
    recoverable = pl.when(pl.col("tax_recoverable")).then(amount).otherwise(pl.lit(0, EXACT))
    known = pl.col("tax_recoverable").is_not_null() & pl.col("gst_amount").is_not_null()
    return (
        pl.when(known).then(recoverable).cast(MONEY) * pl.col("document_sign").cast(MONEY)
    ).cast(MONEY)


def _goods_services() -> pl.Expr:
    """Sage's type where it is one of the two, else the kind of the item."""
    said = pl.col("eu_goods_services_type__id").str.to_lowercase()
    return (
        pl.when(said.is_in(["goods", "services"]))
        .then(said)
        .when(pl.col("service__id").is_not_null())
        .then(pl.lit("services"))
        .when(pl.col("product__id").is_not_null())
        .then(pl.lit("goods"))
    )


def _analysis(frames: Frames) -> pl.LazyFrame:
    """``analysis`` of each line that has tracking categories."""
    category = pl.struct(
        pl.coalesce("analysis_type__displayed_as", "analysis_type__id").alias("type"),
        pl.coalesce("displayed_as", "id").alias("category"),
    )
    listed = []
    for resource in (*LINE_TABLES, *QUICK_ENTRIES):
        children = frames[analysis_table(resource)]
        position = pl.lit(0) if resource in QUICK_ENTRIES else pl.col("_parent_list_idx")
        listed.append(
            children.select(
                "business_id",
                pl.lit(resource).alias("resource"),
                pl.col("_root_id").alias("document_id"),
                (position + 1).cast(pl.Int32).alias("line_no"),
                "_list_idx",
                category.struct.json_encode().alias("one"),
            )
        )
    return (
        pl.concat(listed)
        .sort("_list_idx")
        .group_by(LINE)
        .agg(pl.col("one").str.join(","))
        .select(*LINE, pl.format("[{}]", "one").alias("analysis"))
    )
