"""Text as files hold it: one line, no separator, no longer than its field."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

LINE_BREAKING: Final = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"
"""Control characters and the line ends that Unicode knows: a reader may end a line at any of them."""
NOT_IN_XML: Final = r"[\ufffe\uffff]"

_UNFIT: Final = re.compile(f"{LINE_BREAKING}|{NOT_IN_XML}")


def one_line(text: pl.Expr, separators: str = "") -> pl.Expr:
    """``text`` with every line end, control character and separator as one blank; null when empty."""
    clean = text.str.replace_all(LINE_BREAKING, " ").str.replace_all(NOT_IN_XML, " ")
    for separator in separators:
        clean = clean.str.replace_all(separator, " ", literal=True)
    clean = clean.str.strip_chars()
    return pl.when(clean != "").then(clean)


def one_line_of(text: str) -> str:
    """:func:`one_line` of a text in hand, without separators; empty when nothing is left."""
    return _UNFIT.sub(" ", text).strip()


def cents(amount: pl.Expr) -> pl.Expr:
    """Decimal ``amount``, in cents, as whole numbers: exact to sum and to cut."""
    return (amount.cast(pl.Decimal(38, 4)) * 100).cast(pl.Int64)


def decimal_comma(whole_cents: pl.Expr) -> pl.Expr:
    """Whole cents as ``-1234,05``: a comma, two decimals, no thousands separator."""
    size = whole_cents.abs()
    return pl.concat_str(
        pl.when(whole_cents < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        (size // 100).cast(pl.String),
        pl.lit(","),
        (size % 100).cast(pl.String).str.zfill(2),
    )
