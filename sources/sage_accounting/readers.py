"""What to ask of one collection so that the warehouse equals Sage again: all of it, or what changed.

Readers are generators that send no request (:mod:`lists`); :mod:`extraction` runs them.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from sage_accounting.catalogue import Collection
from sage_accounting.cursors import Backfill, Progress, next_bound, sees_deletions, way_to_read
from sage_accounting.decode import Page
from sage_accounting.lists import (
    KEY,
    Listing,
    Query,
    Steps,
    batches,
    count_of,
    digest_of,
    first_page,
    read_list,
    read_singleton,
    record_ids,
)
from sage_accounting.slices import SLICED, Slice, goes_by_slices, next_slice


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
    part: Slice | None = None
    """The slice that this is, of a first read that goes on."""
    backfill: Backfill | None = None
    """How far that read got with this slice."""
    since: str | None = None
    """The cursor after it, where that is not the time at which the records were asked for."""


Reader: TypeAlias = Generator[list[Query] | Found, list[Page], Found]
"""Yields queries, and parts that may be loaded at once because each is whole; returns the last part."""


def read_collection(
    collection: Collection, progress: Progress | None, loaded_ids: frozenset[str] | None
) -> Reader:
    """Read what is needed to make the warehouse equal Sage again.

    ``loaded_ids`` are the ids already loaded; needed only where Sage lists changes but no deletions.
    """
    if collection.kind == "singleton":
        listing = yield from read_singleton(collection)
        return Found(listing, is_full=True, digest=digest_of(listing.pages))
    if progress is not None and progress.backfill is not None:
        return (yield from _read_slices(collection, progress.since, progress.backfill))
    if progress is not None and way_to_read(collection, progress) == "changes":
        return (yield from _read_changes(collection, progress, loaded_ids))
    first = yield from first_page(collection)
    if first.unchanged and progress is not None:
        same = Listing([first], progress.rows, first.sent_at)
        return Found(same, is_full=True, digest=progress.digest, by_id=progress.by_id)
    if goes_by_slices(collection) and (first.total or 0) > SLICED:
        since = next_bound(first.sent_at)
        return (yield from _read_slices(collection, since, Backfill(first.total or 0)))
    listing = yield from read_list(collection, {}, first=first)
    digest, by_id = digest_of(listing.pages), progress is not None and progress.by_id
    if progress is None or digest != progress.digest:
        listing, by_id = yield from _with_children(collection, listing, by_id)
    return Found(listing, is_full=True, digest=digest, by_id=by_id)


def _read_changes(
    collection: Collection, progress: Progress, loaded_ids: frozenset[str] | None
) -> Steps[Found]:
    changed = yield from read_list(collection, {"updated_or_created_since": progress.since})
    records, by_id = yield from _with_children(collection, changed, progress.by_id)
    found = Found(records, is_full=False, by_id=by_id)
    if collection.deleted_since:
        gone = yield from read_list(
            collection,
            {"deleted_since": progress.since, "attributes": "deleted_at"},
            complete=False,
        )
        return replace(found, tombstones=gone.pages)
    if sees_deletions(collection) or loaded_ids is None:
        return found
    total = yield from count_of({})
    if total == len(loaded_ids.union(record_ids(changed.pages))):
        return found
    swept = yield from read_list(collection, {}, complete=False)
    return replace(found, swept_ids=frozenset(record_ids(swept.pages)))


def _read_slices(collection: Collection, since: str, backfill: Backfill) -> Reader:
    """A first read slice by slice, then what changed since it began at ``since``.

    A record whose date changes meanwhile may be read twice or be missed; it changed, so the end has it.
    """
    today = date.fromisoformat(since[:10])
    while True:
        part = yield from next_slice(backfill, today)
        listing = yield from read_list(collection, part.filters)
        backfill = backfill.after(listing.total, part.last)
        if part.last is None:
            break
        yield Found(listing, is_full=False, part=part, backfill=backfill, since=since)
    changed_since = {"updated_or_created_since": since}
    changed = (yield from count_of(changed_since)) or 0
    if backfill.read + changed < backfill.total:  # some have no date
        whole = yield from read_list(collection, {})
        return Found(whole, is_full=True)
    yield Found(listing, is_full=False, part=part, since=since)
    return Found((yield from read_list(collection, changed_since)), is_full=False)


def _with_children(
    collection: Collection, listing: Listing, by_id: bool
) -> Steps[tuple[Listing, bool]]:
    """The listing, read again record by record when it lacks children that a read by id has.

    Whether lists carry their children differs by resource and plan and is nowhere written down. The
    first list that lacks some decides it, with one record; that it must be is kept.
    """
    lacking = frozenset().union(*(page.lacking for page in listing.pages))
    ids = list(record_ids(listing.pages)) if lacking else []
    if not ids:
        return listing, by_id
    if not by_id:
        (probe,) = yield [_item(collection, ids[0])]
        if not lacking - probe.lacking:
            return listing, by_id
    pages: list[Page] = []
    for numbers in batches(range(len(ids))):
        pages += yield [_item(collection, ids[number]) for number in numbers]
    return Listing(pages, listing.total, listing.asked_at), True


def _item(collection: Collection, record_id: str) -> Query:
    return {KEY: record_id, **collection.item_parameters}
