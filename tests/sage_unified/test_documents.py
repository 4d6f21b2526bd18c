"""``fct_document`` and ``fct_document_line``: kinds, signs, currencies, what Sage does not show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified import build

Books = Callable[..., dict[str, pl.LazyFrame]]
DAY = date(2024, 5, 1)


def row(record_id: str, **columns: Any) -> dict[str, Any]:
    return {"business_id": "b1", "id": record_id, "date": DAY, **columns}


def amounts(net: str, tax: str, prefix: str = "") -> dict[str, Decimal]:
    total = Decimal(net) + Decimal(tax)
    values = {"net": Decimal(net), "tax": Decimal(tax), "total": total}
    return {f"{prefix}{name}_amount": value for name, value in values.items()}


def made(books: Books, table: str, **raw: Any) -> list[dict[str, Any]]:
    return build(books(**raw), date(2024, 7, 1))["unified", table].to_dicts()


def document(books: Books, **raw: Any) -> dict[str, Any]:
    (only,) = made(books, "fct_document", **raw)
    return only


@pytest.mark.parametrize(
    ("resource", "columns", "expected"),
    [
        ("sales_invoices", {}, ("invoice", "sale", 1)),
        ("sales_credit_notes", {}, ("credit_note", "sale", -1)),
        ("purchase_credit_notes", {}, ("credit_note", "purchase", -1)),
        ("sales_corrective_invoices", {}, ("corrective", "sale", 1)),
        (
            "purchase_quick_entries",
            {"quick_entry_type__id": "CREDIT_NOTE"},
            ("quick_credit", "purchase", -1),
        ),
        (
            "contact_opening_balances",
            {
                "contact_opening_balance_type__id": "CREDIT_NOTE",
                "transaction_type__id": "VENDOR_OPENING_BALANCE",
            },
            ("opening_credit", "purchase", -1),
        ),
        ("other_payments", {"transaction_type__id": "OTHER_RECEIPT"}, ("other_receipt", "sale", 1)),
        (
            "other_payments",
            {"transaction_type__id": "OTHER_PAYMENT"},
            ("other_payment", "purchase", 1),
        ),
    ],
)
def test_resource_and_type_tell_kind_side_and_sign(
    raw_books: Books, resource: str, columns: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    found = document(raw_books, **{resource: [row("d", **amounts("10", "2"), **columns)]})
    assert (found["document_kind"], found["direction"], found["sign"]) == expected
    assert found["total_amount"] == expected[2] * 12


@pytest.mark.parametrize(
    ("columns", "status", "is_posted"),
    [
        ({"status__id": "DRAFT"}, "draft", False),
        ({"status__id": "PART_PAID"}, "part_paid", True),
        ({"status__id": "VOID"}, "void", False),
        ({"outstanding_amount": Decimal(0)}, "paid", True),
        ({"outstanding_amount": Decimal(5)}, "part_paid", True),
    ],
)
def test_status_tells_whether_a_document_is_in_the_books(
    raw_books: Books, columns: dict[str, Any], status: str, is_posted: bool
) -> None:
    found = document(raw_books, sales_invoices=[row("d", **amounts("10", "2"), **columns)])
    assert (found["status"], found["is_posted"]) == (status, is_posted)


def test_opening_balance_owes_what_the_allocations_leave(raw_books: Books) -> None:
    opening = row("o", **amounts("100", "0"), contact_opening_balance_type__id="INVOICE")
    paid = {"business_id": "b1", "_root_id": "p", "_list_idx": 0, "id": "a"}
    found = document(
        raw_books,
        contact_opening_balances=[opening],
        contact_payments=[row("p", total_amount=Decimal(30))],
        contact_payments__allocated_artefacts=[
            {**paid, "artefact__id": "o", "amount": Decimal(30), "discount": Decimal(5)}
        ],
    )
    assert (found["outstanding_amount"], found["status"]) == (Decimal(65), "part_paid")


def test_base_amount_that_sage_does_not_show_is_converted_by_the_rate(raw_books: Books) -> None:
    foreign = {"currency__id": "EUR", "exchange_rate": Decimal("1.25")}
    found = document(raw_books, sales_invoices=[row("d", **amounts("10", "2"), **foreign)])
    assert (found["base_net_amount"], found["base_total_amount"]) == (Decimal(8), Decimal("9.6"))


def test_other_payment_abroad_is_worth_what_the_ledger_booked(
    raw_books: Books, make_entry: Callable[..., dict[str, Any]]
) -> None:
    paid = row("d", **amounts("100", "20"), bank_account__id="ba1", transaction__id="t9")
    entries = [
        make_entry("e1", "t9", "bank", DAY, "-96.00"),
        make_entry("e2", "t9", "rent", DAY, "96.00"),
    ]
    bank = {"business_id": "b1", "id": "ba1", "ledger_account__id": "bank", "currency__id": "EUR"}
    found = document(raw_books, other_payments=[paid], ledger_entries=entries, bank_accounts=[bank])
    base = (found["base_net_amount"], found["base_tax_amount"], found["base_total_amount"])
    assert (found["currency"], base) == ("EUR", (Decimal(80), Decimal(16), Decimal(96)))


def lines(books: Books, **raw: Any) -> dict[int, dict[str, Any]]:
    return {line["line_no"]: line for line in made(books, "fct_document_line", **raw)}


def child(index: int, **columns: Any) -> dict[str, Any]:
    return {"business_id": "b1", "_root_id": "d", "_list_idx": index, "id": f"l{index}", **columns}


def test_shipping_is_line_zero(raw_books: Books) -> None:
    shipping = {
        "shipping_net_amount": Decimal(5),
        "shipping_tax_amount": Decimal(1),
        "shipping_total_amount": Decimal(6),
        "shipping_tax_rate__id": "GB_STANDARD",
    }
    found = lines(
        raw_books,
        sales_invoices=[row("d", **amounts("15", "3"), **shipping)],
        sales_invoices__invoice_lines=[child(0, **amounts("10", "2"))],
    )
    assert {number: line["total_amount"] for number, line in found.items()} == {0: 6, 1: 12}


def test_quick_entry_is_its_one_line_with_its_sign(raw_books: Books) -> None:
    entry = row("d", **amounts("10", "2"), quick_entry_type__id="CREDIT_NOTE", details="Lamp")
    found = lines(raw_books, sales_quick_entries=[entry])
    assert [(n, line["description"], line["total_amount"]) for n, line in found.items()] == [
        (1, "Lamp", Decimal(-12))
    ]


def test_line_without_base_amounts_has_its_share_of_the_document(raw_books: Books) -> None:
    foreign = {"currency__id": "EUR", **amounts("6", "2", "base_currency_")}
    found = lines(
        raw_books,
        sales_invoices=[row("d", **amounts("15", "5"), **foreign)],
        sales_invoices__invoice_lines=[child(0, **amounts("15", "5"))],
    )
    assert (found[1]["base_net_amount"], found[1]["base_tax_amount"]) == (Decimal(6), Decimal(2))


def test_line_on_an_account_of_assets_is_capital(raw_books: Books) -> None:
    plant = {"business_id": "b1", "id": "van", "ledger_account_type__id": "FIXED_ASSETS"}
    found = lines(
        raw_books,
        ledger_accounts=[plant],
        purchase_invoices=[row("d", **amounts("10", "2"))],
        purchase_invoices__invoice_lines=[child(0, **amounts("10", "2"), ledger_account__id="van")],
    )
    assert found[1]["is_capital"]


def test_tracking_categories_are_json(raw_books: Books) -> None:
    category = {
        "business_id": "b1",
        "_root_id": "d",
        "_parent_list_idx": 0,
        "displayed_as": "North",
        "analysis_type__displayed_as": "Region",
    }
    found = lines(
        raw_books,
        sales_invoices=[row("d", **amounts("10", "2"))],
        sales_invoices__invoice_lines=[child(0, **amounts("10", "2"))],
        sales_invoices__invoice_lines__analysis_type_categories=[
            {**category, "_list_idx": 0},
            {**category, "_list_idx": 1, "displayed_as": "East"},
        ],
    )
    assert found[1]["analysis"] == (
        '[{"type":"Region","category":"North"},{"type":"Region","category":"East"}]'
    )


def test_million_random_cents_sum_exactly(raw_books: Books) -> None:
    """A float would have lost cents long before."""
    cents = pl.int_range(1_000_000, eager=True).hash(7) % 10_000_000
    entries = pl.LazyFrame({"cents": cents}).select(
        pl.lit("b1").alias("business_id"),
        pl.concat_str(pl.lit("e"), pl.int_range(pl.len())).alias("id"),
        pl.lit("sales").alias("ledger_account__id"),
        pl.lit(DAY).alias("date"),
        (pl.col("cents").cast(pl.Decimal(38, 12)) / 100).alias("debit"),
    )
    books = raw_books() | {"ledger_entries": entries}
    balance = build(books, date(2024, 5, 2))["marts", "trial_balance"]["closing_balance"]
    assert balance.sum() == Decimal(int(cents.sum())) / 100
