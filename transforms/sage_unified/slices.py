"""Large ledgers in slices of days: what is made of entries and transactions need not be whole in memory.

No slice ends within a transaction, nor within a month where a table has rows of months, so that tables
are the same whether they are made in one piece or in many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

import polars as pl

from sage_unified.columns import MONEY
from sage_unified.tables import Frames

Cut: TypeAlias = Literal["date", "transaction", "origin"]
"""How an input is cut: by its own ``date``, to the transactions of the slice's entries, or to the documents
and payments that these were booked for."""

SLICED: Final[Mapping[str, Mapping[str, Cut]]] = {
    "fct_ledger_entry": {
        "ledger_entries": "date",
        "transactions": "transaction",
        "fct_document": "origin",
        "fct_payment": "origin",
    },
    "fct_bank_transaction": {"fct_ledger_entry": "date", "transactions": "transaction"},
    "general_ledger": {"fct_ledger_entry": "date"},
    "cash_flow": {"fct_ledger_entry": "date"},
    "document_ledger_check": {
        "fct_ledger_entry": "date",
        "fct_bank_transaction": "date",
        "fct_document": "transaction",
    },
}
"""Tables that are made in slices, and which of their inputs are cut."""
_BY_MONTH: Final = ("cash_flow",)
"""Those with rows of whole months."""
_WITHOUT_ENTRIES: Final = ("document_ledger_check",)
"""Those that have rows of transactions without entries too."""
RUNNING: Final = ("general_ledger",)
"""Those with a ``running_balance`` by account, which goes on from slice to slice."""

_TRANSACTION_ID: Final = {
    "ledger_entries": "transaction__id",
    "transactions": "id",
    "fct_ledger_entry": "transaction_id",
    "fct_document": "transaction_id",
}
_ORIGIN_ID: Final = {"fct_document": "document_id", "fct_payment": "payment_id"}
_ACCOUNT: Final = ["business_id", "account_id"]


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


@dataclass(frozen=True)
class LedgerSlices:
    """Slices that cover every day: of whole days, and of whole months."""

    days: list[Slice]
    months: list[Slice]


def ledger_slices(ledger_entries: pl.LazyFrame, rows: int | None) -> LedgerSlices:
    """Slices of about ``rows`` entries each, or of a day or month with more; a single one for None."""
    if rows is None:
        return LedgerSlices([Slice(None, None)], [Slice(None, None)])
    days = (
        ledger_entries.group_by(pl.col("date").alias("last"))
        .agg(pl.len())
        .drop_nulls()
        .sort("last")
        .collect(engine="streaming")
    )
    months = days.group_by(pl.col("last").dt.month_end()).agg(pl.col("len").sum()).sort("last")
    spans = _spans(ledger_entries) if days["len"].sum() > rows else []
    return LedgerSlices(
        _slices(days.rows(), rows, spans),
        _slices(months.rows(), rows, spans),
    )


def _slices(
    counts: list[tuple[date, int]], rows: int, spans: list[tuple[date, date]]
) -> list[Slice]:
    """Slices with about ``rows`` of the entries counted by last day; none ends within a span."""
    ends: list[date] = []
    taken = 0
    for last, count in counts[:-1]:
        taken += count
        if taken >= rows and not any(first <= last < end for first, end in spans):
            ends.append(last)
            taken = 0
    return [Slice(after, last) for after, last in zip([None, *ends], [*ends, None], strict=True)]


def _spans(ledger_entries: pl.LazyFrame) -> list[tuple[date, date]]:
    """First day of the transactions of several days, and the last day that one of them reaches.

    By hash, which takes less memory.
    """
    return (
        ledger_entries.select(pl.col("transaction__id").hash().alias("hash"), "date")
        .drop_nulls()
        .group_by("hash")
        .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
        .filter(pl.col("first") < pl.col("last"))
        .group_by("first")
        .agg(pl.col("last").max())
        .collect(engine="streaming")
        .rows()
    )


def sliced(table: str, inputs: Frames, ledger: LedgerSlices) -> Iterator[Frames]:
    """The inputs of a table of one business for each slice.

    Documents whose transaction has no entry come last where they count, in a slice without entries.
    """
    cuts = SLICED[table]
    slices = ledger.months if table in _BY_MONTH else ledger.days
    if len(slices) == 1:
        yield inputs
        return
    left = _transactions("fct_document", inputs) if table in _WITHOUT_ENTRIES else None
    for one in slices:
        cut = {name: one.of(inputs[name]) for name, how in cuts.items() if how == "date"}
        booked = _transactions(next(name for name in cut if name in _TRANSACTION_ID), cut)
        for name in _cut_by("transaction", cuts):
            cut[name] = _named(inputs[name], _TRANSACTION_ID[name], booked)
        if _cut_by("origin", cuts):
            origins = _distinct(cut["transactions"], "origin__id")
            for name in _cut_by("origin", cuts):
                cut[name] = _named(inputs[name], _ORIGIN_ID[name], origins)
        yield {**inputs, **cut}
        if left is not None:
            left = left.filter(~left.is_in(booked.implode()))
    if left is not None:
        nothing = {name: inputs[name].clear() for name in _cut_by("date", cuts)}
        documents = inputs["fct_document"]
        without = pl.col("transaction_id").is_null() | _is_one_of("transaction_id", left)
        yield {**inputs, **nothing, "fct_document": documents.filter(without)}


def _cut_by(how: Cut, cuts: Mapping[str, Cut]) -> list[str]:
    return [name for name, cut in cuts.items() if cut == how]


def _transactions(table: str, frames: Frames) -> pl.Series:
    """The ids of the transactions that a table names."""
    return _distinct(frames[table], _TRANSACTION_ID[table])


def _distinct(frame: pl.LazyFrame, column: str) -> pl.Series:
    return frame.select(pl.col(column).drop_nulls().unique()).collect(engine="streaming")[column]


def _named(frame: pl.LazyFrame, column: str, ids: pl.Series) -> pl.LazyFrame:
    """The rows of ``frame`` with one of the ids; by a filter, since a join would hold all rows in memory."""
    return frame.filter(_is_one_of(column, ids))


def _is_one_of(column: str, ids: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(ids.implode())


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
