"""Large ledgers in slices of months: what is made of entries and transactions need not be whole in memory.

No slice ends within a transaction, and all end with a month, so that tables with a row for each entry,
transaction or month are the same whether they are made in one piece or in many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.tables import Frames

Cut: TypeAlias = Literal["date", "transaction"]
"""How an input is cut: by its own ``date``, or to the transactions of the slice's entries."""

SLICED: Final[Mapping[str, Mapping[str, Cut]]] = {
    "fct_ledger_entry": {"ledger_entries": "date"},
    "fct_bank_transaction": {"fct_ledger_entry": "date"},
    "general_ledger": {"fct_ledger_entry": "date"},
    "cash_flow": {"fct_ledger_entry": "date"},
    "document_ledger_check": {
        "fct_ledger_entry": "date",
        "fct_bank_transaction": "date",
        "fct_document": "transaction",
    },
}
"""Tables that are made in slices, and which of their inputs are cut."""
RUNNING: Final = ("general_ledger",)
"""Those with a ``running_balance`` by account, which goes on from slice to slice."""

_ACCOUNT: Final = ["business_id", "account_id"]
_TRANSACTION: Final = ["business_id", "transaction_id"]


@dataclass(frozen=True)
class Slice:
    """The days from ``after`` (exclusive) to ``last``; None is without end.

    The first slice has what has no date as well.
    """

    after: date | None
    last: date | None

    def of(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The rows of ``frame`` whose ``date`` is in the slice."""
        day = pl.col("date")
        if self.after is not None:
            frame = frame.filter(day > self.after)
        elif self.last is not None:
            return frame.filter((day <= self.last) | day.is_null())
        return frame if self.last is None else frame.filter(day <= self.last)


def ledger_slices(ledger_entries: pl.LazyFrame, rows: int | None) -> list[Slice]:
    """Slices that cover every day, each of about ``rows`` entries or a month; a single one for None."""
    if rows is None:
        return [Slice(None, None)]
    months = (
        ledger_entries.group_by(pl.col("date").dt.month_end().alias("last"))
        .agg(pl.len())
        .drop_nulls()
        .sort("last")
        .collect(engine="streaming")
        .rows()
    )
    spans = _spans_of_months(ledger_entries) if sum(count for _, count in months) > rows else []
    ends: list[date] = []
    taken = 0
    for last, count in months[:-1]:
        taken += count
        if taken >= rows and not any(first <= last < end for first, end in spans):
            ends.append(last)
            taken = 0
    return [Slice(after, last) for after, last in zip([None, *ends], [*ends, None], strict=True)]


def _spans_of_months(ledger_entries: pl.LazyFrame) -> list[tuple[date, date]]:
    """First and last day of the transactions of several months; by hash, which takes less memory."""
    return (
        ledger_entries.select(pl.col("transaction__id").hash().alias("hash"), "date")
        .drop_nulls()
        .group_by("hash")
        .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
        .filter(pl.col("first").dt.month_end() < pl.col("last"))
        .select("first", "last")
        .unique()
        .collect(engine="streaming")
        .rows()
    )


def sliced(table: str, inputs: Frames, slices: list[Slice]) -> Iterator[Frames]:
    """The inputs of a table for each slice.

    Rows that are cut by transaction and that no entry has come last, in a slice without entries.
    """
    cuts = SLICED[table]
    by_transaction = [name for name, cut in cuts.items() if cut == "transaction"]
    if len(slices) == 1:
        yield inputs
        return
    left = {name: inputs[name] for name in by_transaction}
    for one in slices:
        cut = {name: one.of(inputs[name]) for name, how in cuts.items() if how == "date"}
        for name in by_transaction:
            booked = cut["fct_ledger_entry"].select(_TRANSACTION).drop_nulls().unique()
            cut[name] = left[name].join(booked, on=_TRANSACTION, how="semi").collect().lazy()
            left[name] = left[name].join(cut[name], on=_TRANSACTION, how="anti").collect().lazy()
        yield {**inputs, **cut}
    if by_transaction:
        nothing = {name: inputs[name].clear() for name, how in cuts.items() if how == "date"}
        yield {**inputs, **nothing, **left}


def carried_on(
    frame: pl.DataFrame, carried: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``frame``, a slice, with the balances of the slices before; and the balances after it."""
    closing = frame.group_by(_ACCOUNT).agg(pl.col("amount").sum().alias("carried"))
    if carried is None:
        return frame, closing
    goes_on = (pl.col("running_balance") + pl.col("carried").fill_null(0)).cast(MONEY)
    continued = (
        frame.join(carried, on=_ACCOUNT, how="left", validate="m:1", maintain_order="left")
        .with_columns(goes_on.alias("running_balance"))
        .drop("carried")
    )
    summed = pl.concat([carried, closing]).group_by(_ACCOUNT).agg(pl.col("carried").sum())
    return continued, summed
