"""The border: columns of a given frame in the types that a function works with.

Money and percentages become Decimal without passing through a float. Text may hold a comma or a point
as its one separator, blanks and a per cent sign ("14,975", "20 %"); anything else that is no number is
null. A float column, as a JSON reader makes it, is read by its shortest decimal text. Dates may be text
or a moment: the date part counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import polars as pl

from sage_unified.errors import InputError

MONEY: Final = pl.Decimal(19, 4)
PERCENTAGE: Final = pl.Decimal(9, 4)
EXACT: Final = pl.Decimal(38, 12)
"""For products: two factors of four places each, divided by 100, lose nothing."""
TIME: Final = pl.Datetime("us", "UTC")

Types: TypeAlias = Mapping[str, pl.DataType]
"""Columns in their order."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$"
_TRUE = ("true", "1", "yes")


def typed(
    frame: pl.LazyFrame, columns: Types, defaults: Mapping[str, object] | None = None
) -> pl.LazyFrame:
    """Exactly ``columns``, in that order and those types.

    A column that the frame lacks, and a null, is the column's default where it has one, else null.
    """
    found = frame.collect_schema()
    defaults = defaults or {}
    if not found:
        return pl.LazyFrame(schema=dict(columns))
    expressions = []
    for name, wanted in columns.items():
        if name in found and found[name] == wanted and name not in defaults:
            continue  # unchanged, so that filters on it reach the file that it is read from
        given = as_type(name, found[name], wanted) if name in found else pl.lit(None, wanted)
        if name in defaults:
            given = given.fill_null(pl.lit(defaults[name]).cast(wanted))
        expressions.append(given.alias(name))
    # with_columns first: a select of literals alone would give one row, not the frame's
    return frame.with_columns(expressions).select(columns.keys())


def require(frame: pl.DataFrame, columns: Iterable[str], function: str) -> None:
    """Raise :class:`InputError` naming the columns that ``frame`` lacks."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"{function} needs the columns {', '.join(missing)}, which the given frame lacks. Nothing "
            "was classified. Add them, with nulls where nothing is known."
        )


def as_type(name: str, found: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    """The column ``name``, which is of type ``found``, as one of type ``wanted``."""
    column = pl.col(name)
    if found == wanted:
        return column
    if isinstance(wanted, pl.Decimal):
        return _as_decimal(column, found, wanted)
    if wanted == pl.Date and found == pl.String:
        return date_in_text(column)
    if wanted == pl.Boolean and found == pl.String:
        text = column.str.strip_chars().str.to_lowercase()
        return pl.when(text != "").then(text.is_in(_TRUE))
    if wanted == pl.Boolean and found.is_numeric():
        return column != 0
    return column.cast(wanted)


def _as_decimal(column: pl.Expr, found: pl.DataType, wanted: pl.Decimal) -> pl.Expr:
    if isinstance(found, pl.Decimal) or found.is_integer():
        return column.cast(wanted)
    text = (
        column.cast(pl.String)
        .str.replace_all(r"[\s\p{Z}%]", "")
        .str.replace(",", ".", literal=True)
    )
    return pl.when(text.str.contains(_NUMBER)).then(text).cast(wanted, strict=False)


def date_in_text(column: pl.Expr) -> pl.Expr:
    """The date part of an ISO date or moment; null where there is none."""
    return column.str.strip_chars().str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
