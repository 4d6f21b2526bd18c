"""A VAT return as files: the boxes, for GB the body of HMRC's VAT API, and the lines behind each box.

Source: rules/vat_boxes.csv, rules/exports.csv (HMRC_MTD_VAT). Amounts are in base currency.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.exports.refusals import Business, ExportRefusedError, Period
from sage_unified.exports.texts import one_line
from sage_unified.marts.vat_return import vat_return
from sage_unified.rules import RULES_VERSION, rule_table

HMRC: Final = "HMRC_MTD_VAT"
_PERIOD_KEY_LENGTH: Final = 4
_CENT: Final = Decimal("0.01")
_BOX_AS_TEXT: Final = pl.Struct({"box": pl.String, "amount": pl.String})
_BOX: Final = pl.Struct({"box": pl.String, "amount": pl.Decimal(19, 4)})
DETAIL_COLUMNS: Final = (
    "document_kind",
    "document_id",
    "document_number",
    "line_id",
    "component_seq",
    "part",
    "document_date",
    "tax_point",
    "contact_id",
    "direction",
    "doc",
    "vat_scope",
    "supply",
    "category_code",
    "rate_class",
    "rate",
    "agency",
    "net",
    "tax",
    "notional_tax",
    "itc",
)


def boxes(business: Business, sums: pl.DataFrame) -> pl.DataFrame:
    """``return, agency, box, label, amount`` of every box that is not the user's own, in their order.

    ``sums`` has what ``sage_unified.vat_return`` asks for, lines of equal treatment summed; in the US there
    is a return for each agency. Raises ``InputError`` for a country without a return.
    """
    labels = (
        rule_table("vat_boxes")
        .filter(pl.col("country") == business.country)
        .select("return", "box", "label")
    )
    lines = sums.with_columns(pl.col("net", "tax", "notional_tax").cast(MONEY))
    returns = [
        vat_return(own, business.country).with_columns(pl.lit(agency, pl.String).alias("agency"))
        for agency, own in _by_agency(business, lines)
    ]
    return (
        pl.concat(returns)
        .join(labels, on="box", how="left", validate="m:1", maintain_order="left")
        .select("return", "agency", "box", "label", "amount")
    )


def _by_agency(business: Business, lines: pl.DataFrame) -> list[tuple[str | None, pl.DataFrame]]:
    """The lines of each return: one for each agency in the US, else one."""
    if business.country != "US" or lines.is_empty():
        return [(None, lines)]
    agencies = lines["agency"].unique().sort(nulls_last=True)
    return [
        (agency, lines.filter(pl.col("agency").eq_missing(pl.lit(agency, pl.String))))
        for agency in agencies
    ]


def hmrc_body(returned: pl.DataFrame, period_key: str | None) -> dict[str, object]:
    """The nine boxes in the names and order of HMRC's VAT API, ``finalised`` false.

    HMRC takes no body that is not finalised: that is a declaration which a person makes. Without a
    ``period_key``, which only HMRC gives, it is null. Raises :class:`ExportRefusedError` for a period key
    that HMRC can not have given.
    """
    if period_key is not None and len(period_key) != _PERIOD_KEY_LENGTH:
        raise ExportRefusedError(
            f"The period key {period_key!r} does not have {_PERIOD_KEY_LENGTH} characters as HMRC's have.",
            "Take it from HMRC's list of obligations.",
            error_code="export-number-wrong",
        )
    amounts: dict[str, Decimal] = dict(returned.select("box", "amount").iter_rows())
    fields = rule_table("exports").filter(pl.col("export") == HMRC).sort("position")
    body: dict[str, object] = {}
    for name, form, source in fields.select("field", "format", "unified_source").iter_rows():
        if name == "periodKey":
            body[name] = period_key
        elif name == "finalised":
            body[name] = False
        else:
            amount = amounts[source.removeprefix("box ")]
            whole = form.startswith("whole")
            body[name] = (
                int(amount.to_integral_value(ROUND_DOWN)) if whole else amount.quantize(_CENT)
            )
    # HMRC recomputes it from the two before and takes only their absolute difference
    due, reclaimed = amounts["3"], amounts["4"]
    body["netVatDue"] = abs(due - reclaimed).quantize(_CENT)
    return body


def document(business: Business, period: Period, returned: pl.DataFrame) -> dict[str, object]:
    """The return of any country: what it is of, and its boxes."""
    return {
        "business_id": business.business_id,
        "country": business.country,
        "return": returned["return"].drop_nulls().first() if returned.height else None,
        "period": {"from": str(period.first), "to": str(period.last)},
        "currency": business.base_currency,
        "rules_version": RULES_VERSION,
        "boxes": [
            {
                "agency": agency,
                "box": box,
                "label": label,
                "amount": amount.quantize(_CENT),
            }
            for agency, box, label, amount in returned.select(
                "agency", "box", "label", "amount"
            ).iter_rows()
        ],
    }


def detail_header() -> bytes:
    """The first line of the file of lines."""
    return (",".join((*DETAIL_COLUMNS, "box", "amount", "rules_version")) + "\n").encode()


def detail(lines: pl.DataFrame) -> bytes:
    """Each line of ``marts.vat_lines`` once for each box that it is in, or with an empty box.

    CSV in UTF-8; the amounts of a box sum to it before it is rounded.
    """
    text = (
        lines.with_columns(pl.col("boxes").str.json_decode(pl.List(_BOX_AS_TEXT)))
        .explode("boxes", keep_nulls=True, empty_as_null=True)
        .with_columns(pl.col("boxes").cast(_BOX))
        .unnest("boxes")
        .select(
            *(one_line(pl.col(n)) if n == "document_number" else pl.col(n) for n in DETAIL_COLUMNS),
            "box",
            "amount",
            pl.lit(RULES_VERSION).alias("rules_version"),
        )
        .write_csv(include_header=False)
    )
    return text.encode()
