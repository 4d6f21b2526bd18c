"""VAT returns: the boxes of a country's return from tax lines, by the formulas of vat_boxes.csv."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY, typed
from sage_unified.errors import InputError
from sage_unified.formulas import Box, Calculation, Condition, Term, parse_calculation, parse_sum
from sage_unified.rules import rule_table

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
_PLACES: Final = {
    # quantum and rounding by the words of vat_boxes.csv; a half goes away from zero
    "2dp": (Decimal("0.01"), ROUND_HALF_UP),
    "whole_down": (Decimal(1), ROUND_DOWN),
    "whole_half_up": (Decimal(1), ROUND_HALF_UP),
}


def vat_return(lines: pl.DataFrame, country: str, agency: str | None = None) -> pl.DataFrame:
    """``box, amount`` (Decimal(19, 4)) of every box that is not the user's own, in the return's order.

    ``lines`` are tax lines of one period in base currency: ``direction, net, rate`` and, where they
    differ from the defaults, ``doc`` (invoice), ``vat_scope`` (domestic), ``supply`` (goods), ``tax``,
    ``notional_tax`` (0), ``recoverable_share`` (1), ``rate_class`` (standard), ``tax_type, agency``.
    Amounts are positive on both sides and negative on credit notes. A line whose ``vat_scope`` is null
    has an unknown treatment and is in no box. ``agency`` takes only its lines (US).

    Raises :class:`InputError` for a country without a return.
    """
    boxes = rule_table("vat_boxes").filter(pl.col("country") == country, pl.col("kind") != "manual")
    if boxes.is_empty():
        known = rule_table("vat_boxes")["country"].unique(maintain_order=True)
        raise InputError(
            f"There is no VAT return for the country {country!r}, so no box was computed. Returns are "
            f"known for {', '.join(known)}."
        )
    given = _given(lines)
    if agency is not None:
        given = given.filter(pl.col("agency") == agency)
    amounts = _summed(given, boxes)
    _calculate(amounts, boxes)
    return pl.DataFrame(
        {"box": boxes["box"], "amount": [amounts[box] for box in boxes["box"]]},
        schema={"box": _TEXT, "amount": MONEY},
    )


def _given(lines: pl.DataFrame) -> pl.LazyFrame:
    defaults = dict(_DEFAULTS)
    if _SCOPE not in lines.columns:
        defaults[_SCOPE] = _SCOPE_WHEN_ABSENT
    given = typed(lines.lazy(), _INPUT, defaults).drop_nulls(_SCOPE)
    net, tax, notional_tax = (
        pl.col(name).cast(EXACT).alias(name) for name in ("net", "tax", "notional_tax")
    )
    recoverable = (tax + notional_tax) * pl.col("recoverable_share").cast(EXACT)
    return given.with_columns(net, tax, notional_tax, recoverable.alias("itc"))


def _summed(lines: pl.LazyFrame, boxes: pl.DataFrame) -> dict[str, Decimal]:
    """The rounded ``sum`` boxes, all in one pass over the lines."""
    sums = boxes.filter(pl.col("kind") == "sum")
    totals = lines.select(
        pl.sum_horizontal([_total(term) for term in parse_sum(formula)]).alias(box)
        for box, formula in sums.select("box", "formula").iter_rows()
    ).collect()
    roundings = dict(sums.select("box", "rounding").iter_rows())
    return {
        box: _rounded(total, roundings[box])
        for box, total in zip(totals.columns, totals.row(0), strict=True)
    }


def _total(term: Term) -> pl.Expr:
    amount = -pl.col(term.amount) if term.negated else pl.col(term.amount)
    return amount.filter(pl.all_horizontal([_holds(c) for c in term.conditions])).sum()


def _holds(condition: Condition) -> pl.Expr:
    column = pl.col(condition.field)
    if condition.field == "rate":
        values = pl.Series([Decimal(value) for value in condition.values], dtype=EXACT)
        is_one = column.is_in(values.implode())
    else:
        is_one = column.is_in(condition.values)
    return (~is_one if condition.negated else is_one).fill_null(False)


def _calculate(amounts: dict[str, Decimal], boxes: pl.DataFrame) -> None:
    """Add the ``calc`` boxes to ``amounts``; each uses boxes above it as they are rounded."""
    calculations = boxes.filter(pl.col("kind") == "calc").select("box", "formula", "rounding")
    for box, formula, rounding in calculations.iter_rows():
        amounts[box] = _rounded(_value(parse_calculation(formula, amounts), amounts), rounding)


def _value(calculation: Calculation, amounts: Mapping[str, Decimal]) -> Decimal:
    if isinstance(calculation, Decimal):
        return calculation
    if isinstance(calculation, Box):
        return amounts[calculation.name]
    operands = [sign * _value(operand, amounts) for sign, operand in calculation.operands]
    if calculation.function == "abs":
        return abs(operands[0])
    return max(operands) if calculation.function == "max" else sum(operands, Decimal(0))


def _rounded(amount: Decimal, rounding: str) -> Decimal:
    quantum, mode = _PLACES[rounding]
    return amount.quantize(quantum, rounding=mode)
