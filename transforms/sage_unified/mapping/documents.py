"""Invoices, credit notes, corrective invoices and quick entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from sage_unified.mapping import choices
from sage_unified.mapping.amounts import CENT, net_of, tax_of
from sage_unified.mapping.books import Books
from sage_unified.mapping.choices import Direction
from sage_unified.mapping.fields import Fields, Json, without_nulls


@dataclass(frozen=True)
class Kind:
    """A type of document."""

    resource: str
    direction: Direction
    lines: str
    is_credit: bool = False
    is_corrective: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "sales_invoice": Kind("sales_invoices", "sale", "invoice_lines"),
    "purchase_invoice": Kind("purchase_invoices", "purchase", "invoice_lines"),
    "sales_credit_note": Kind("sales_credit_notes", "sale", "credit_note_lines", is_credit=True),
    "purchase_credit_note": Kind(
        "purchase_credit_notes", "purchase", "credit_note_lines", is_credit=True
    ),
    "sales_corrective_invoice": Kind(
        "sales_corrective_invoices", "sale", "invoice_lines", is_corrective=True
    ),
    "purchase_corrective_invoice": Kind(
        "purchase_corrective_invoices", "purchase", "invoice_lines", is_corrective=True
    ),
}
QUICK_KINDS: Final = {"quick_invoice": "INVOICE", "quick_credit": "CREDIT_NOTE"}
_COPIED: Final = ("reference", "vendor_reference", "notes")


@dataclass(frozen=True)
class _Amounts:
    net: Decimal
    tax: Decimal


def document(kind: Kind, fields: Fields, books: Books) -> dict[str, Json]:
    """The body of a document with lines."""
    contact_id = choices.contact(books, fields, kind.direction)
    day = fields.day("date", required=True)
    body: dict[str, Json] = {
        "contact_id": contact_id,
        "date": _iso(day),
        "due_date": None if kind.is_credit else _iso(fields.day("due_date")),
        "currency_id": fields.text("currency"),
        "exchange_rate": fields.number("exchange_rate"),
    }
    for name in _COPIED:
        if name != "vendor_reference" or kind.direction == "purchase":
            body[name] = fields.text(name)
    is_reverse_charge = fields.flag("reverse_charge") is True
    if is_reverse_charge:
        body["vat_reverse_charge"] = True
    if kind.is_corrective:
        if fields.has("original_document"):
            body["original_invoice_id"] = choices.document(
                books, fields, "original_document", contact_id, kind.direction
            )
        if kind.direction == "sale":
            body["corrective_reason_code_id"] = fields.text("reason")
    lines, amounts = [], []
    for each in fields.objects("lines", required=True):
        line, amount = _line(kind, each, books, day, is_reverse_charge)
        lines.append(line)
        amounts.append(amount)
    body[kind.lines] = lines
    _compare_totals(fields, amounts, is_signed=kind.is_credit)
    return without_nulls(body)


def _line(
    kind: Kind, fields: Fields, books: Books, day: date | None, is_reverse_charge: bool
) -> tuple[Json, _Amounts]:
    item = choices.item(books, fields)
    usual = (item or {}).get(f"{'sales' if kind.direction == 'sale' else 'purchase'}_account_id")
    account_id = choices.account(books, fields, required=usual is None)
    rate = choices.tax_rate(books, fields, day)
    quantity = fields.number("quantity") if fields.has("quantity") else Decimal(1)
    unit_price = fields.number("unit_price", required=True)
    discount = Decimal(0)
    if kind.direction == "sale":
        discount = fields.number("discount_percentage") or discount
    net = net_of(quantity or Decimal(0), unit_price or Decimal(0), discount)
    tax = tax_of(net, rate, is_reverse_charge=is_reverse_charge)
    line: dict[str, Json] = {
        "description": fields.text("description", required=True),
        "ledger_account_id": account_id or usual,
        "quantity": quantity,
        "unit_price": unit_price,
        "discount_percentage": discount or None,
        "tax_rate_id": rate["tax_rate_id"] if rate else None,
        # required by v3.1 unless the rate is a zero one
        "tax_amount": tax if rate else None,
    }
    if item is not None:
        line["service_id" if item["item_type"] == "service" else "product_id"] = item["item_id"]
    return without_nulls(line), _Amounts(net, tax)


def quick_entry(direction: Direction, fields: Fields, books: Books) -> dict[str, Json]:
    """The body of a quick entry: one amount, without lines."""
    kind = fields.choice("document_kind", tuple(QUICK_KINDS), required=True)
    contact_id = choices.contact(books, fields, direction)
    day = fields.day("date", required=True)
    rate = choices.tax_rate(books, fields, day)
    net = fields.number("net_amount", required=True)
    is_credit = kind == "quick_credit"
    size = abs(net) if net is not None and is_credit else net
    tax = tax_of(size or Decimal(0), rate, is_reverse_charge=False)
    _compare_totals(fields, [_Amounts(size or Decimal(0), tax)], is_signed=is_credit)
    return without_nulls(
        {
            "quick_entry_type_id": QUICK_KINDS.get(kind or ""),
            "contact_id": contact_id,
            "date": _iso(day),
            "reference": fields.text("reference", required=True),
            "ledger_account_id": choices.account(books, fields),
            "details": fields.text("description"),
            "currency_id": fields.text("currency"),
            "exchange_rate": fields.number("exchange_rate"),
            "net_amount": size,
            "tax_rate_id": rate["tax_rate_id"] if rate else None,
            "tax_amount": tax,
            "total_amount": None if size is None else size + tax,
        }
    )


def _compare_totals(fields: Fields, amounts: list[_Amounts], *, is_signed: bool) -> None:
    """Totals that the caller gives are checked: net to the cent, tax to a cent a line.

    Tax that a program summed before rounding may differ so much. Credit notes are negative in the
    unified schema and positive in Sage; both are taken.
    """
    net = sum((a.net for a in amounts), Decimal(0))
    tax = sum((a.tax for a in amounts), Decimal(0))
    slack = CENT * len(amounts)
    expected = {"net_amount": net, "tax_amount": tax, "total_amount": net + tax}
    for name, found in expected.items():
        given = fields.number(name)
        if given is None:
            continue
        difference = (abs(given) - abs(found)) if is_signed else given - found
        if abs(difference) > (Decimal(0) if name == "net_amount" else slack):
            fields.refuse(name, f"is {given:f}, the lines give {found:f}")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
