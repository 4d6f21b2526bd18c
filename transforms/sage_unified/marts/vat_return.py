"""VAT returns: the boxes of a country's return from tax lines, by the formulas of vat_boxes.csv."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY, typed
from sage_unified.marts.vat_boxes import alike, boxes_of, returned, with_itc

_TEXT = pl.String()
_INPUT: Final = {
    "direction": _TEXT,
    "doc": _TEXT,
    "vat_scope": _TEXT,
    "supply": _TEXT,
    "rate": EXACT,
    "rate_class": _TEXT,
    "tax_type": _TEXT,
    "agency": _TEXT,
    "net": MONEY,
    "tax": MONEY,
    "notional_tax": MONEY,
    "recoverable_share": pl.Decimal(9, 6),
}
_DEFAULTS: Final = {
    "doc": "invoice",
    "supply": "goods",
    "rate_class": "standard",
    "net": 0,
    "tax": 0,
    "notional_tax": 0,
    "recoverable_share": 1,
}
_SCOPE: Final = "vat_scope"
_SCOPE_WHEN_ABSENT: Final = "domestic"
_RETURN: Final = "return"
"""The one key under which all lines are summed."""


def vat_return(lines: pl.DataFrame, country: str, agency: str | None = None) -> pl.DataFrame:
    """``box, amount`` (Decimal(19, 4)) of every box that is not the user's own, in the return's order.

    ``lines`` are tax lines of one period in base currency: ``direction, net, rate`` and, where they
    differ from the defaults, ``doc`` (invoice), ``vat_scope`` (domestic), ``supply`` (goods), ``tax``,
    ``notional_tax`` (0), ``recoverable_share`` (1), ``rate_class`` (standard), ``tax_type, agency``.
    Amounts are positive on both sides and negative on credit notes. A line whose ``vat_scope`` is null
    has an unknown treatment and is in no box. ``agency`` takes only its lines (US).

    Raises :class:`InputError` for a country without a return.
    """
    boxes = boxes_of(country)
    given = _given(lines)
    if agency is not None:
        given = given.filter(pl.col("agency") == agency)
    # a row of no line makes a return without lines one of zeros
    nothing = pl.LazyFrame({"net": [None]}, schema={"net": EXACT})
    counted = pl.concat([with_itc(given), nothing], how="diagonal_relaxed")
    counted = counted.with_columns(pl.lit(1).alias(_RETURN))
    amounts = returned(alike(counted, [_RETURN]), [_RETURN], boxes)
    order = {box: place for place, box in enumerate(boxes["box"])}
    return (
        amounts.sort(pl.col("box").replace_strict(order, return_dtype=pl.Int32))
        .select("box", "amount")
        .collect()
    )


def _given(lines: pl.DataFrame) -> pl.LazyFrame:
    defaults = dict(_DEFAULTS)
    if _SCOPE not in lines.columns:
        defaults[_SCOPE] = _SCOPE_WHEN_ABSENT
    return typed(lines.lazy(), _INPUT, defaults).drop_nulls(_SCOPE)
