"""Whole lists, page by page, as pure decisions: a reader yields queries and receives pages.

Nothing here sends a request, so every decision can be tested on values. :mod:`extraction` runs
readers: it asks all queries of a batch in parallel and hands the pages back.

What makes a Sage list hard: a page past the end is the last page again, so only ``$total`` and
``$page`` tell the end; there is no snapshot, so records that come, go or move while pages are read
make the others slide. Therefore a list counts as read only when every page is the page asked for and
the distinct ids are as many as the first and the last page's ``$total`` say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from sage_accounting.catalogue import Collection
from sage_accounting.cursors import Progress, sees_deletions, way_to_read
from sage_accounting.decode import Page
from sage_accounting.errors import ListMovedError, Place

PAGE_SIZE = 200
"""The most that Sage allows."""
BATCH = 32
"""Pages asked for at once; bounds what one list can put in front of the others."""
READINGS = 4
"""How often a list is read before it is given up as moving too fast."""

Query = Mapping[str, str]
"""Parameters of a list; with :data:`KEY`, of a read of one record."""
KEY = ":key"
Steps: TypeAlias = "Generator[list[Query], list[Page], Listing]"


@dataclass(frozen=True)
class Listing:
    """A list known to be whole."""

    pages: list[Page]
    total: int
    asked_at: datetime
    """Sage's clock at its first page; what changes later may be missing. Aware UTC."""


@dataclass(frozen=True)
class Found:
    """What one read of one collection of one business learned."""

    records: Listing
    """All records, or those changed since the cursor."""
    is_full: bool
    tombstones: Sequence[Page] = ()
    """Pages of deleted records: id and deleted_at."""
    swept_ids: frozenset[str] | None = None
    """Every id that Sage still has, when only changes were read and the count did not agree."""
    digest: str | None = None
    """Of a full list as Sage listed it, to tell that nothing changed."""
    by_id: bool = False
    """Whether the list leaves children out that a read by id has."""


def read_collection(
    collection: Collection, progress: Progress | None, loaded_ids: frozenset[str] | None
) -> Generator[list[Query], list[Page], Found]:
    """Read what is needed to make the warehouse equal Sage again.

    ``loaded_ids`` are the ids already loaded; needed only where Sage lists changes but no deletions.
    """
    if collection.kind == "singleton":
        listing = yield from read_singleton(collection)
        return Found(listing, is_full=True, digest=digest_of(listing.pages))
    by_id = progress is not None and progress.by_id
    if progress is None or way_to_read(collection, progress) == "full":
        listing = yield from read_list(collection, {})
        digest = digest_of(listing.pages)
        if progress is None or digest != progress.digest:
            listing, by_id = yield from _with_children(collection, listing, by_id)
        return Found(listing, is_full=True, digest=digest, by_id=by_id)
    changed = yield from read_list(collection, {"updated_or_created_since": progress.since})
    records, by_id = yield from _with_children(collection, changed, by_id)
    if collection.deleted_since:
        gone = yield from read_list(
            collection,
            {"deleted_since": progress.since, "attributes": "deleted_at"},
            complete=False,
        )
        return Found(records, is_full=False, tombstones=gone.pages, by_id=by_id)
    if sees_deletions(collection) or loaded_ids is None:
        return Found(records, is_full=False, by_id=by_id)
    total = yield from count_of({})
    if total == len(loaded_ids.union(record_ids(changed.pages))):
        return Found(records, is_full=False, by_id=by_id)
    swept = yield from read_list(collection, {}, complete=False)
    swept_ids = frozenset(record_ids(swept.pages))
    return Found(records, is_full=False, swept_ids=swept_ids, by_id=by_id)


def _with_children(
    collection: Collection, listing: Listing, by_id: bool
) -> Generator[list[Query], list[Page], tuple[Listing, bool]]:
    """The listing, read again record by record when it lacks children that a read by id has.

    Whether lists carry their children differs by resource and plan and is nowhere written down. The
    first list that lacks some decides it, with one record; that it must be is kept.
    """
    lacking = frozenset().union(*(page.lacking for page in listing.pages))
    ids = list(record_ids(listing.pages))
    if not lacking or not ids:
        return listing, by_id
    if not by_id:
        (probe,) = yield [_item(collection, ids[0])]
        if not lacking - probe.lacking:
            return listing, by_id
    pages: list[Page] = []
    for numbers in _batches(range(len(ids))):
        pages += yield [_item(collection, ids[number]) for number in numbers]
    return Listing(pages, listing.total, listing.asked_at), True


def _item(collection: Collection, record_id: str) -> Query:
    return {KEY: record_id, **collection.item_parameters}


def digest_of(pages: Sequence[Page]) -> str:
    """Of all pages of a list, to tell that nothing changed."""
    digest = hashlib.blake2b(digest_size=16)
    for page in pages:
        digest.update(page.digest)
    return digest.hexdigest()


def read_singleton(collection: Collection) -> Steps:
    """The one record of a settings collection."""
    (page,) = yield [dict(collection.complete)]
    return Listing([page], 1, page.sent_at)


def read_list(collection: Collection, filters: Query, *, complete: bool = True) -> Steps:
    """All records that pass ``filters``; ids only unless ``complete``.

    Raises :class:`ListMovedError` when it never holds still.
    """
    query = {
        **(collection.complete if complete else {}),
        **filters,
        "items_per_page": str(PAGE_SIZE),
    }
    if "created_at" in collection.sort:
        query["sort"] = "created_at:asc"  # an edit moves no record, a new one comes last
    place = Place(collection.name)
    for _ in range(READINGS):
        listing, place = yield from _read_once(query)
        if listing is None or not _is_whole(collection, listing):
            continue
        if len(listing.pages) == 1 or not (yield from _lost_records(collection, query, listing)):
            return listing
    raise ListMovedError(
        f"The list {place} changed each of the {READINGS} times it was read, so it could not be read "
        "whole. Nothing of it was loaded and its cursor stays; the next run reads it again. If it "
        "happens often, run at a quieter hour."
    )


def count_of(filters: Query) -> Generator[list[Query], list[Page], int | None]:
    """``$total`` of a list, for one small request."""
    (page,) = yield [{**filters, "items_per_page": "1"}]
    return page.total


def _read_once(
    query: Query,
) -> Generator[list[Query], list[Page], tuple[Listing | None, Place]]:
    (first,) = yield [{**query, "page": "1"}]
    total = first.count if first.total is None else first.total
    pages = [first]
    size = min(first.size or PAGE_SIZE, PAGE_SIZE)
    count = -(-total // size)
    for numbers in _batches(range(2, count + 1)):
        pages += yield [{**query, "page": str(number)} for number in numbers]
    in_place = all(page.number in (None, number) for number, page in enumerate(pages, start=1))
    settled = pages[-1].total in (None, total) and not pages[-1].has_next
    return (Listing(pages, total, first.sent_at) if in_place and settled else None), first.place


def _lost_records(
    collection: Collection, query: Query, listing: Listing
) -> Generator[list[Query], list[Page], bool]:
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
    return len(set(record_ids(listing.pages))) == count


def record_ids(pages: Sequence[Page]) -> Iterator[str]:
    """The ids of all records, in page order."""
    for page in pages:
        yield from page.ids.to_pylist()


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]
