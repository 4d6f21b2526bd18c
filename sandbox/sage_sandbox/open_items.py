"""Open items: what an artefact leaves to be paid, and what paying it changes elsewhere.

Settling an invoice changes the invoice (outstanding, status, ``payments_allocations``), the contact's
balance and the list of unallocated artefacts; all of it happens here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sage_sandbox.ledger import Ledger, OpenItem, Settlement, Side
from sage_sandbox.records import ZERO, cents, stub_of
from sage_sandbox.store import Record

ON_ACCOUNT = "payments_on_account"
"""The resource of a payment on account; it has no collection, its payment shows it."""


def open_item(
    ledger: Ledger,
    resource: str,
    record: Record,
    side: Side,
    direction: int,
    at: str,
    payment_id: str = "",
) -> OpenItem:
    """Start to track what a posted artefact leaves to be paid.

    A negative total (a corrective invoice that takes away) turns the direction.
    """
    total, base_total = record["total_amount"], record["base_currency_total_amount"]
    if total < 0:
        direction, total, base_total = -direction, -total, -base_total
    item = OpenItem(
        resource=resource,
        stub=stub_of(record),
        contact_id=record["contact"]["id"],
        side=side,
        direction=direction,
        currency=record["currency"]["id"],
        total=total,
        base_total=base_total,
        outstanding=total,
        base_outstanding=base_total,
        payment_id=payment_id,
    )
    ledger.open_items[record["id"]] = item
    if direction < 0:
        ledger.credits_of[item.contact_id].append(record["id"])
    _move_contact(ledger, item, base_total, at)
    _list_unallocated(ledger, item)
    return item


def close_item(ledger: Ledger, artefact_id: str, at: str) -> None:
    """Stop tracking an artefact that is void or deleted."""
    item = ledger.open_items.pop(artefact_id)
    if item.direction < 0:
        ledger.credits_of[item.contact_id].remove(artefact_id)
    _move_contact(ledger, item, -item.base_outstanding, at)
    item.outstanding = item.base_outstanding = ZERO
    _list_unallocated(ledger, item)


def is_settled_in_part(item: OpenItem) -> bool:
    """Tell whether anything was paid or allocated."""
    return item.outstanding != item.total


def settle(
    ledger: Ledger, source: Record, item: OpenItem, amount: Decimal, discount: Decimal, at: str
) -> Settlement:
    """Take ``amount`` and ``discount`` (item's currency, positive) off an item.

    ``source`` is the entry for ``payments_allocations``; it names its payment or allocation. Raises
    ValueError when more is taken than is outstanding.
    """
    taken = amount + discount
    if taken <= 0 or taken > item.outstanding:
        raise ValueError(
            f"cannot take {taken} off {item.stub['$path']}: {item.outstanding} is open"
        )
    base = item.base_outstanding
    if taken != item.outstanding:
        base = min(base, cents(item.base_total * taken / item.total))
    settlement = Settlement(item.stub["id"], amount, discount, base)
    ledger.settlements.setdefault(_source_id(source), []).append(settlement)
    entry = {**source, "amount": amount, "discount": discount}
    _apply(ledger, item, settlement, -1, at, lambda entries: [*entries, entry])
    return settlement


def unsettle(ledger: Ledger, source_id: str, at: str) -> None:
    """Give back what a payment or allocation took off its items."""
    for settlement in ledger.settlements.pop(source_id, []):
        item = ledger.open_items[settlement.artefact_id]
        _apply(
            ledger,
            item,
            settlement,
            1,
            at,
            lambda entries: [e for e in entries if _source_id(e) != source_id],
        )


def _source_id(entry: Record) -> str:
    return str((entry["contact_payment"] or entry["contact_allocation"])["id"])


def _apply(
    ledger: Ledger,
    item: OpenItem,
    settlement: Settlement,
    sign: int,
    at: str,
    entries: Callable[[list[Record]], list[Record]],
) -> None:
    """Move an item by a settlement (sign -1 takes, +1 gives back); ``entries`` renews its list."""
    item.outstanding += sign * (settlement.amount + settlement.discount)
    item.base_outstanding += sign * settlement.base_amount
    _move_contact(ledger, item, sign * settlement.base_amount, at)
    _list_unallocated(ledger, item)
    if item.resource == ON_ACCOUNT:
        payment = ledger.collection("contact_payments").live.get(item.payment_id)
        if payment is not None:
            ledger.update(
                "contact_payments",
                item.payment_id,
                at,
                payment_on_account={
                    **payment["payment_on_account"],
                    **_open_amounts(ledger, item, 1),
                    "updated_at": at,
                },
            )
        return
    if item.resource == "contact_opening_balances":
        return  # its model shows nothing of what is paid
    record = ledger.collection(item.resource).live[item.stub["id"]]
    listed = entries(record["payments_allocations"])
    fields: Record = {
        **_open_amounts(ledger, item, -1 if record["total_amount"] < 0 else 1),
        "payments_allocations": listed,
    }
    if "total_paid" in record:
        discount = sum((entry["discount"] for entry in listed), ZERO)
        paid = sum((entry["amount"] for entry in listed), ZERO)
        fields |= {
            "payments_allocations_total_amount": paid,
            "payments_allocations_total_discount": discount,
            "total_paid": paid + discount,
            "last_paid": max((entry["date"] for entry in listed), default=None),
        }
    ledger.update(item.resource, item.stub["id"], at, **fields)


def _open_amounts(ledger: Ledger, item: OpenItem, sign: int) -> Record:
    status = "PAID" if not item.outstanding else "PART_PAID"
    if item.outstanding == item.total:
        status = "UNPAID"
    return {
        "outstanding_amount": sign * item.outstanding,
        "base_currency_outstanding_amount": sign * item.base_outstanding,
        "status": ledger.name("artefact_statuses", status),
    }


def _move_contact(ledger: Ledger, item: OpenItem, base_amount: Decimal, at: str) -> None:
    """A contact's balance is what a customer owes us or what we owe a supplier."""
    contact = ledger.collection("contacts").live[item.contact_id]
    ledger.update(
        "contacts", item.contact_id, at, balance=contact["balance"] + item.direction * base_amount
    )


def _list_unallocated(ledger: Ledger, item: OpenItem) -> None:
    unallocated = ledger.collection("unallocated_artefacts")
    if not item.outstanding:
        unallocated.remove(item.stub["id"])
    elif item.stub["id"] not in unallocated.live:
        unallocated.put(item.stub["id"], {**item.stub, "links": []})
