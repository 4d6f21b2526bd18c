"""``fct_tax_line``: every line of every document as taxes see it, and the parts of combined rates."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY, PERCENTAGE
from sage_unified.currencies import share_of, to_cents
from sage_unified.document_lines import LINE, document_lines
from sage_unified.documents import KEY
from sage_unified.keys import surrogate_key
from sage_unified.overrides import TABLE as OVERRIDES
from sage_unified.raw_documents import LINES_OF
from sage_unified.rules import RULES_VERSION
from sage_unified.tables import Frames
from sage_unified.tax_lines.classify import classified, with_defaults
from sage_unified.tax_lines.components import line_parts
from sage_unified.tax_lines.recoverable import recoverable_shares
from sage_unified.tax_lines.tax_points import DOCUMENT, basis, is_by_payment, last_payments
from sage_unified.tax_rates.on_dates import MEANING, RATE, rates_on_dates

SHIPPING: Final = "shipping"
_FLAGS: Final = ("vat_reverse_charge", "postponed_accounting", "vat_exempt_consignment", "import")
_TREATMENT: Final = (
    "home_tax",
    "eu_tax_registered",
    "eu_not_tax_registered",
    "rest_of_world_tax",
    "is_importer",
)
_WHOLE_ONLY: Final = ("gst_amount", "pst_amount", "withholding_tax_amount")
"""Amounts that components do not repeat."""


def fct_tax_line(frames: Frames, rates: pl.LazyFrame, places: pl.LazyFrame) -> pl.LazyFrame:
    """One row a line (component_seq 0) and a part of its tax (1 to n), key ``tax_line_key``.

    ``frames`` has what :func:`~sage_unified.document_lines.document_lines` and
    :func:`~sage_unified.tax_lines.components.line_parts` need, ``contacts`` and the raw
    ``financial_settings`` and components of rates, ``fct_document, dim_contact, dim_business,
    dim_tax_rate, bridge_tax_rate_component, fct_payment_allocation``; ``rates`` and ``places`` are as
    for :func:`~sage_unified.tax_rates.on_dates.rates_on_dates`. Amounts are signed as the document's.
    A part repeats the net of its line and bears the line's treatment and its own tax type, class,
    percentage and agency. ``tax_point`` is the document's date; of a line under a cash scheme the day on
    which its document was last paid, null while it was not. Ordered by business, document, line.
    """
    lines = _with_documents(document_lines(frames), frames, places)
    rows = _with_meaning(_with_parts(lines, frames), frames, rates, places)
    decided = classified(with_defaults(_with_contacts(rows, frames)))
    valued = decided.with_columns(*_amounts()).with_columns(
        (pl.col("net_amount") + pl.col("tax_amount")).cast(MONEY).alias("total_amount"),
        (pl.col("base_net_amount") + pl.col("base_tax_amount"))
        .cast(MONEY)
        .alias("base_total_amount"),
        _supply().alias("supply"),
        _doc().alias("doc"),
    )
    dated = _with_tax_points(valued, frames)
    shared = recoverable_shares(dated, frames["financial_settings"])
    return shared.with_columns(
        surrogate_key(
            "business_id", "document_kind", "document_id", "line_id", "component_seq"
        ).alias("tax_line_key")
    ).sort("business_id", "document_id", "resource", "line_no", "component_seq")


def _with_documents(lines: pl.LazyFrame, frames: Frames, places: pl.LazyFrame) -> pl.LazyFrame:
    """Adds what all lines of a document share; amounts turn back to those of the API."""
    documents = frames["fct_document"].select(
        *KEY,
        pl.col("document_kind").alias("kind_of_document"),
        pl.col("date").alias("document_date"),
        pl.col("status").is_in(["void", "deleted"]).alias("is_void"),
        "contact_id",
        "currency",
        "exchange_rate",
        "sign",
    )
    headers = pl.concat(
        frames[resource].select(
            "business_id",
            pl.lit(resource).alias("resource"),
            pl.col("id").alias("document_id"),
            pl.col("tax_address_region__id").alias("tax_address_region"),
            *_FLAGS,
            "withholding_tax_amount",
            "part_recoverable",
            "total_itc_amount",
            "total_itr_amount",
        )
        for resource in LINES_OF
    )
    is_first = pl.col("line_no") == 1
    position = pl.format("{}", "line_no")
    return (
        lines.drop("document_sign", "document_total_amount", "document_base_total_amount")
        .join(documents, on=KEY, validate="m:1")
        .join(headers, on=KEY, validate="m:1")
        .join(places, on="business_id", how="left", validate="m:1")
        .with_columns(
            _document_kind().alias("document_kind"),
            pl.col("kind").alias("line_kind"),
            pl.when(pl.col("kind") == SHIPPING)
            .then(pl.lit(SHIPPING))
            .otherwise(pl.coalesce("line_id", position))
            .alias("line_id"),
            pl.lit(0, pl.Int16).alias("component_seq"),
            pl.when(is_first).then("withholding_tax_amount").alias("withholding_tax_amount"),
            pl.col("eu_goods_services_type__id").alias("goods_services_type"),
            pl.col("tax_recoverable").alias("recoverable"),
            pl.col("country").alias("business_country"),
        )
        .with_columns(
            (pl.col(name).cast(MONEY) * pl.col("sign").cast(MONEY)).cast(MONEY)
            for name in ("gst_amount", "pst_amount", "withholding_tax_amount")
        )
    )


def _document_kind() -> pl.Expr:
    """In the words of tax lines: the side, then the kind of document."""
    side = pl.when(pl.col("resource").str.starts_with("sales_")).then(pl.lit("sales"))
    words = {
        "invoice": "invoice",
        "credit_note": "credit_note",
        "corrective": "corrective_invoice",
        "quick_invoice": "quick_entry_invoice",
        "quick_credit": "quick_entry_credit_note",
    }
    kind = pl.col("kind_of_document")
    named = kind.replace_strict(words, default=None, return_dtype=pl.String)
    return pl.coalesce(
        pl.concat_str(side.otherwise(pl.lit("purchase")), named, separator="_"), kind
    )


def _with_parts(lines: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    """The lines, and below them their parts; ``line_rate_id`` and ``line_tax`` are the whole line's."""
    whole = lines.with_columns(
        pl.col("tax_rate_id").alias("line_rate_id"),
        pl.col("base_tax_amount").alias("line_base_tax"),
    )
    sign = pl.col("sign").cast(MONEY)
    base = pl.coalesce(
        pl.col("part_base_tax").cast(EXACT) * sign,
        share_of("line_base_tax", "part_tax", "line_tax"),
    )
    parts = (
        whole.drop("component_seq")
        .join(line_parts(frames), on=LINE, validate="1:m")
        .with_columns((pl.col("tax_amount") * sign).alias("line_tax"))
        .with_columns(
            pl.col("part_rate_id").alias("tax_rate_id"),
            pl.col("part_tax").fill_null(0).alias("part_tax"),
        )
        .with_columns(
            (pl.col("part_tax").cast(MONEY) * sign).cast(MONEY).alias("tax_amount"),
            base.fill_null(0).cast(MONEY).alias("base_tax_amount"),
            *(pl.lit(None, MONEY).alias(name) for name in _WHOLE_ONLY),
        )
        .drop("part_rate_id", "part_tax", "part_base_tax", "line_tax")
    )
    return pl.concat([whole, parts], how="diagonal")


def _with_meaning(
    rows: pl.LazyFrame, frames: Frames, rates: pl.LazyFrame, places: pl.LazyFrame
) -> pl.LazyFrame:
    """Adds what the rate means on the date: of the row's own rate, and as ``line_…`` of the line's."""
    meaning = rates_on_dates(
        rows.select(*RATE, "document_date"),
        frames["dim_tax_rate"],
        rates,
        places,
        frames[OVERRIDES],
    )
    of_lines = meaning.select(
        "business_id",
        pl.col("tax_rate_id").alias("line_rate_id"),
        "document_date",
        pl.col("tax_rate_key").alias("line_rate_key"),
        pl.col("category_code").alias("rate_category"),
        pl.col("treatment").alias("rate_treatment"),
        pl.col("agency").alias("line_agency"),
    )
    of_parts = frames["bridge_tax_rate_component"].select(
        pl.col("tax_rate_key").alias("line_rate_key"),
        pl.col("component_tax_rate_id").alias("tax_rate_id"),
        "component_tax_type",
    )
    agencies = (
        frames["tax_rates__component_tax_rates"]
        .select(
            "business_id", pl.col("id").alias("tax_rate_id"), pl.col("agency").alias("part_agency")
        )
        .drop_nulls()
        .unique(RATE, keep="first", maintain_order=True)
    )
    is_part = pl.col("component_seq") > 0
    has_no_rate = pl.col("tax_rate_id").is_null()
    own_type = pl.when(pl.col("tax_type") != "unknown").then("tax_type")
    return (
        rows.join(
            meaning.select(*RATE, "document_date", *MEANING).drop("category_code", "treatment"),
            on=[*RATE, "document_date"],
            how="left",
            validate="m:1",
        )
        .join(
            of_lines,
            on=["business_id", "line_rate_id", "document_date"],
            how="left",
            validate="m:1",
        )
        .join(of_parts, on=["line_rate_key", "tax_rate_id"], how="left", validate="m:1")
        .join(agencies, on=RATE, how="left", validate="m:1")
        .with_columns(
            pl.coalesce("part_percentage", "percentage")
            .cast(PERCENTAGE)
            .alias("percentage_on_date"),
            pl.coalesce(own_type, "component_tax_type", pl.lit("unknown")).alias("tax_type"),
            pl.when(is_part)
            .then(pl.coalesce("part_agency", "agency", "line_agency"))
            .otherwise("agency")
            .alias("agency"),
            pl.col("rate_class").fill_null("unknown"),
            pl.col("mapping_method").fill_null("unmapped"),
            pl.when(has_no_rate)
            .then(pl.lit("no_tax_rate"))
            .otherwise("unmapped_reason")
            .alias("unmapped_reason"),
            pl.col("mapping_version").fill_null(RULES_VERSION),
        )
        .with_columns(pl.col("percentage_on_date").alias("rate_percentage"))
    )


def _with_contacts(rows: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    contacts = frames["contacts"].select(
        "business_id",
        pl.col("id").alias("contact_id"),
        pl.col("main_address__country__id").alias("contact_country"),
        pl.col("ni_based").alias("contact_ni_based"),
        *(pl.col(f"tax_treatment__{name}").alias(name) for name in _TREATMENT),
    )
    return rows.join(
        contacts, on=["business_id", "contact_id"], how="left", validate="m:1"
    ).with_columns(
        pl.col("document_kind").alias("kind"),
        # classified on what the API shows; the sign comes back with the outcome
        *(
            (pl.col(name) * pl.col("sign").cast(MONEY)).cast(MONEY).alias(name)
            for name in ("net_amount", "tax_amount")
        ),
    )


def _amounts() -> list[pl.Expr]:
    """Net, charged and notional tax, signed, in both currencies."""
    is_notional = pl.col("is_notional")
    net, base_tax = pl.col("base_net_amount"), pl.col("base_tax_amount")
    percentage = pl.col("percentage_on_date")
    computed = to_cents(net.cast(EXACT) * percentage.cast(EXACT) / 100)
    notional = (
        pl.when(is_notional & (base_tax != 0))
        .then(base_tax.cast(EXACT))
        .when(is_notional & (percentage > 0))
        .then(computed)
    )
    return [
        pl.col("signed_net").alias("net_amount"),
        pl.col("signed_tax").alias("tax_amount"),
        pl.col("notional_tax").alias("notional_tax_amount"),
        pl.when(is_notional).then(pl.lit(0, MONEY)).otherwise(base_tax).alias("base_tax_amount"),
        notional.cast(MONEY).alias("base_notional_tax_amount"),
    ]


def _supply() -> pl.Expr:
    """Goods where nothing says otherwise, as a line of a return counts by default."""
    return (
        pl.when("is_capital")
        .then(pl.lit("capital"))
        .otherwise(pl.col("goods_services").fill_null("goods"))
    )


def _doc() -> pl.Expr:
    """Corrections of Spanish invoices are declared where credit notes are."""
    is_credit = (pl.col("sign") < 0) | (pl.col("kind_of_document") == "corrective")
    return pl.when(is_credit).then(pl.lit("credit_note")).otherwise(pl.lit("invoice"))


def _with_tax_points(lines: pl.LazyFrame, frames: Frames) -> pl.LazyFrame:
    bases = frames["dim_business"].select("business_id", basis().alias("basis"))
    return (
        lines.join(bases, on="business_id", how="left", validate="m:1")
        .join(
            last_payments(frames["fct_payment_allocation"]), on=DOCUMENT, how="left", validate="m:1"
        )
        .with_columns(
            pl.when(is_by_payment()).then("paid_on").otherwise("document_date").alias("tax_point")
        )
    )
