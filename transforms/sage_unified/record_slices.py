"""Many documents and payments in slices of their ids: what is made of them need not be whole in memory.

A record is in one slice with all its rows (lines, parts of taxes, what was allocated to it), so tables
with rows of single records are the same whether they are made in one piece or in many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from sage_unified.raw_documents import DOCUMENTS, LINE_TABLES, LINES_OF
from sage_unified.tables import Frames

_PAYMENTS: Final = (
    "contact_payments",
    "contact_payments__allocated_artefacts",
    "contact_allocations",
    "contact_allocations__allocated_artefacts",
)
_OF_DOCUMENTS: Final = (*DOCUMENTS, "fct_document", "fct_payment_allocation")
SLICED_BY_RECORD: Final = {
    "fct_payment": _PAYMENTS,
    "fct_payment_allocation": _PAYMENTS,
    "fct_document": _OF_DOCUMENTS,
    "fct_document_line": _OF_DOCUMENTS,
    "fct_tax_line": _OF_DOCUMENTS,
    "aged_receivables": ("fct_document", "fct_payment"),
    "aged_payables": ("fct_document", "fct_payment"),
    "vat_lines": (*_OF_DOCUMENTS, "fct_tax_line"),
}
"""Tables that are made in slices, and which of their inputs, where they have them, are cut."""

_WEIGHED: Final = (*LINES_OF, *LINE_TABLES.values(), *_PAYMENTS[:2])
"""The tables that tell how much there is to do."""
_STEP: Final = 16
"""Each so many rows one id is looked at, to tell where a slice ends."""


@dataclass(frozen=True)
class IdSlice:
    """The records with an id after ``after`` (exclusive) up to ``last``; None is without end."""

    after: str | None
    last: str | None

    def of(self, table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The rows of a table that belong to records in the slice."""
        record = pl.col(_record_id(table))
        if self.after is not None:
            frame = frame.filter(record > self.after)
        return frame if self.last is None else frame.filter(record <= self.last)


def record_slices(loaded: Frames, rows: int | None) -> list[IdSlice]:
    """Slices of about so many ``rows`` of documents, lines and payments; a single one for None.

    ``loaded`` has the raw tables by name.
    """
    whole = [IdSlice(None, None)]
    if rows is None:
        return whole
    ids = pl.concat([_some_ids(table, loaded[table]) for table in _WEIGHED]).sort()
    step = max(1, rows // _STEP)
    ends = ids.gather_every(step, offset=step).unique(maintain_order=True).to_list()
    return [IdSlice(after, last) for after, last in pairwise([None, *ends, None])]


def _some_ids(table: str, frame: pl.LazyFrame) -> pl.Series:
    """Of each :data:`_STEP` rows the record that one belongs to; of a table with fewer, none."""
    ids = frame.select(pl.col(_record_id(table)).gather_every(_STEP, offset=_STEP - 1))
    return ids.collect(engine="streaming").to_series().rename("id").drop_nulls()


def _record_id(table: str) -> str:
    if table == "fct_payment":
        return "payment_on_account_id"
    if table.startswith("fct_"):
        return "document_id"
    return "_root_id" if "__" in table else "id"


def sliced_by_record(table: str, inputs: Frames, slices: list[IdSlice]) -> Iterator[Frames]:
    """The inputs of a table for each slice."""
    cut = [name for name in SLICED_BY_RECORD[table] if name in inputs]
    for one in slices:
        yield {**inputs, **{name: one.of(name, inputs[name]) for name in cut}}
