"""Businesses of several currencies in one: at rates of exchange that a reader states.

The books know no rate of the day. So a rate is proposed from the newest document that has one, says where
it is from, and is the reader's to change; what has no rate is left out and said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import polars as pl

_PLACES: Final = Decimal("0.000001")
_CENT: Final = 2


@dataclass(frozen=True)
class StatedRate:
    """What one unit of ``currency`` is in another, and who says so."""

    currency: str
    rate: Decimal | None
    """None when no document has one."""
    source: str


def proposed_rates(pairs: pl.DataFrame, currencies: Iterable[str], target: str) -> list[StatedRate]:
    """A rate into ``target`` for each of the currencies, in their order, with six places.

    ``pairs`` are ``base, currency, date, rate``: units of the currency for one of base, as documents have
    them. The newest wins, whichever way round it is.
    """
    return [_proposed(pairs, currency, target) for currency in currencies]


def converted(frame: pl.DataFrame, rates: Mapping[str, Decimal]) -> pl.DataFrame:
    """``frame`` with its ``amount`` at the rates of its ``base_currency``, to the cent, half to even.

    Rates count with six places. Rows whose currency has no rate are left out.
    """
    known = pl.DataFrame(
        {"base_currency": list(rates), "_rate": list(rates.values())},
        schema={"base_currency": pl.String, "_rate": pl.Decimal(18, 6)},
    )
    return (
        frame.join(known, on="base_currency", how="inner", maintain_order="left")
        .with_columns((pl.col("amount") * pl.col("_rate")).round(_CENT).cast(pl.Decimal(38, _CENT)))
        .drop("_rate")
    )


def _proposed(pairs: pl.DataFrame, currency: str, target: str) -> StatedRate:
    if currency == target:
        return StatedRate(currency, Decimal(1), "the same currency")
    there = pairs.filter((pl.col("base") == currency) & (pl.col("currency") == target))
    back = pairs.filter((pl.col("base") == target) & (pl.col("currency") == currency))
    found = sorted(
        [(day, rate, "") for day, rate in there.select("date", "rate").iter_rows()]
        + [
            (day, 1 / rate, ", turned round")
            for day, rate in back.select("date", "rate").iter_rows()
        ],
        key=lambda each: each[0],
    )
    if not found:
        return StatedRate(currency, None, "no document has one")
    day, rate, note = found[-1]
    return StatedRate(
        currency,
        rate.quantize(_PLACES, ROUND_HALF_EVEN),
        f"of a document of {day}{note}",
    )
