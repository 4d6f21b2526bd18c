"""The boxes of VAT returns as expressions over tax lines, by the formulas of vat_boxes.csv."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY
from sage_unified.errors import InputError
from sage_unified.formulas import (
    AMOUNTS,
    FIELDS,
    Box,
    Calculation,
    Condition,
    Term,
    parse_calculation,
    parse_sum,
)
from sage_unified.rules import rule_table

_LINES: Final = "lines"
Rounding = Callable[[pl.Expr], pl.Expr]

_ROUNDINGS: Final[Mapping[str, Rounding]] = {
    # by the words of vat_boxes.csv; a half goes away from zero
    "2dp": lambda amount: amount.round(2, mode="half_away_from_zero"),
    "whole_down": lambda amount: amount.truncate(0),
    "whole_half_up": lambda amount: amount.round(0, mode="half_away_from_zero"),
}


def boxes_of(country: str) -> pl.DataFrame:
    """The rows of vat_boxes.csv of a country that are not the user's own, in the return's order.

    Raises :class:`InputError` for a country without a return.
    """
    boxes = rule_table("vat_boxes").filter(pl.col("country") == country, pl.col("kind") != "manual")
    if boxes.is_empty():
        known = rule_table("vat_boxes")["country"].unique(maintain_order=True)
        raise InputError(
            f"There is no VAT return for the country {country!r}, so no box was computed. Returns are "
            f"known for {', '.join(known)}."
        )
    return boxes


def returns_of(countries: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """:func:`boxes_of` by country, for each in the column ``country`` that has a return.

    Looks at the rows: the formulas of seven countries cost a second where one is meant. Where there is
    none, the first country of the table stands for the columns.
    """
    known = rule_table("vat_boxes")["country"].unique(maintain_order=True).to_list()
    found = set(countries.select("country").unique().collect(engine="streaming")["country"])
    return {country: boxes_of(country) for country in known if country in found} or {
        known[0]: boxes_of(known[0])
    }


def with_itc(lines: pl.LazyFrame) -> pl.LazyFrame:
    """``lines`` with ``net, tax, notional_tax`` exact and ``itc``, the input tax that is recoverable."""
    net, tax, notional_tax = (
        pl.col(name).cast(EXACT).alias(name) for name in ("net", "tax", "notional_tax")
    )
    recoverable = (tax + notional_tax) * pl.col("recoverable_share").cast(EXACT)
    return lines.with_columns(net, tax, notional_tax, recoverable.alias("itc"))


def contributions(boxes: pl.DataFrame) -> dict[str, pl.Expr]:
    """What a line of :func:`with_itc` adds to each ``sum`` box of ``boxes``; null where it is not in it."""
    sums = boxes.filter(pl.col("kind") == "sum").select("box", "formula")
    return {box: _contribution(parse_sum(formula)) for box, formula in sums.iter_rows()}


def alike(lines: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """Lines of :func:`with_itc` summed up by ``keys`` and all that a formula asks for, and how many ``lines``.

    Millions of lines make some hundreds of rows.
    """
    return lines.group_by(*keys, *FIELDS).agg(pl.col(*AMOUNTS).sum(), pl.len().alias(_LINES))


def returned(lines: pl.LazyFrame, keys: Sequence[str], boxes: pl.DataFrame) -> pl.LazyFrame:
    """``keys, box, amount, line_count`` of every box for each combination of ``keys``.

    ``amount`` is Decimal(19, 4), rounded as the return wants it; ``line_count`` is null for a box that
    others are combined to. Takes what :func:`alike` makes of lines.
    """
    parts = contributions(boxes)
    roundings = dict(boxes.select("box", "rounding").iter_rows())
    counts = {box: _count_name(box) for box in parts}
    summed = (
        lines.group_by(keys)
        .agg(
            *(part.sum().alias(box) for box, part in parts.items()),
            *(
                pl.col(_LINES).filter(part.is_not_null()).sum().alias(counts[box])
                for box, part in parts.items()
            ),
        )
        .with_columns(_ROUNDINGS[roundings[box]](pl.col(box)).alias(box) for box in parts)
    )
    known = list(parts)
    for box, formula, rounding in (
        boxes.filter(pl.col("kind") == "calc").select("box", "formula", "rounding").iter_rows()
    ):
        value = _value(parse_calculation(formula, known))
        summed = summed.with_columns(_ROUNDINGS[rounding](value).alias(box))
        known.append(box)
    names = boxes["box"].to_list()
    return (
        summed.select(
            *keys,
            *(
                pl.struct(
                    pl.col(box).cast(MONEY).alias("amount"),
                    (pl.col(counts[box]) if box in counts else pl.lit(None))
                    .cast(pl.Int32)
                    .alias("line_count"),
                ).alias(box)
                for box in names
            ),
        )
        .unpivot(names, index=list(keys), variable_name="box", value_name="value")
        .unnest("value")
    )


def _count_name(box: str) -> str:
    return f"lines in {box}"


def _contribution(terms: Sequence[Term]) -> pl.Expr:
    """The sum of the terms whose conditions the line fulfils."""
    parts = [
        pl.when(pl.all_horizontal([_holds(condition) for condition in term.conditions])).then(
            -pl.col(term.amount) if term.negated else pl.col(term.amount)
        )
        for term in terms
    ]
    if len(parts) == 1:
        return parts[0]
    total = reduce(add, (part.fill_null(0) for part in parts))
    return pl.when(pl.any_horizontal([part.is_not_null() for part in parts])).then(total)


def _holds(condition: Condition) -> pl.Expr:
    column = pl.col(condition.field)
    if condition.field == "rate":
        values = pl.Series([Decimal(value) for value in condition.values], dtype=EXACT)
        is_one = column.cast(EXACT).is_in(values.implode())
    else:
        is_one = column.is_in(condition.values)
    return (~is_one if condition.negated else is_one).fill_null(False)


def _value(calculation: Calculation) -> pl.Expr:
    if isinstance(calculation, Decimal):
        return pl.lit(calculation, EXACT)
    if isinstance(calculation, Box):
        return pl.col(calculation.name)
    operands = [
        _value(operand) if sign > 0 else -_value(operand) for sign, operand in calculation.operands
    ]
    if calculation.function == "abs":
        return operands[0].abs()
    return pl.max_horizontal(operands) if calculation.function == "max" else reduce(add, operands)
