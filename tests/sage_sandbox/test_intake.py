"""What a client posts is booked whole or refused with the field at fault."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sage_sandbox.audit import audit
from sage_sandbox.books import Books, generate_business
from sage_sandbox.intake import InvalidBodyError

AT = "2026-07-01T10:00:00Z"


@pytest.fixture
def books() -> Books:
    return generate_business("GB", invoices=12, seed=2)


def invoice_body(books: Books) -> dict[str, Any]:
    collections = books.business.collections
    contact = next(c for c in collections["contacts"] if c["tax_treatment"]["home_tax"])
    account = next(a for a in collections["ledger_accounts"] if a["nominal_code"] == 4000)
    line = {
        "description": "Chairs",
        "ledger_account_id": account["id"],
        "quantity": 3,
        "unit_price": "19.99",
        "tax_rate_id": "GB_STANDARD",
    }
    return {"contact_id": contact["id"], "date": "2026-07-01", "invoice_lines": [line]}


def test_a_posted_invoice_is_totalled_and_booked(books: Books) -> None:
    record = books.create("sales_invoices", invoice_body(books), at=AT)
    assert (record["net_amount"], record["tax_amount"]) == (Decimal("59.97"), Decimal("11.99"))
    assert audit(books.business) == []


@pytest.mark.parametrize(("tax", "charged"), [("0.00", "0"), ("11.99", "11.99")])
def test_a_line_that_says_its_tax_is_nothing_bears_none(
    books: Books, tax: str, charged: str
) -> None:
    body = invoice_body(books)
    body["invoice_lines"][0]["tax_amount"] = tax
    body["due_date"] = "2026-07-31"
    record = books.create("purchase_invoices", body, at=AT)
    assert record["tax_amount"] == Decimal(charged)
    assert audit(books.business) == []


def test_a_posted_draft_is_not_booked(books: Books) -> None:
    record = books.create("sales_invoices", {**invoice_body(books), "status_id": "DRAFT"}, at=AT)
    assert record["transaction"] is None
    assert audit(books.business) == []


def test_a_posted_payment_settles_its_invoice(books: Books) -> None:
    invoice = books.create("sales_invoices", invoice_body(books), at=AT)
    bank = next(iter(books.business.collections["bank_accounts"]))
    body = {
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": invoice["contact"]["id"],
        "bank_account_id": bank["id"],
        "date": "2026-07-01",
        "total_amount": "100",
        "allocated_artefacts": [{"artefact_id": invoice["id"], "amount": "71.96"}],
    }
    payment = books.create("contact_payments", body, at=AT)
    assert payment["payment_on_account"]["total_amount"] == Decimal("28.04")
    assert audit(books.business) == []


def test_a_posted_journal_is_booked(books: Books) -> None:
    accounts = list(books.business.collections["ledger_accounts"])
    lines = [
        {"ledger_account_id": accounts[-3]["id"], "debit": 5, "credit": 0},
        {"ledger_account_id": accounts[-4]["id"], "debit": 0, "credit": "5.00"},
    ]
    body = {"date": "2026-07-01", "reference": "J1", "journal_lines": lines}
    assert books.create("journals", body, at=AT)["total"] == 5
    assert audit(books.business) == []


def test_a_posted_contact_can_be_invoiced(books: Books) -> None:
    body = {
        "name": "Neue GmbH",
        "contact_type_ids": ["CUSTOMER"],
        "reference": "N1",
        "main_address": {"address_line_1": "Weg 1", "city": "Köln", "country_id": "DE"},
    }
    contact = books.create("contacts", body, at=AT)
    assert contact["displayed_as"] == "Neue GmbH (N1)"
    invoice = {**invoice_body(books), "contact_id": contact["id"]}
    assert books.create("sales_invoices", invoice, at=AT)["currency"]["id"] == "EUR"
    assert audit(books.business) == []


@pytest.mark.parametrize("kind", ["INVOICE", "CREDIT_NOTE"])
@pytest.mark.parametrize("resource", ["sales_quick_entries", "purchase_quick_entries"])
def test_a_posted_quick_entry_is_taxed_and_booked(books: Books, resource: str, kind: str) -> None:
    invoice = invoice_body(books)
    body = {
        "quick_entry_type_id": kind,
        "contact_id": invoice["contact_id"],
        "date": "2026-07-01",
        "reference": "Q1",
        "ledger_account_id": invoice["invoice_lines"][0]["ledger_account_id"],
        "tax_rate_id": "GB_STANDARD",
        "net_amount": "59.97",
    }
    record = books.create(resource, body, at=AT)
    assert (record["tax_amount"], record["total_amount"]) == (Decimal("11.99"), Decimal("71.96"))
    assert audit(books.business) == []


def test_a_purchase_shows_the_reference_of_its_vendor(books: Books) -> None:
    body = {**invoice_body(books), "vendor_reference": "V-7", "due_date": "2026-07-31"}
    assert books.create("purchase_invoices", body, at=AT)["vendor_reference"] == "V-7"


def test_a_posted_corrective_invoice_names_its_original() -> None:
    books = generate_business("ES", invoices=12, seed=2)
    original = next(iter(books.business.collections["sales_invoices"]))
    line = {
        "description": "Back",
        "ledger_account_id": original["invoice_lines"][0]["ledger_account"]["id"],
        "quantity": -1,
        "unit_price": "10",
        "tax_rate_id": "ES_STANDARD",
    }
    body = {
        "contact_id": original["contact"]["id"],
        "date": "2026-07-01",
        "original_invoice_id": original["id"],
        "invoice_lines": [line],
    }
    record = books.create("sales_corrective_invoices", body, at=AT)
    assert record["original_invoice"]["id"] == original["id"]
    assert audit(books.business) == []


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ({"contact_id": "nobody"}, "contact_id"),
        ({"date": "soon"}, "date"),
        ({"currency_id": "XXX"}, "currency_id"),
        ({"invoice_lines": []}, "invoice_lines"),
        ({"invoice_lines": [{"quantity": 1}]}, "invoice_lines.ledger_account_id"),
        ({"invoice_lines": ["chairs"]}, "invoice_lines"),
        ({"invoice_lines": {"quantity": 1}}, "invoice_lines"),
        ({"contact_id": {"id": "nobody"}}, "contact_id"),
        ({"date": ["2026-07-01"]}, "date"),
    ],
)
def test_a_refusal_names_the_field_at_fault(
    books: Books, change: dict[str, Any], source: str
) -> None:
    with pytest.raises(InvalidBodyError) as refusal:
        books.create("sales_invoices", {**invoice_body(books), **change}, at=AT)
    assert refusal.value.source == source
