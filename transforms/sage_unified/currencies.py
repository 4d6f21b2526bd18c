"""Amounts in base currency where Sage shows none."""

from __future__ import annotations

import polars as pl

from sage_unified.columns import EXACT

CENTS = 2


def in_base_currency(amount: str, shown: pl.Expr) -> pl.Expr:
    """``shown``, Sage's own figure; where that is null the column ``amount`` in base currency.

    Of a row with ``currency, base_currency, exchange_rate`` (units of the currency for one of base). An
    amount of another currency without a rate stays as it is: nothing tells its worth.
    """
    given = pl.col(amount).cast(EXACT)
    rate = pl.col("exchange_rate").cast(EXACT)
    is_foreign = (pl.col("currency") != pl.col("base_currency")) & (rate > 0)
    converted = pl.when(is_foreign.fill_null(False)).then(to_cents(given / rate)).otherwise(given)
    return pl.coalesce(shown.cast(EXACT), converted)


def share_of(whole: str | pl.Expr, part: str, total: str) -> pl.Expr:
    """The share of ``whole`` that ``part`` is of ``total``, half up to cents.

    ``whole`` itself where part and total are equal; null where a total of 0 has no shares.
    """
    whole = pl.col(whole) if isinstance(whole, str) else whole
    exact_whole, exact_part = whole.cast(EXACT), pl.col(part).cast(EXACT)
    exact_total = pl.col(total).cast(EXACT)
    share = exact_whole * exact_part / pl.when(exact_total != 0).then(exact_total)
    return pl.when(exact_part == exact_total).then(exact_whole).otherwise(to_cents(share))


def to_cents(amount: pl.Expr) -> pl.Expr:
    return amount.round(CENTS, mode="half_away_from_zero")
