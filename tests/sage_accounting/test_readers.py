"""Whole lists: when a reader stops, what it asks, and what it does when the list moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.catalogue import Collection, load_catalogue
from sage_accounting.client import Answer
from sage_accounting.cursors import Progress
from sage_accounting.decode import Decoder, Page
from sage_accounting.errors import ListMovedError, Place
from sage_accounting.lists import KEY, Query, read_list, record_ids
from sage_accounting.readers import Found, read_collection

INVOICES = load_catalogue()["sales_invoices"]
ENTRIES = load_catalogue()["ledger_entries"]
QUOTES = load_catalogue()["sales_quotes"]
PRODUCTS_WITHOUT_TOMBSTONES = load_catalogue()["stock_movements"]
COUNTRIES = load_catalogue()["countries"]
LARGE = Progress(since="2026-05-01T09:29:00Z", rows=1000, digest="d")
SMALL = Progress(since="2026-05-01T09:29:00Z", rows=7, digest="d")
T = TypeVar("T")


class SageList:
    """A list as Sage answers it; ``on_page`` lets it move between two pages."""

    def __init__(
        self, ids: Sequence[str], on_page: Callable[[SageList, int], None] = lambda *_: None
    ):
        self.ids = list(ids)
        self.asked: list[Query] = []
        self._on_page = on_page
        self._decoder = Decoder(INVOICES)

    def answer(self, query: Query) -> Page:
        self.asked.append(query)
        if KEY in query:
            return self._decoder.read_record(self._sent(self.record(query[KEY])))
        if "deleted_since" in query:
            nothing = {"$total": 0, "$page": 1, "$next": None, "$items": []}
            return self._decoder.read_page(self._sent(nothing))
        number, size = int(query.get("page", 1)), int(query["items_per_page"])
        pages = max(1, -(-len(self.ids) // size))
        number = min(number, pages)  # past the end is the last page again
        items = self.ids[(number - 1) * size : number * size]
        body: dict[str, Any] = {
            "$total": len(self.ids),
            "$page": number,
            "$next": "/more" if number < pages else None,
            "$itemsPerPage": size,
            "$items": [self.listed(i) for i in items],
        }
        self._on_page(self, len(self.asked))
        return self._decoder.read_page(self._sent(body))

    def record(self, key: str) -> dict[str, Any]:
        """A record as a read by id has it."""
        return {"id": key, **{child: [] for child in INVOICES.children}}

    def listed(self, key: str) -> dict[str, Any]:
        """A record as the list has it."""
        return self.record(key)

    def _sent(self, body: dict[str, Any]) -> Answer:
        return Answer(json.dumps(body).encode(), Place("ledger_entries"), datetime.now(UTC))


def run(steps: Generator[list[Query], list[Page], T], sage: SageList) -> T:
    pages: list[Page] | None = None
    while True:
        try:
            queries = steps.send(pages) if pages is not None else next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        pages = [sage.answer(query) for query in queries]


def names(count: int) -> list[str]:
    return [f"id{number}" for number in range(count)]


@given(st.integers(0, 1300))
def test_list_costs_one_request_a_page_and_one_in_all_and_misses_nothing(count: int) -> None:
    sage = SageList(names(count))
    listing = run(read_list(INVOICES, {}), sage)
    assert list(record_ids(listing.pages)) == sage.ids
    pages = max(1, -(-count // 200))
    was_anything_deleted_meanwhile = pages > 1
    assert len(sage.asked) == pages + was_anything_deleted_meanwhile


@pytest.mark.parametrize("collection", load_catalogue().values(), ids=lambda c: c.name)
def test_no_parameter_is_sent_that_the_collection_does_not_know(collection: Collection) -> None:
    if collection.kind != "list" or collection.read != "default":
        pytest.skip("not read as a list")
    for progress in (None, SMALL, LARGE):
        sage = SageList(names(3))
        run(read_collection(collection, progress, frozenset({"other"})), sage)
        assert {name for query in sage.asked for name in query if KEY not in query} <= (
            collection.parameters
        )


def test_sortable_list_is_read_in_order_of_creation() -> None:
    sage = SageList(names(3))
    run(read_list(INVOICES, {}), sage)
    assert sage.asked[0]["sort"] == "created_at:asc"


def test_record_inserted_while_pages_are_read_is_not_lost() -> None:
    def insert(sage: SageList, asked: int) -> None:
        if asked == 2:
            sage.ids.insert(0, "new")

    sage = SageList(names(450), insert)
    listing = run(read_list(ENTRIES, {}), sage)
    assert sorted(record_ids(listing.pages)) == sorted(sage.ids)


def test_record_deleted_while_pages_are_read_makes_no_other_slip_through() -> None:
    def delete(sage: SageList, asked: int) -> None:
        if asked == 1:
            del sage.ids[0]

    sage = SageList(names(401), delete)
    listing = run(read_list(ENTRIES, {}), sage)
    assert sorted(record_ids(listing.pages)) == sorted(sage.ids)


def test_record_that_moves_to_the_end_while_pages_are_read_is_not_doubled_nor_lost() -> None:
    def touch(sage: SageList, asked: int) -> None:
        if asked == 1:
            sage.ids.append(sage.ids.pop(0))

    sage = SageList(names(450), touch)
    listing = run(read_list(ENTRIES, {}), sage)
    assert sorted(record_ids(listing.pages)) == sorted(sage.ids)


def test_list_that_never_holds_still_is_given_up_loudly() -> None:
    def churn(sage: SageList, asked: int) -> None:
        sage.ids.insert(0, f"new{asked}")

    with pytest.raises(ListMovedError, match="ledger_entries"):
        run(read_list(ENTRIES, {}), SageList(names(450), churn))


def found(collection: Collection, progress: Progress | None, sage: SageList) -> Found:
    return run(read_collection(collection, progress, frozenset(names(1000))), sage)


def test_first_read_is_full() -> None:
    assert found(INVOICES, None, SageList(names(3))).is_full


def test_list_of_one_page_is_read_in_full_for_one_request() -> None:
    sage = SageList(names(7))
    assert found(INVOICES, SMALL, sage).is_full
    assert len(sage.asked) == 1


def test_list_without_change_filter_is_read_in_full() -> None:
    assert found(COUNTRIES, LARGE, SageList(names(3))).is_full


def test_large_list_asks_for_changes_and_for_deletions() -> None:
    sage = SageList([])
    assert not found(INVOICES, LARGE, sage).is_full
    assert [q.get("updated_or_created_since") for q in sage.asked] == [LARGE.since, None]
    assert [q.get("deleted_since") for q in sage.asked] == [None, LARGE.since]


def test_flagged_list_asks_for_changes_only() -> None:
    sage = SageList([])
    found(ENTRIES, LARGE, sage)
    assert len(sage.asked) == 1


def test_list_without_deletion_signal_is_counted_and_not_swept_when_the_count_agrees() -> None:
    class Quotes(SageList):
        def answer(self, query: Query) -> Page:
            self.ids = [] if "updated_or_created_since" in query else names(1000)
            return super().answer(query)

    sage = Quotes([])
    assert found(QUOTES, LARGE, sage).swept_ids is None
    assert len(sage.asked) == 2


def test_list_without_deletion_signal_is_swept_when_the_count_disagrees() -> None:
    class Quotes(SageList):
        def answer(self, query: Query) -> Page:
            self.ids = [] if "updated_or_created_since" in query else names(999)
            return super().answer(query)

    sage = Quotes([])
    assert found(QUOTES, LARGE, sage).swept_ids == frozenset(names(999))
    assert "attributes" not in sage.asked[-1]


class WithoutChildren(SageList):
    """A list that leaves out what a read by id has."""

    def listed(self, key: str) -> dict[str, Any]:
        return {"id": key}


class Childless(WithoutChildren):
    """Records that have no child lists anywhere."""

    def record(self, key: str) -> dict[str, Any]:
        return {"id": key}


def test_children_that_the_list_lacks_are_read_by_id() -> None:
    sage = WithoutChildren(names(3))
    read = found(INVOICES, None, sage)
    assert read.by_id is True
    assert [page.lacking for page in read.records.pages] == [frozenset()] * 3


def test_read_by_id_never_marks_a_document_as_sent() -> None:
    sage = WithoutChildren(names(3))
    found(INVOICES, None, sage)
    assert all(query["mark_as_sent"] == "false" for query in sage.asked if KEY in query)


def test_children_that_exist_nowhere_cost_one_request() -> None:
    sage = Childless(names(3))
    read = found(INVOICES, None, sage)
    assert read.by_id is False
    assert len(sage.asked) == 2


def test_deletion_and_addition_while_pages_are_read_are_noticed() -> None:
    def swap(sage: SageList, asked: int) -> None:
        if asked == 1:
            del sage.ids[0]
            sage.ids.append("new")

    sage = SageList(names(450), swap)
    listing = run(read_list(PRODUCTS_WITHOUT_TOMBSTONES, {}), sage)
    assert sorted(record_ids(listing.pages)) == sorted(sage.ids)


def test_unchanged_list_is_not_read_by_id_again() -> None:
    sage = WithoutChildren(names(3))
    first = found(INVOICES, None, sage)
    asked = len(sage.asked)
    found(INVOICES, Progress(SMALL.since, 3, first.digest, by_id=True), sage)
    assert len(sage.asked) == asked + 1
