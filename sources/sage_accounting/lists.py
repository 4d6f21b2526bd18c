"""Whole lists, page by page, as pure decisions: a reader yields queries and receives pages.

Nothing here sends a request, so every decision can be tested on values. :mod:`extraction` runs
readers: it asks all queries of a batch in parallel and hands the pages back.

What makes a Sage list hard: a page past the end is the last page again, so only ``$total`` and
``$page`` tell the end; there is no snapshot, so records that come, go or move while pages are read
make the others slide. Therefore a list counts as read only when every page is the page asked for and
the distinct ids are as many as the first and the last page's ``$total`` say.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from sage_accounting.catalogue import Collection
from sage_accounting.decode import Page, list_digest
from sage_accounting.errors import ListMovedError, Place

PAGE_SIZE = 200
"""The most that Sage allows."""
BATCH = 256
"""Pages asked for at once; bounds what one list can put in front of the others. Between two batches the
threads of a single list run dry, for a moment as long as an answer takes."""
READINGS = 4
"""How often a list is read before it is given up as moving too fast."""

Query = Mapping[str, str]
"""Parameters of a list; with :data:`KEY`, of a read of one record."""
KEY = ":key"
Returned = TypeVar("Returned")
Steps: TypeAlias = Generator[list[Query], list[Page], Returned]
"""Yields queries, is sent their pages, and returns what it learned."""


@dataclass(frozen=True)
class Listing:
    """A list known to be whole."""

    pages: list[Page]
    total: int
    asked_at: datetime
    """Sage's clock at its first page; what changes later may be missing. Aware UTC."""


def digest_of(pages: Sequence[Page]) -> str:
    """Of all pages of a list, to tell that nothing changed."""
    return list_digest(page.digest for page in pages)


def read_singleton(collection: Collection) -> Steps[Listing]:
    """The one record of a settings collection."""
    (page,) = yield [dict(collection.complete)]
    return Listing([page], 1, page.sent_at)


def first_page(collection: Collection) -> Steps[Page]:
    """Page 1 of the whole list; it tells how much there is."""
    (first,) = yield [_asked(collection, {}) | {"page": "1"}]
    return first


def read_list(
    collection: Collection, filters: Query, *, complete: bool = True, first: Page | None = None
) -> Steps[Listing]:
    """All records that pass ``filters``; ids only unless ``complete``.

    ``first`` is page 1 of it when that was asked just before. Raises :class:`ListMovedError` when the
    list never holds still.
    """
    query = _asked(collection, filters, complete=complete)
    place = Place(collection.name)
    for _ in range(READINGS):
        listing, place = yield from _read_once(query, first)
        first = None
        if listing is None or not _is_whole(collection, listing):
            continue
        if len(listing.pages) == 1 or not (yield from _lost_records(collection, query, listing)):
            return listing
    raise ListMovedError(
        f"The list {place} changed each of the {READINGS} times it was read, so it could not be read "
        "whole. Nothing of it was loaded and its cursor stays; the next run reads it again. If it "
        "happens often, run at a quieter hour."
    )


def _asked(collection: Collection, filters: Query, *, complete: bool = True) -> dict[str, str]:
    query = {
        **(collection.complete if complete else {}),
        **filters,
        "items_per_page": str(PAGE_SIZE),
    }
    if "created_at" in collection.sort:
        query["sort"] = "created_at:asc"  # an edit moves no record, a new one comes last
    return query


def count_of(filters: Query) -> Steps[int | None]:
    """``$total`` of a list, for one small request."""
    (page,) = yield [{**filters, "items_per_page": "1"}]
    return page.total


def _read_once(query: Query, first: Page | None) -> Steps[tuple[Listing | None, Place]]:
    if first is None:
        (first,) = yield [{**query, "page": "1"}]
    total = first.count if first.total is None else first.total
    pages = [first]
    size = min(first.size or PAGE_SIZE, PAGE_SIZE)
    count = -(-total // size)
    for numbers in batches(range(2, count + 1)):
        pages += yield [{**query, "page": str(number)} for number in numbers]
    in_place = all(page.number in (None, number) for number, page in enumerate(pages, start=1))
    settled = pages[-1].total in (None, total) and not pages[-1].has_next
    return (Listing(pages, total, first.sent_at) if in_place and settled else None), first.place


def _lost_records(collection: Collection, query: Query, listing: Listing) -> Steps[bool]:
    """Whether records were deleted while pages were read: one slides past for each, unseen when as
    many were added. One small request for a list of several pages.
    """
    if collection.soft_delete == "deleted" or "deleted_since" in query:
        return False  # deleted rows stay in the list
    if collection.deleted_since:
        since = listing.asked_at - timedelta(seconds=1)  # the bound is exclusive
        bound = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        (gone,) = yield [{"deleted_since": bound, "items_per_page": "1"}]
        return bool(gone.total)
    (again,) = yield [{**query, "page": "1"}]
    return not again.ids.equals(listing.pages[0].ids)


def _is_whole(collection: Collection, listing: Listing) -> bool:
    count = sum(page.count for page in listing.pages)
    if count != listing.total or collection.key != ("id",):
        return count == listing.total
    ids = pa.chunked_array([page.ids for page in listing.pages], pa.string())
    return int(pc.count_distinct(ids).as_py()) == count


def record_ids(pages: Sequence[Page]) -> Iterator[str]:
    """The ids of all records, in page order."""
    for page in pages:
        yield from page.ids.to_pylist()


def batches(numbers: range) -> Iterator[range]:
    """The numbers in parts of :data:`BATCH`."""
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]
