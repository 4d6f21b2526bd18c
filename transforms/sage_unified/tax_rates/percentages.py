"""The percentage of a rate on a date: from its periods, its components, or as it stands.

Both ends of a period are inclusive and a missing end is open. Of several periods that hold, the one
that starts last counts (of equal starts, the one listed last). Where periods are given and none holds,
the percentage is null: that of today is no evidence for another day. What is no number from 0 to 100
is null too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from sage_unified.columns import PERCENTAGE, as_type, date_in_text

FIRST_DAY: Final = date(1, 1, 1)
LAST_DAY: Final = date(9999, 12, 31)

NO_PERIOD: Final = "no_percentage_on_date"
MISSING: Final = "percentage_missing"

_WIDE = pl.Decimal(38, 4)
"""Holds a malformed figure too, until it is seen to be no percentage."""


def parts_on_date(cases: pl.DataFrame) -> pl.DataFrame:
    """The components of each case, in the order listed, and their percentages on its date.

    ``cases`` has ``case, component_tax_rates, document_date``. Columns of the answer: ``case,
    document_date, tax_rate_id, name, percentage_on_date, percentage_missing`` (why it is null).
    """
    fields = ("id", "name", "percentage", "percentages")
    parts = listed(cases.select("case", "document_date", "component_tax_rates"), fields)
    parts = _each_on_date(parts.with_row_index("_carrier"))
    return parts.select(
        "case",
        "document_date",
        pl.col("id").cast(pl.String).alias("tax_rate_id"),
        pl.col("name").cast(pl.String),
        "percentage_on_date",
        "percentage_missing",
    )


def percentages_on_date(cases: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """``percentage_on_date, percentage_source, percentage_missing`` of each case, in its order.

    ``cases`` has ``case, percentage, percentages, is_combined_rate, document_date``; ``parts`` is what
    :func:`parts_on_date` says of them. The source is ``period``, ``components``, ``current`` or
    ``none``; ``percentage_missing`` says why there is none.
    """
    totals = parts.group_by("case").agg(
        pl.when(pl.col("percentage_on_date").is_not_null().all())
        .then(pl.col("percentage_on_date").sum())
        .cast(PERCENTAGE)
        .alias("_total"),
        pl.when((pl.col("percentage_missing") == NO_PERIOD).any())
        .then(pl.lit(NO_PERIOD))
        .when(pl.col("percentage_missing").is_not_null().any())
        .then(pl.lit(MISSING))
        .alias("_total_missing"),
        pl.lit(True).alias("_has_parts"),
    )
    single = _each_on_date(cases.rename({"case": "_carrier"})).rename({"_carrier": "case"})
    summed = ~pl.col("_has_periods") & pl.col("is_combined_rate") & pl.col("_has_parts")
    figure = pl.when(summed).then("_total").otherwise("percentage_on_date")
    source = (
        pl.when(figure.is_null())
        .then(pl.lit("none"))
        .when(pl.col("_has_periods"))
        .then(pl.lit("period"))
        .when(summed)
        .then(pl.lit("components"))
        .otherwise(pl.lit("current"))
    )
    return (
        single.join(totals, on="case", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("_has_parts").fill_null(False))
        .select(
            figure.alias("percentage_on_date"),
            source.alias("percentage_source"),
            pl.when(summed)
            .then("_total_missing")
            .otherwise("percentage_missing")
            .alias("percentage_missing"),
        )
    )


def listed(frame: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """One row an element of the frame's last column, a list of structs, with its ``fields``.

    Null elements fall out; a field that the structs lack is null. So does a list column that has no
    structs at all, as a frame made of empty lists has.
    """
    *kept, column = frame.columns
    kind = frame.schema[column]
    inner = kind.inner if isinstance(kind, pl.List) else None
    if not isinstance(inner, pl.Struct):
        return frame.clear().select(*kept, *(pl.lit(None).alias(name) for name in fields))
    known = {field.name for field in inner.fields}
    elements = frame.explode(column, empty_as_null=False, keep_nulls=False).drop_nulls(column)
    return elements.select(
        *kept,
        *(
            pl.col(column).struct.field(name) if name in known else pl.lit(None).alias(name)
            for name in fields
        ),
    )


def starts(periods: pl.DataFrame) -> pl.Expr:
    """The first day of each period; null when it is no date, so that the period never holds."""
    return _bound(periods, "from_date", FIRST_DAY)


def ends(periods: pl.DataFrame) -> pl.Expr:
    """The last day of each period; null when it is no date, so that the period never holds."""
    return _bound(periods, "to_date", LAST_DAY)


def _bound(periods: pl.DataFrame, name: str, when_open: date) -> pl.Expr:
    column = pl.col(name)
    if periods.schema[name] != pl.String:
        return column.cast(pl.Date).fill_null(when_open)
    is_open = column.fill_null("").str.strip_chars() == ""
    return pl.when(is_open).then(pl.lit(when_open)).otherwise(date_in_text(column)).alias(name)


def _each_on_date(carriers: pl.DataFrame) -> pl.DataFrame:
    """``carriers`` (of ``_carrier, percentage, percentages, document_date``), each by itself.

    Adds ``percentage_on_date``, ``percentage_missing`` and ``_has_periods``.
    """
    periods = listed(
        carriers.select("_carrier", "document_date", "percentages"),
        ("percentage", "from_date", "to_date"),
    )
    on_date = pl.col("document_date")
    held = (
        periods.filter((starts(periods) <= on_date) & (on_date <= ends(periods)))
        .with_columns(starts(periods).alias("_start"))
        .sort("_start", maintain_order=True)
        .unique("_carrier", keep="last")
        .select("_carrier", _figures(periods).alias("_held"), pl.lit(True).alias("_holds"))
    )
    having = periods.select("_carrier", pl.lit(True).alias("_has_periods")).unique("_carrier")
    percentage = (
        pl.when(pl.col("_has_periods")).then("_held").otherwise("_own").alias("percentage_on_date")
    )
    missing = (
        pl.when(percentage.is_not_null())
        .then(None)
        .when(pl.col("_has_periods") & ~pl.col("_holds"))
        .then(pl.lit(NO_PERIOD))
        .otherwise(pl.lit(MISSING))
        .alias("percentage_missing")
    )
    return (
        carriers.with_columns(_figures(carriers).alias("_own"))
        .join(held, on="_carrier", how="left", validate="1:1", maintain_order="left")
        .join(having, on="_carrier", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("_holds", "_has_periods").fill_null(False))
        .with_columns(percentage, missing)
        .drop("_own", "_held", "_holds")
    )


def _figures(frame: pl.DataFrame) -> pl.Expr:
    """The column ``percentage`` of ``frame`` as a percentage."""
    figure = as_type("percentage", frame.schema["percentage"], _WIDE)
    return pl.when(figure.is_between(0, 100)).then(figure).cast(PERCENTAGE)
