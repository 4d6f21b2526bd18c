"""Tax lines as VAT returns count them: by tax point and part, each with the boxes that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY, PERCENTAGE
from sage_unified.marts.vat_boxes import contributions, returns_of, with_itc
from sage_unified.rules import rule_table
from sage_unified.tax_lines.tax_points import basis, is_by_payment

AMOUNTS: Final = ("net", "tax", "notional_tax")

_DOCUMENT: Final = ["business_id", "document_id"]
_LINE: Final = [*_DOCUMENT, "line_id"]
_CENTS: Final = 2
_FEDERAL: Final = ("GST", "HST", "GST_HST")
"""Canada: the components of the federal return; QST and PST have returns of their own."""
_OTHER_TERRITORY: Final = ("IGIC", "IPSI")
"""Spain: the taxes of the Canaries, Ceuta and Melilla, which modelo 303 does not know."""


def vat_lines(
    tax_lines: pl.LazyFrame,
    documents: pl.LazyFrame,
    allocations: pl.LazyFrame,
    businesses: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a tax line, part and tax point; key (tax_line_key, part, tax_point), lines in their order.

    Takes ``fct_tax_line, fct_document, fct_payment_allocation, dim_business``. Lines of documents that are
    not in the books are left out. Of a combined Canadian rate the components stand, of all others the
    whole line, unless its components belong to several agencies (US); a Spanish line with recargo is
    parted into tax and surcharge. ``net, tax, notional_tax`` and ``itc`` (input tax that is recoverable)
    are in base currency, positive on both sides and negative on credit notes. ``basis`` is the
    business's: by document (accrual), by payment (cash: net and tax in the share that each payment is of
    the total), or mixed (France without a scheme: services by payment). ``boxes`` is JSON, a list of
    ``{"box", "amount"}``; empty for a line in no box.
    """
    posted = documents.filter("is_posted").select(
        *_DOCUMENT, pl.col("total_amount").abs().alias("document_total")
    )
    bases = businesses.select("business_id", basis().alias("basis"))
    counted = (
        _counted_once(tax_lines.filter(~pl.col("is_void")))
        .join(posted, on=_DOCUMENT, validate="m:1", maintain_order="left")
        .join(bases, on="business_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.col("basis").fill_null("accrual"), *_as_boxes_say())
    )
    parted = _without_surcharge(counted)
    by_payment = is_by_payment()
    dated = pl.concat(
        [
            parted.filter(~by_payment).with_columns(_by_document().alias("tax_point")),
            _by_payment(parted.filter(by_payment), allocations),
        ],
        how="diagonal_relaxed",
    ).drop("document_total")
    months = dated.with_columns(
        pl.col("tax_point").dt.month_start().alias("period_start"),
        pl.col("tax_point").dt.month_end().alias("period_end"),
    )
    counted_itc = pl.col("itc").round(4, mode="half_away_from_zero")
    return _with_boxes(
        with_itc(months)
        .with_columns(counted_itc)
        .with_columns(pl.col(*AMOUNTS, "itc").cast(MONEY)),
        returns_of(businesses),
    )


def _by_document() -> pl.Expr:
    """The tax point of what is not declared by payment, whatever the scheme of the rest."""
    is_accrual = pl.col("basis") == "accrual"
    return pl.coalesce(pl.when(is_accrual).then("tax_point"), "document_date")


def _counted_once(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Of each line either the whole (component 0) or its components, with ``net, tax, notional_tax``.

    Components of one agency share one net. Few lines have components, so they are looked up by a join
    and not by a window over all lines, which takes ten times as long.
    """
    parts = lines.filter(pl.col("component_seq") > 0)
    federal = pl.col("country") == "CA"
    parted = (
        parts.group_by(_LINE)
        .agg(federal.first().alias("is_federal"), pl.col("agency").n_unique().alias("agencies"))
        .filter(pl.col("is_federal") | (pl.col("agencies") > 1))
        .select(_LINE)
    )
    is_first = pl.col("component_seq") == pl.col("component_seq").min().over([*_LINE, "agency"])
    net = pl.when(federal | is_first).then("base_net_amount").otherwise(pl.lit(0, MONEY))
    whole = (
        lines.filter(pl.col("component_seq") == 0)
        .join(parted, on=_LINE, how="anti", maintain_order="left")
        .with_columns(pl.col("base_net_amount").alias("net"))
    )
    components = parts.join(parted, on=_LINE, how="semi", maintain_order="left").with_columns(
        net.alias("net")
    )
    return pl.concat([whole, components]).with_columns(
        pl.col("base_tax_amount").fill_null(0).alias("tax"),
        pl.col("base_notional_tax_amount").fill_null(0).alias("notional_tax"),
        pl.col("recoverable_share").fill_null(1),
    )


def _as_boxes_say() -> list[pl.Expr]:
    """The words that the formulas use where they are not the line's own."""
    is_exempt = pl.col("treatment").is_in(["exempt", "margin"])
    of_canada = pl.col("country") == "CA"
    # only services come from abroad under reverse charge, also those that are booked as an asset
    is_service_from_abroad = (pl.col("treatment") == "reverse_charge") & pl.col("vat_scope").is_in(
        ["eu", "row"]
    )
    return [
        pl.when(is_service_from_abroad & (pl.col("supply") == "capital"))
        .then(pl.lit("services"))
        .otherwise("supply")
        .alias("supply"),
        pl.when(is_exempt)
        .then(pl.lit("exempt"))
        .when(pl.col("tax_type") == "RE")
        .then(pl.lit("surcharge"))
        .otherwise("rate_class")
        .alias("rate_class"),
        pl.when(of_canada & pl.col("tax_type").is_in(_FEDERAL))
        .then(pl.lit("GST_HST"))
        .otherwise("tax_type")
        .alias("tax_type"),
        pl.when(~pl.col("tax_type").is_in(_OTHER_TERRITORY)).then("vat_scope").alias("vat_scope"),
        pl.col("percentage_on_date").alias("rate"),
        pl.lit(0, pl.Int16).alias("part"),
    ]


def _without_surcharge(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Spanish lines with recargo as two: part 1 the tax, part 2 the surcharge, on the same net."""
    is_both = pl.col("tax_type") == "VAT_RE"
    both = (
        lines.filter(is_both)
        .join(_surcharges(), on="rate", how="left", maintain_order="left_right")
        .filter(
            pl.col("from_date").is_null()
            | pl.col("document_date").is_between("from_date", "to_date")
        )
        .unique(["tax_line_key"], keep="first", maintain_order=True)
    )
    known = pl.col("rate_of_surcharge").is_not_null()
    surcharge = (
        (pl.col("net").cast(EXACT) * pl.col("rate_of_surcharge").cast(EXACT) / 100)
        .round(_CENTS, mode="half_away_from_zero")
        .cast(MONEY)
    )
    taxes = both.with_columns(
        pl.when(known).then(pl.col("tax") - surcharge).otherwise("tax").cast(MONEY).alias("tax"),
        pl.coalesce("rate_of_tax", "rate").alias("rate"),
        pl.lit(1, pl.Int16).alias("part"),
    )
    surcharges = both.filter(known).with_columns(
        surcharge.alias("tax"),
        pl.lit(0, MONEY).alias("notional_tax"),
        pl.col("rate_of_surcharge").alias("rate"),
        pl.lit("surcharge").alias("rate_class"),
        pl.lit(2, pl.Int16).alias("part"),
    )
    columns = ["rate_of_tax", "rate_of_surcharge", "from_date", "to_date"]
    return pl.concat(
        [lines.filter(~is_both), taxes.drop(columns), surcharges.drop(columns)],
        how="diagonal_relaxed",
    )


def _surcharges() -> pl.LazyFrame:
    """``rate`` (tax and recargo in one) by the figures that it is made of, and when."""
    in_force = rule_table("vat_rates").lazy().filter(pl.col("country") == "ES")
    far = pl.date(9999, 12, 31)

    def figures(tax_type: str, name: str) -> pl.LazyFrame:
        return in_force.filter(pl.col("tax_type") == tax_type).select(
            "rate_class",
            pl.col("percentage").alias(name),
            pl.col("from_date").alias(f"{name}_from"),
            pl.col("to_date").fill_null(far).alias(f"{name}_to"),
        )

    names = ("rate", "rate_of_tax", "rate_of_surcharge")
    return (
        figures("VAT_RE", "rate")
        .join(figures("VAT", "rate_of_tax"), on="rate_class")
        .join(figures("RE", "rate_of_surcharge"), on="rate_class")
        .with_columns(
            pl.max_horizontal([f"{name}_from" for name in names]).alias("from_date"),
            pl.min_horizontal([f"{name}_to" for name in names]).alias("to_date"),
        )
        .filter(
            pl.col("rate_of_tax") + pl.col("rate_of_surcharge") == pl.col("rate"),
            pl.col("from_date") <= pl.col("to_date"),
        )
        .select(pl.col(names).cast(PERCENTAGE), "from_date", "to_date")
    )


def _by_payment(lines: pl.LazyFrame, allocations: pl.LazyFrame) -> pl.LazyFrame:
    """Each line once for each day on which its document was paid, in the share of that payment.

    The shares of all payments up to a day are rounded together, so that a document paid in full has
    been declared in full.
    """
    paid = (
        allocations.filter(pl.col("deleted_at").is_null())
        .group_by(*_DOCUMENT, pl.col("date").alias("paid_on"))
        .agg(pl.col("amount").sum())
        .sort(*_DOCUMENT, "paid_on")
        .with_columns(pl.col("amount").cum_sum().over(_DOCUMENT).alias("paid"))
        .select(*_DOCUMENT, "paid_on", "paid")
    )
    total = pl.col("document_total").cast(EXACT)
    part = ["tax_line_key", "part"]
    so_far = [
        (pl.col(name).cast(EXACT) * pl.col("paid").cast(EXACT) / total)
        .round(_CENTS, mode="half_away_from_zero")
        .cast(MONEY)
        .alias(name)
        for name in AMOUNTS
    ]
    return (
        lines.filter(pl.col("document_total") != 0)
        .join(paid, on=_DOCUMENT)
        .sort(*part, "paid_on")
        .with_columns(so_far)
        .with_columns(
            (pl.col(name) - pl.col(name).shift(1).over(part).fill_null(0)).alias(name)
            for name in AMOUNTS
        )
        .with_columns(pl.col("paid_on").alias("tax_point"))
        .drop("paid_on", "paid")
    )


def _with_boxes(lines: pl.LazyFrame, returns: Mapping[str, pl.DataFrame]) -> pl.LazyFrame:
    """``return`` and ``boxes`` of the lines of each country; a country without a return has no rows."""
    return pl.concat(
        [
            lines.filter(pl.col("country") == country).with_columns(
                pl.lit(boxes["return"][0]).alias("return"), _boxes_as_json(boxes).alias("boxes")
            )
            for country, boxes in returns.items()
        ]
    )


def _boxes_as_json(boxes: pl.DataFrame) -> pl.Expr:
    is_counted = pl.col("vat_scope").is_not_null()
    entries = [
        pl.when(is_counted & amount.is_not_null()).then(
            pl.concat_str(
                pl.lit(f'{{"box":"{box}","amount":"'),
                amount.cast(MONEY).cast(pl.String),
                pl.lit('"}'),
            )
        )
        for box, amount in contributions(boxes).items()
    ]
    listed = pl.concat_str(entries, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("["), listed, pl.lit("]"))
