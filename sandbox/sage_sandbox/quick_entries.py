"""Quick entries: an invoice or credit note of a single amount, typed in without lines."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sage_sandbox.ledger import Ledger, Leg, Side
from sage_sandbox.lines import Terms, breakdown
from sage_sandbox.open_items import open_item
from sage_sandbox.records import stub, stub_of
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickEntry:
    """A quick entry to be written, in base currency."""

    side: Side
    kind: Literal["INVOICE", "CREDIT_NOTE"]
    contact: Record
    day: str
    due: str
    reference: str
    details: str
    account: Record
    rate: Rate
    net: Decimal


def resource_of(side: Side) -> str:
    """Give the collection of a side's quick entries."""
    return "sales_quick_entries" if side == "sale" else "purchase_quick_entries"


def write_quick_entry(ledger: Ledger, entry: QuickEntry, at: str) -> Record:
    """Store and post a quick entry; give its record."""
    resource = resource_of(entry.side)
    direction = 1 if entry.kind == "INVOICE" else -1
    entry_id = ledger.new_id(resource)
    terms = Terms(entry_id, entry.day, Decimal(1), False, False)
    parts, tax = breakdown(entry.rate, entry.net, terms)
    prefix = "SALES" if entry.side == "sale" else "PURCHASE"
    kind = f"{prefix}_QUICK_ENTRY_{entry.kind}"
    total = entry.net + tax
    record: Record = {
        **stub(resource, entry_id, entry.reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "analysis_type_categories": [],
        "quick_entry_type": ledger.name("quick_entry_types", entry.kind),
        "contact_name": entry.contact["name"],
        "contact_reference": entry.contact["reference"],
        "contact": stub_of(entry.contact),
        "date": entry.day,
        "due_date": entry.due if direction > 0 else None,
        "reference": entry.reference,
        "ledger_account": entry.account,
        "details": entry.details,
        "net_amount": entry.net,
        "tax_rate": entry.rate.stub,
        "tax_amount": tax,
        "tax_breakdown": parts,
        "total_amount": total,
        "outstanding_amount": total,
        "currency": ledger.name("currencies", ledger.currency),
        "exchange_rate": Decimal(1),
        "inverse_exchange_rate": Decimal(1),
        "base_currency_net_amount": entry.net,
        "base_currency_tax_amount": tax,
        "base_currency_tax_breakdown": parts,
        "base_currency_total_amount": total,
        "base_currency_outstanding_amount": total,
        "status": ledger.name("artefact_statuses", "UNPAID"),
        "payments_allocations": [],
        "tax_address_region": ledger.home_region(),
        "migrated": False,
        "trade_of_asset": False,
    }
    if entry.side == "purchase":
        canadian = ledger.business.country == "CA"
        record["gst_amount"] = parts[0]["amount"] if canadian else None
        record["pst_amount"] = (
            sum((p["amount"] for p in parts[1:]), tax - tax) if canadian else None
        )
        record["tax_recoverable"] = True if canadian else None
    record["transaction"] = ledger.post(
        kind,
        stub_of(record),
        quick_entry_legs(ledger, record),
        day=entry.day,
        at=at,
        reference=entry.reference,
        journal="sales" if entry.side == "sale" else "purchases",
        total=total,
        total_in_currency=total,
        contact=record["contact"],
        description=entry.details,
    )
    ledger.put(resource, record)
    open_item(ledger, resource, record, entry.side, direction, at)
    return record


def quick_entry_legs(ledger: Ledger, record: Record) -> list[Leg]:
    """Give the postings of a quick entry as its record shows it."""
    sale = record["$path"].startswith("/sales")
    sign = 1 if record["quick_entry_type"]["id"] == "INVOICE" else -1
    sign = sign if sale else -sign
    side = "sales" if sale else "purchases"
    return [
        Leg(ledger.account("receivable" if sale else "payable"), sign * record["total_amount"]),
        Leg(record["ledger_account"], -sign * record["net_amount"], record["tax_rate"]),
        *(
            Leg(
                ledger.account(f"tax_on_{side}{ledger.rate_of[part['tax_rate']['id']].account}"),
                -sign * part["amount"],
                part["tax_rate"],
            )
            for part in record["tax_breakdown"]
        ),
    ]
