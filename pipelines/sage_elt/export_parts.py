"""Rows on their way into the files of an export: counted, parted, left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import polars as pl

from sage_unified.exports import fec, sii


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


def parts(series: Iterator[pl.Series], size: int) -> Iterator[list[pl.Series]]:
    """Lines for files of at most ``size`` each; those of one file at a time are in memory."""
    held: list[pl.Series] = []
    room = size
    for lines in series:
        left = lines
        while left.len() >= room:
            yield [*held, left.slice(0, room)]
            left, held, room = left.slice(room), [], size
        if left.len():
            held.append(left)
            room -= left.len()
    if held:
        yield held


class Lines:
    """Counts the lines that pass."""

    def __init__(self) -> None:
        self.count = 0

    def counted(self, frames: Iterator[pl.DataFrame]) -> Iterator[bytes]:
        """The frames as they are written."""
        for frame in frames:
            self.count += frame.height
            yield fec.to_bytes(frame)
