"""Rows on their way into the files of an export: counted, parted, left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import polars as pl

from sage_unified.exports import sii

Batch = TypeVar("Batch", pl.DataFrame, pl.Series)


def batched(records: Iterator[str], size: int) -> Iterator[list[str]]:
    """Lists of at most ``size``; one empty list when there are none, for an empty book is a book."""
    first = list(islice(records, size))
    yield first
    while rest := list(islice(records, size)):
        yield rest


class LeftOut:
    """What is in no book, with its reason and amounts."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []

    def without(self, book: str, records: Iterator[str | sii.Unreported]) -> Iterator[str]:
        """The records alone; the others are kept."""
        for record in records:
            if isinstance(record, str):
                yield record
            else:
                left = record.invoice
                amounts = (f"{left.net:f}", f"{left.tax:f}")
                row = (book, left.resource, left.document_id, str(left.day), *amounts)
                self.rows.append((*row, record.reason))

    def csv(self) -> Iterator[bytes]:
        """CSV in UTF-8; names and numbers of documents are not repeated, ids have no commas."""
        yield b"book,resource,document_id,date,net,tax,reason\n"
        for row in self.rows:
            yield (",".join(row) + "\n").encode()


def parts(series: Iterable[pl.Series], size: int) -> Iterator[Iterator[pl.Series]]:
    """The lines of each file of at most ``size``, to be taken to their end before the next file's."""
    filled = (lines for lines in series if lines.len())
    left = next(filled, None)

    def part() -> Iterator[pl.Series]:
        nonlocal left
        room = size
        while room and left is not None:
            lines = left.head(room)
            left = left.slice(room) if left.len() > room else next(filled, None)
            room -= lines.len()
            yield lines

    while left is not None:
        yield part()


class Lines:
    """Counts the lines that pass."""

    def __init__(self) -> None:
        self.count = 0

    def counted(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches as they come."""
        for batch in batches:
            self.count += len(batch)
            yield batch
