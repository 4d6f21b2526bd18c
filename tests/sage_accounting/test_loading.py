"""What a read brings to the warehouse: rows, markers for what vanished, progress."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sage_accounting.catalogue import Collection, load_catalogue
from sage_accounting.client import Answer
from sage_accounting.cursors import Progress
from sage_accounting.decode import NO_ITEMS, Decoder, Page
from sage_accounting.deletions import MARKER, Changes
from sage_accounting.errors import Place
from sage_accounting.flatten import flatten
from sage_accounting.lists import Listing, digest_of
from sage_accounting.loading import changes_of, progress_of
from sage_accounting.readers import Found
from sage_accounting.spool import ready

INVOICES = load_catalogue()["sales_invoices"]
RATES = load_catalogue()["exchange_rates"]
NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
BEFORE = Progress("2026-05-01T09:00:00Z", 3, "other")


@dataclass
class InWarehouse:
    """Loaded ids of business b1 and its child tables; ``None`` ids = the file is held."""

    all: frozenset[str] | None = frozenset()
    tables: list[str] = field(default_factory=list)

    def ids(self, business_id: str) -> frozenset[str] | None:
        return self.all

    def among(self, business_id: str, ids: Sequence[str]) -> frozenset[str] | None:
        return None if self.all is None else self.all.intersection(ids)

    def children(self) -> list[str]:
        return self.tables


@dataclass(frozen=True)
class Load:
    """All that one read brings, put together."""

    changes: list[Changes]
    progress: Progress

    @property
    def rows(self) -> int:
        return sum(c.rows for c in self.changes)

    @property
    def traces(self) -> list[dict[str, Any]]:
        return [row for c in self.changes for row in c.deletions.to_pylist()]

    def markers(self, child: str | None = None) -> set[str]:
        """Ids whose row says: delete."""
        tables = [c.children.get(child) if child else c.root for c in self.changes]
        rows = [row for t in tables if t is not None for row in t.to_pylist()]
        return {row["_root_id" if child else "id"] for row in rows if row.get(MARKER)}


def pages(collection: Collection, items: Sequence[dict[str, Any]]) -> list[Page]:
    decoder = Decoder(collection)
    body = json.dumps({"$total": len(items), "$items": items}).encode()
    page = decoder.read_page(Answer(body, Place(collection.name), NOW))
    tables = flatten(collection, "b1", decoder.shape, [page.items])
    return [replace(page, items=NO_ITEMS, chunk=ready(tables))]


def load_of(
    *items: dict[str, Any],
    loaded: InWarehouse,
    is_full: bool = True,
    tombstones: Sequence[dict[str, Any]] = (),
    swept: frozenset[str] | None = None,
    before: Progress | None = BEFORE,
    collection: Collection = INVOICES,
) -> Load:
    records = Listing(pages(collection, items), len(items), NOW)
    dead = pages(collection, tombstones) if tombstones else []
    found = Found(records, is_full, dead, swept, digest_of(records.pages))
    changes = list(changes_of(collection, "b1", found, before=before, loaded=loaded, now=NOW))
    rows = sum(c.rows for c in changes)
    return Load(changes, progress_of("b1", found, rows=rows, before=before, loaded=loaded))


def test_first_load_has_rows_and_no_markers() -> None:
    load = load_of({"id": "1", "invoice_lines": [{"id": "l"}]}, loaded=InWarehouse(), before=None)
    assert load.rows == 1
    assert MARKER not in load.changes[0].root.column_names


def test_record_that_sage_no_longer_lists_is_removed_and_traced() -> None:
    load = load_of({"id": "1"}, loaded=InWarehouse(frozenset({"1", "2"})))
    assert load.markers() == {"2"}
    (trace,) = load.traces
    assert (trace["resource"], trace["id"], trace["detected_by"]) == (
        "sales_invoices",
        "2",
        "compare",
    )


def test_children_of_a_removed_record_are_removed() -> None:
    load = load_of({"id": "1"}, loaded=InWarehouse(frozenset({"1", "2"}), ["invoice_lines"]))
    assert "2" in load.markers("invoice_lines")


def test_child_rows_that_vanished_from_a_living_record_are_removed() -> None:
    loaded = InWarehouse(frozenset({"1", "2"}), ["invoice_lines"])
    load = load_of(
        {"id": "1", "invoice_lines": []}, {"id": "2", "invoice_lines": [{"id": "l"}]}, loaded=loaded
    )
    assert load.markers("invoice_lines") == {"1"}


def test_unchanged_list_loads_nothing() -> None:
    first = load_of({"id": "1"}, loaded=InWarehouse(), before=None)
    again = load_of({"id": "1"}, loaded=InWarehouse(frozenset({"1"})), before=first.progress)
    assert again.changes == []
    assert again.progress.digest == first.progress.digest


def test_list_that_could_not_be_compared_is_looked_at_again() -> None:
    load = load_of({"id": "1"}, loaded=InWarehouse(None))
    assert load.progress.digest is None
    assert not load.markers()


def test_tombstone_of_a_loaded_record_removes_it_with_sages_own_time() -> None:
    dead = {"id": "2", "deleted_at": "2026-05-01T09:10:00Z"}
    loaded = InWarehouse(frozenset({"1", "2"}))
    load = load_of({"id": "1"}, loaded=loaded, is_full=False, tombstones=[dead])
    assert load.markers() == {"2"}
    (trace,) = load.traces
    assert trace["detected_by"] == "deleted_since"
    assert trace["deleted_at"] == datetime(2026, 5, 1, 9, 10, tzinfo=UTC)


def test_tombstone_of_a_record_that_never_came_here_leaves_no_trace() -> None:
    dead = {"id": "9", "deleted_at": "2026-05-01T09:10:00Z"}
    loaded = InWarehouse(frozenset({"1"}))
    assert load_of({"id": "1"}, loaded=loaded, is_full=False, tombstones=[dead]).traces == []


def test_deleted_record_in_an_ordinary_list_is_not_loaded_as_live() -> None:
    load = load_of(
        {"id": "1", "deleted_at": None},
        {"id": "2", "deleted_at": "2026-05-01T09:10:00Z"},
        loaded=InWarehouse(frozenset({"1", "2"})),
    )
    assert load.rows == 1
    assert load.markers() == {"2"}


def test_swept_list_removes_what_is_gone_although_only_changes_were_read() -> None:
    loaded = InWarehouse(frozenset({"1", "2", "3"}))
    load = load_of({"id": "1"}, loaded=loaded, is_full=False, swept=frozenset({"1", "3"}))
    assert load.markers() == {"2"}


def test_record_deleted_after_it_was_listed_is_not_loaded() -> None:
    dead = {"id": "2", "deleted_at": "2026-05-01T09:10:00Z"}
    load = load_of(
        {"id": "1"},
        {"id": "2", "invoice_lines": [{"id": "l"}]},
        loaded=InWarehouse(frozenset({"1", "2"})),
        is_full=False,
        tombstones=[dead],
    )
    assert (load.rows, load.markers()) == (1, {"2"})


def test_record_that_left_before_the_sweep_is_not_loaded() -> None:
    loaded = InWarehouse(frozenset({"1"}))
    load = load_of({"id": "1"}, {"id": "2"}, loaded=loaded, is_full=False, swept=frozenset({"1"}))
    assert (load.rows, load.markers()) == (1, set())


def test_changes_alone_remove_nothing() -> None:
    load = load_of({"id": "1"}, loaded=InWarehouse(frozenset({"1", "2"})), is_full=False)
    assert not load.markers()


def test_cursor_is_sages_time_at_the_start_less_a_minute() -> None:
    load = load_of({"id": "1"}, loaded=InWarehouse(), before=None)
    assert load.progress.since == "2026-05-01T09:29:00Z"


def test_vanished_record_without_id_is_removed_by_its_key() -> None:
    pair = {"currency": {"id": "EUR"}, "base_currency": {"id": "GBP"}, "rate": 1}
    loaded = InWarehouse(frozenset({"EUR/GBP", "USD/GBP"}))
    load = load_of(pair, loaded=loaded, collection=RATES)
    (gone,) = [row for c in load.changes for row in c.root.to_pylist() if row.get(MARKER)]
    assert (gone["currency__id"], gone["base_currency__id"]) == ("USD", "GBP")


def test_empty_list_that_had_records_removes_them_all() -> None:
    load = load_of(loaded=InWarehouse(frozenset({"1", "2"}), ["invoice_lines"]))
    assert load.markers() == {"1", "2"}
    assert load.markers("invoice_lines") == {"1", "2"}
