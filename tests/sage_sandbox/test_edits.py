"""Edits keep the books coherent and show their time wherever something changed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_sandbox.audit import audit
from sage_sandbox.books import Books, generate_business
from sage_sandbox.store import Record

AT = "2026-07-01T10:00:00Z"
POSTING = (
    "sales_invoices",
    "purchase_invoices",
    "sales_credit_notes",
    "sales_quick_entries",
    "purchase_quick_entries",
    "contact_payments",
    "contact_allocations",
    "other_payments",
    "journals",
    "bank_transfers",
    "bank_deposits",
)


def fresh(country: str = "GB", invoices: int = 24) -> Books:
    return generate_business(country, invoices=invoices, seed=5)


def invoice(books: Books, wanted: Callable[[Record], bool]) -> Record:
    return next(r for r in books.business.collections["sales_invoices"] if wanted(r))


def unpaid(record: Record) -> bool:
    return bool(record["status"]["id"] == "UNPAID")


def deletable(books: Books, resource: str) -> str:
    """The newest record of a resource that nothing settled since."""
    newest = list(books.business.collections[resource])[::-1]
    return str(next(r["id"] for r in newest if r.get("status", {}).get("id", "UNPAID") == "UNPAID"))


def snapshot(books: Books) -> dict[tuple[str, str], Record]:
    return {
        (name, key): deepcopy(record)
        for name, collection in books.business.collections.items()
        for key, record in collection.live.items()
    }


def edit(books: Books, choice: int, at: str) -> None:
    """Make the edit of a number; one that the books refuse changes nothing."""
    collections = books.business.collections
    resource = POSTING[choice % len(POSTING)]
    keys = list(collections.get(resource, ()))
    picked = keys[choice % len(keys)]["id"] if keys else ""
    kind = choice % 7
    try:
        if kind == 0:
            books.add_invoice(at=at)
        elif kind == 1:
            books.add_invoice(at=at, resource="purchase_invoices")
        elif kind == 2:
            books.add_payment(at=at)
        elif kind == 3 and picked:
            books.delete(resource, picked, at=at)
        elif kind == 4:
            document = list(collections["purchase_invoices"])[choice % 5]
            books.change_document("purchase_invoices", document["id"], at=at, drop_line=True)
        elif kind == 5:
            document = list(collections["sales_invoices"])[choice % 5]
            books.void("sales_invoices", document["id"], at=at)
        else:
            document = list(collections["sales_invoices"])[choice % 5]
            books.change_document("sales_invoices", document["id"], at=at)
    except ValueError:
        pass


@settings(max_examples=12, deadline=None)
@given(
    country=st.sampled_from(["GB", "CA", "ES", "DE"]),
    choices=st.lists(st.integers(0, 10**4), min_size=5, max_size=20),
)
def test_books_tie_out_after_any_edits(country: str, choices: list[int]) -> None:
    books = fresh(country)
    for number, choice in enumerate(choices):
        edit(books, choice, f"2026-07-01T10:00:{number:02d}Z")
    assert audit(books.business) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.add_invoice(at=AT),
        lambda b: b.add_invoice(at=AT, resource="purchase_invoices"),
        lambda b: b.add_payment(at=AT),
        lambda b: b.void("sales_invoices", invoice(b, unpaid)["id"], at=AT),
        lambda b: b.change("contacts", invoice(b, unpaid)["contact"]["id"], {"notes": "x"}, at=AT),
        lambda b: b.change_document("sales_invoices", invoice(b, unpaid)["id"], at=AT),
        *(lambda b, r=resource: b.delete(r, deletable(b, r), at=AT) for resource in POSTING),
    ],
)
def test_every_record_that_changes_shows_the_edits_time(change: Callable[[Books], object]) -> None:
    books = fresh()
    before = snapshot(books)
    change(books)
    stale = [
        key
        for key, record in snapshot(books).items()
        if before.get(key) != record and record.get("updated_at", AT) != AT
    ]
    assert stale == []


@pytest.mark.parametrize("resource", POSTING)
def test_a_deleted_record_leaves_coherent_books(resource: str) -> None:
    books = fresh()
    key = deletable(books, resource)
    books.delete(resource, key, at=AT)
    assert key in books.business.collections[resource].deleted
    assert audit(books.business) == []


def test_an_added_payment_closes_the_invoice() -> None:
    books = fresh()
    opened = books.add_invoice(at=AT)
    books.add_payment(at=AT, artefact_id=opened["id"])
    paid = books.business.collections["sales_invoices"].live[opened["id"]]
    assert (paid["status"]["id"], paid["outstanding_amount"]) == ("PAID", 0)


def test_a_deleted_payment_opens_the_invoice_again() -> None:
    books = fresh()
    opened = books.add_invoice(at=AT)
    payment = books.add_payment(at=AT, artefact_id=opened["id"])
    books.delete("contact_payments", payment["id"], at=AT)
    again = books.business.collections["sales_invoices"].live[opened["id"]]
    assert (again["status"]["id"], again["payments_allocations"]) == ("UNPAID", [])


def test_a_dropped_line_leaves_its_old_entries_flagged() -> None:
    books = fresh()
    several = invoice(books, lambda r: unpaid(r) and len(r["invoice_lines"]) > 1)
    changed = books.change_document("sales_invoices", several["id"], at=AT, drop_line=True)
    assert len(changed["invoice_lines"]) == len(several["invoice_lines"]) - 1
    flags = {
        entry["deleted"]
        for entry in books.business.collections["ledger_entries"]
        if entry["transaction"]["id"] == several["transaction"]["id"]
    }
    assert flags == {True, False}


def test_a_void_invoice_keeps_its_numbers() -> None:
    books = fresh()
    before = invoice(books, unpaid)
    after = books.void("sales_invoices", before["id"], at=AT, reason="Sent twice")
    assert after["total_amount"] == before["total_amount"]
    assert (after["status"]["id"], after["void_reason"]) == ("VOID", "Sent twice")


def test_a_paid_invoice_is_neither_voided_nor_deleted() -> None:
    books = fresh()
    paid = invoice(books, lambda r: r["status"]["id"] == "PAID")
    for refused in (books.void, books.delete):
        with pytest.raises(ValueError, match="paid in part"):
            refused("sales_invoices", paid["id"], at=AT)


def test_a_contact_with_documents_stays() -> None:
    books = fresh()
    with pytest.raises(ValueError, match="in use"):
        books.delete("contacts", invoice(books, unpaid)["contact"]["id"], at=AT)


def test_a_contact_shows_its_changed_address() -> None:
    books = fresh()
    contact = next(iter(books.business.collections["contacts"]))
    books.change("addresses", contact["main_address"]["id"], {"city": "York"}, at=AT)
    shown = books.business.collections["contacts"].live[contact["id"]]
    assert (shown["main_address"]["city"], shown["updated_at"]) == ("York", AT)


def test_an_added_record_gets_what_sage_would_fill_in() -> None:
    books = fresh()
    added = books.add("contacts", {"name": "New Ltd"}, at=AT)
    assert added["$path"] == f"/contacts/{added['id']}"
    assert (added["displayed_as"], added["created_at"]) == ("New Ltd", AT)
