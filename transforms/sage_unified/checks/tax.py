"""Tie-outs of taxes: with the tax accounts, between the VAT marts, and what nothing maps."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.checks.comparison import NO_AMOUNTS, Check, Frames, both, rows
from sage_unified.checks.gaps import ACCOUNTS, DOCUMENTS, ENTRIES
from sage_unified.checks.ledger import STALE, posted
from sage_unified.columns import EXACT, MONEY
from sage_unified.formulas import Box, Call, parse_calculation
from sage_unified.marts.vat_boxes import boxes_of
from sage_unified.rules import rule_table

_NO_LINES: Final = "No tax lines of a country with a return were loaded. Run: sage-elt sync"
_DOCUMENT: Final = ["business_id", "document_id"]
_TRANSACTION: Final = ["business_id", "transaction_id"]
_ACCOUNT: Final = ["business_id", "account_id"]
_BOX: Final = [
    "business_id",
    "country",
    "agency",
    "period_kind",
    "period_start",
    "period_end",
    "box",
]
_BOXES_OF_A_LINE: Final = pl.List(pl.Struct({"box": pl.String, "amount": pl.String}))


def _accounts(frames: Frames) -> pl.LazyFrame:
    """Output less input tax of each document against what its transaction moved on tax accounts.

    By document, so that returns, payments of tax and journals, which have none, stay out. A line that is
    itself booked on a tax account (a payment to the tax office) is expected there too.
    """
    is_sale = pl.col("direction") == "sale"
    share = pl.col("recoverable_share").fill_null(1).cast(EXACT)
    charged = pl.col("base_tax_amount").fill_null(0).cast(EXACT)
    notional = pl.col("base_notional_tax_amount").fill_null(0).cast(EXACT)
    due = pl.when(is_sale).then(charged).otherwise(notional - (charged + notional) * share)
    of_tax_lines = (
        frames["fct_tax_line"]
        .filter(pl.col("component_seq") == 0, ~pl.col("is_void"))
        .group_by(_DOCUMENT)
        .agg(due.sum().round(2, mode="half_away_from_zero").cast(MONEY).alias("due"))
    )
    on_tax_accounts = (
        frames["dim_account"].filter(pl.col("account_subclass") == "tax").select(_ACCOUNT)
    )
    of_lines = (
        frames["fct_document_line"]
        .join(on_tax_accounts, on=_ACCOUNT, how="semi")
        .group_by(_DOCUMENT)
        .agg(pl.col("base_net_amount").sum().alias("paid"))
    )
    moved = (
        posted(frames)
        .join(on_tax_accounts, on=_ACCOUNT, how="semi")
        .group_by(_TRANSACTION)
        .agg((-pl.col("amount").sum()).alias("found"))
    )
    paid = pl.when(is_sale).then("paid").otherwise(-pl.col("paid")).fill_null(0)
    return (
        frames["fct_document"]
        .filter("is_posted")
        .drop_nulls("transaction_id")
        # each grouped by its key
        .join(of_tax_lines, on=_DOCUMENT, how="left")
        .join(of_lines, on=_DOCUMENT, how="left")
        .join(moved, on=_TRANSACTION, how="left")
        .select(
            "business_id",
            pl.col("document_id").alias("subject"),
            (pl.col("due").fill_null(0) + paid).alias("expected"),
            pl.col("found").fill_null(0),
        )
    )


def _boxes(frames: Frames) -> pl.LazyFrame:
    """The boxes that lines are in, summed and rounded, against the summary."""
    lines = (
        frames["vat_lines"]
        .select(
            "business_id",
            "country",
            pl.when(pl.col("country") == "US").then("agency").alias("agency"),
            "period_start",
            pl.col("boxes").str.json_decode(_BOXES_OF_A_LINE).alias("boxes"),
        )
        .explode("boxes")
        .unnest("boxes")
        .drop_nulls("box")
        .group_by("business_id", "country", "agency", "period_start", "box")
        .agg(pl.col("amount").cast(MONEY).sum())
        .rename({"period_start": "month"})
    )
    summed = frames["vat_summary"].filter(pl.col("line_count").is_not_null())
    within = (
        summed.join(lines, on=["business_id", "country", "agency", "box"], nulls_equal=True)
        .filter(pl.col("month").is_between("period_start", "period_end"))
        .group_by(_BOX)
        .agg(pl.col("amount_right").sum().alias("of_lines"))
    )
    roundings = rule_table("vat_boxes").lazy().select("country", "box", "rounding")
    exact = pl.col("of_lines").fill_null(0)
    rounded = (
        pl.when(pl.col("rounding") == "whole_down")
        .then(exact.truncate(0))
        .when(pl.col("rounding") == "whole_half_up")
        .then(exact.round(0, mode="half_away_from_zero"))
        .otherwise(exact.round(2, mode="half_away_from_zero"))
    )
    return (
        summed.join(within, on=_BOX, how="left", validate="1:1", nulls_equal=True)
        .join(roundings, on=["country", "box"], how="left", validate="m:1")
        .select(
            "business_id",
            pl.concat_str(
                pl.format("box {} of {} {}", "box", "period_kind", "period_start"),
                pl.format(", {}", "agency"),
                ignore_nulls=True,
            ).alias("subject"),
            rounded.cast(MONEY).alias("expected"),
            pl.col("amount").alias("found"),
        )
    )


def _returned(frames: Frames) -> pl.LazyFrame:
    """The tax of each document's lines against what the boxes of its return take of it.

    Lines of no return (unmapped ones, Canada's provincial components, purchases in the US) stay out.
    """
    is_sale = pl.col("direction") == "sale"
    is_returned = (
        pl.when(pl.col("country") == "CA")
        .then(pl.col("tax_type") == "GST_HST")
        .when(pl.col("country") == "US")
        .then(is_sale)
        .otherwise(pl.lit(True))
    )
    lines = frames["vat_lines"].filter(pl.col("vat_scope").is_not_null(), is_returned)
    due = pl.when(is_sale).then("tax").otherwise(pl.col("notional_tax") - pl.col("itc"))
    expected = lines.group_by(_DOCUMENT).agg(due.sum().alias("expected"))
    taken = (
        lines.select(*_DOCUMENT, "country", pl.col("boxes").str.json_decode(_BOXES_OF_A_LINE))
        .explode("boxes")
        .unnest("boxes")
        .join(_tax_boxes(), on=["country", "box"])
        .group_by(_DOCUMENT)
        .agg((pl.col("amount").cast(MONEY) * pl.col("sign")).sum().alias("found"))
    )
    return both(expected, taken, "document_id")


def _tax_boxes() -> pl.LazyFrame:
    """``country, box, sign`` of the ``sum`` boxes that the output (+1) and input tax (-1) are made of.

    A return without a box of all input tax (DE) has one of the difference.
    """
    countries = rule_table("countries")
    found = [
        (country, box, sign)
        for column, sign in (("output_box", 1), ("input_box", -1))
        for country, total in countries.select("country", column).drop_nulls().iter_rows()
        for box in _summed_in(country, total)
    ]
    return pl.LazyFrame(found, schema=["country", "box", "sign"], orient="row")


def _summed_in(country: str, box: str) -> list[str]:
    """The ``sum`` boxes that a box is made of; itself where it is one."""
    boxes = boxes_of(country)
    kind, formula = boxes.filter(pl.col("box") == box).select("kind", "formula").row(0)
    if kind == "sum":
        return [box]
    calculation = parse_calculation(formula, boxes["box"].to_list())
    operands = calculation.operands if isinstance(calculation, Call) else ((1, calculation),)
    return [
        inner
        for _, operand in operands
        if isinstance(operand, Box)
        for inner in _summed_in(country, operand.name)
    ]


CHECKS: Final = (
    Check(
        "tax_lines_equal_tax_accounts",
        "documents",
        _accounts,
        "The tax of this document's lines in unified.fct_tax_line is not what its transaction moved on tax "
        "accounts. Look at its tax rates, and at the classes of the accounts in "
        "marts.account_classification_check.",
        "Documents are compared with their entries. Run: sage-elt sync; if that does not help, the user may "
        "lack a role: sage-elt doctor",
        (*DOCUMENTS, ENTRIES, ACCOUNTS),
    ),
    Check(
        "vat_return_takes_all_tax",
        "documents",
        _returned,
        "No box of the return takes all tax of this document: see its lines and their boxes in "
        "marts.vat_lines. A rate that the return has no box for must be entered by hand.",
        _NO_LINES,
    ),
    Check(
        "vat_summary_equals_lines",
        "boxes",
        _boxes,
        "The lines of this box in marts.vat_lines do not sum to it. One mart is older than the other; "
        f"{STALE}",
        _NO_LINES,
    ),
)


def unmapped_rates(frames: Frames) -> pl.LazyFrame:
    """How many current rates are mapped, and each that is not, with its reason; never broken."""
    name = "tax_rates_mapped"
    current = frames["dim_tax_rate"].filter("is_current")
    reason = pl.col("unmapped_reason")
    counted = current.group_by("business_id").agg(
        pl.lit("current tax rates").alias("subject"),
        pl.len().cast(MONEY).alias("expected"),
        reason.is_null().sum().cast(MONEY).alias("found"),
    )
    listed = current.drop_nulls("unmapped_reason").select(
        "business_id", pl.col("tax_rate_id").alias("subject"), *NO_AMOUNTS, reason
    )
    return pl.concat(
        [rows(name, counted, "ok", pl.lit("")), rows(name, listed, "ok", reason)]
    ).sort("business_id", "subject")


def unmapped_lines(frames: Frames) -> pl.LazyFrame:
    """How many tax lines are in a return, and by rate those that are in none; never broken.

    The hint of a rate says why nothing maps it and what net its lines carry.
    """
    name = "tax_lines_mapped"
    lines = frames["fct_tax_line"].filter(pl.col("component_seq") == 0, ~pl.col("is_void"))
    is_mapped = pl.col("vat_scope").is_not_null()
    counted = lines.group_by("business_id").agg(
        pl.lit("tax lines").alias("subject"),
        pl.len().cast(MONEY).alias("expected"),
        is_mapped.sum().cast(MONEY).alias("found"),
    )
    listed = (
        lines.filter(~is_mapped)
        .group_by("business_id", pl.col("tax_rate_id").fill_null("no tax rate").alias("subject"))
        .agg(
            pl.col("unmapped_reason")
            .drop_nulls()
            .first()
            .fill_null("no treatment")
            .alias("reason"),
            pl.len().alias("lines"),
            pl.col("base_net_amount").sum().alias("net"),
        )
        .with_columns(
            *NO_AMOUNTS,
            pl.format("{}: {} lines, net {} in base currency", "reason", "lines", "net").alias(
                "hint"
            ),
        )
    )
    return pl.concat(
        [rows(name, counted, "ok", pl.lit("")), rows(name, listed, "ok", pl.col("hint"))]
    ).sort("business_id", "subject")
