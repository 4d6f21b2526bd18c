"""Money that settles what contacts owe: payments, refunds, payments on account, allocations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sage_sandbox.banking import bank_account
from sage_sandbox.ledger import Ledger, Leg, OpenItem, Side
from sage_sandbox.lines import to_base
from sage_sandbox.open_items import ON_ACCOUNT, open_item, settle
from sage_sandbox.records import ZERO, hex_id, stub, stub_of
from sage_sandbox.reference import exchange_rate
from sage_sandbox.store import Record

_KIND = {
    ("sale", 1): "CUSTOMER_RECEIPT",
    ("sale", -1): "CUSTOMER_REFUND",
    ("purchase", 1): "VENDOR_PAYMENT",
    ("purchase", -1): "VENDOR_REFUND",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment to be written.

    ``pays`` has (item, amount, discount); all items have the payment's currency and direction.
    ``on_account`` is money beyond them. Amounts are in the payment's currency, ``exchange_rate`` is
    the day's.
    """

    side: Side
    contact: Record
    bank_account: Record
    day: str
    reference: str
    currency: str
    exchange_rate: Decimal
    pays: list[tuple[OpenItem, Decimal, Decimal]]
    on_account: Decimal = ZERO
    method: str = "ELECTRONIC"


def pay(ledger: Ledger, payment: Payment, at: str) -> Record:
    """Store and post a contact payment, settle what it pays; give its record.

    What the items lose in base currency and what the bank moves differ where the exchange rate did;
    the difference is an exchange gain or loss.
    """
    direction = payment.pays[0][0].direction if payment.pays else 1
    kind = _KIND[payment.side, direction]
    payment_id = ledger.new_id("contact_payments")
    total = sum((amount for _, amount, _ in payment.pays), payment.on_account)
    base_total = to_base(total, payment.exchange_rate)
    record: Record = {
        **stub("contact_payments", payment_id, payment.reference),
        "created_at": at,
        "updated_at": at,
        "links": [],
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "payment_method": ledger.name("payment_methods", payment.method),
        "contact": stub_of(payment.contact),
        "bank_account": stub_of(payment.bank_account),
        "date": payment.day,
        "net_amount": total,
        "tax_amount": ZERO,
        "total_amount": total,
        "currency": ledger.name("currencies", payment.currency),
        "exchange_rate": payment.exchange_rate,
        "base_currency_net_amount": base_total,
        "base_currency_tax_amount": ZERO,
        "base_currency_total_amount": base_total,
        "base_currency_currency_charge": ZERO,
        "reference": payment.reference,
        "allocated_artefacts": [
            {
                "id": hex_id(payment_id, n),
                "artefact": {**item.stub, "links": []},
                "amount": amount,
                "discount": discount,
            }
            for n, (item, amount, discount) in enumerate(payment.pays, 1)
        ],
        "tax_rate": None,
        "payment_on_account": None,
        "editable": True,
    }
    if payment.on_account:
        record["payment_on_account"] = _on_account(ledger, payment, record, at)
    source = allocation_source(record, payment=stub_of(record))
    relieved = to_base(payment.on_account, payment.exchange_rate)
    for item, amount, discount in payment.pays:
        relieved += settle(ledger, source, item, amount, discount, at).base_amount
    discount = to_base(sum((d for _, _, d in payment.pays), ZERO), payment.exchange_rate)
    record["transaction"] = ledger.post(
        kind,
        stub_of(record),
        _legs(ledger, payment, direction, (total, base_total, discount, relieved)),
        day=payment.day,
        at=at,
        reference=payment.reference,
        journal="bank",
        total=base_total,
        total_in_currency=total,
        contact=record["contact"],
        description=f"{payment.contact['name']} {payment.reference}",
    )
    return ledger.put("contact_payments", record)


def pay_items(
    ledger: Ledger,
    pays: list[tuple[OpenItem, Decimal, Decimal]],
    day: str,
    at: str,
    method: str = "ELECTRONIC",
) -> Record:
    """Pay items of one contact at the day's rate, from the account in their currency if there is one.

    ``pays`` as in :class:`Payment`; gives the payment's record.
    """
    item = pays[0][0]
    bank = bank_account(ledger, "bank")
    if item.currency != ledger.currency:
        foreign = bank_account(ledger, "foreign_bank")
        bank = foreign if foreign["currency"]["id"] == item.currency else bank
    payment = Payment(
        side=item.side,
        contact=ledger.collection("contacts").live[item.contact_id],
        bank_account=bank,
        day=day,
        reference=f"PAY-{ledger.number('PAY')}",
        currency=item.currency,
        exchange_rate=exchange_rate(ledger.currency, item.currency, day),
        pays=pays,
        method=method,
    )
    return pay(ledger, payment, at)


def allocate(
    ledger: Ledger,
    contact: Record,
    debit: OpenItem,
    credit: OpenItem,
    amount: Decimal,
    day: str,
    at: str,
) -> Record:
    """Set a credit note or payment on account off against an invoice; give the allocation.

    Amounts are positive on both sides. Nothing is posted, unless the two were booked at different
    exchange rates.
    """
    allocation_id = ledger.new_id("contact_allocations")
    sale = debit.side == "sale"
    kind = "CUSTOMER_ALLOCATION" if sale else "VENDOR_ALLOCATION"
    reference = f"ALLOC-{ledger.number('contact_allocations')}"
    record: Record = {
        **stub("contact_allocations", allocation_id, reference),
        "created_at": at,
        "updated_at": at,
        "links": [],
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "date": day,
        "contact": stub_of(contact),
        "allocated_artefacts": [
            {
                "id": hex_id(allocation_id, n),
                "artefact": {**item.stub, "links": []},
                "amount": amount,
            }
            for n, item in enumerate((debit, credit), 1)
        ],
    }
    source = allocation_source(record, allocation=stub_of(record))
    against_debit = {**source, "artefact": credit.stub}
    against_credit = {**source, "artefact": debit.stub}
    less_debit = settle(ledger, against_debit, debit, amount, ZERO, at).base_amount
    less_credit = settle(ledger, against_credit, credit, amount, ZERO, at).base_amount
    if less_debit != less_credit:
        difference = less_credit - less_debit if sale else less_debit - less_credit
        role = "exchange_loss" if difference < 0 else "exchange_gain"
        record["transaction"] = ledger.post(
            kind,
            stub_of(record),
            [
                Leg(ledger.account("receivable" if sale else "payable"), difference),
                Leg(ledger.account(role), -difference),
            ],
            day=day,
            at=at,
            reference=reference,
            journal="other",
            total=abs(difference),
            contact=record["contact"],
        )
    return ledger.put("contact_allocations", record)


def allocation_source(
    record: Record, payment: Record | None = None, allocation: Record | None = None
) -> Record:
    """Give the entry that a settled artefact shows, amounts still to be filled."""
    return {
        "links": [],
        "date": record["date"],
        "type": record["transaction_type"]["displayed_as"],
        "reference": record["displayed_as"],
        "amount": ZERO,
        "discount": ZERO,
        "stripe_transaction_id": None,
        "contact_allocation": allocation,
        "artefact": None,
        "contact_payment": payment,
        "displayed_as": record["displayed_as"],
        "negative_payment": record["transaction_type"]["id"].endswith("_REFUND"),
    }


def _legs(
    ledger: Ledger,
    payment: Payment,
    direction: int,
    amounts: tuple[Decimal, Decimal, Decimal, Decimal],
) -> list[Leg]:
    total, base_total, discount, relieved = amounts
    sale = payment.side == "sale"
    sign = direction if sale else -direction
    bank = payment.bank_account
    foreign = None if bank["currency"]["id"] == ledger.currency else sign * total
    difference = sign * (relieved - base_total - discount)
    return [
        Leg(bank["ledger_account"], sign * base_total, None, foreign),
        Leg(ledger.account("sales_discount" if sale else "purchase_discount"), sign * discount),
        Leg(ledger.account("exchange_loss" if difference > 0 else "exchange_gain"), difference),
        Leg(ledger.account("receivable" if sale else "payable"), -sign * relieved),
    ]


def _on_account(ledger: Ledger, payment: Payment, record: Record, at: str) -> Record:
    account_id = hex_id(record["id"], ON_ACCOUNT)
    base = to_base(payment.on_account, payment.exchange_rate)
    on_account: Record = {
        **stub(ON_ACCOUNT, account_id, f"{payment.reference} on account"),
        "created_at": at,
        "updated_at": at,
        "contact_name": payment.contact["name"],
        "contact_reference": payment.contact["reference"],
        "contact": record["contact"],
        "date": payment.day,
        "reference": payment.reference,
        "net_amount": payment.on_account,
        "tax_amount": ZERO,
        "total_amount": payment.on_account,
        "outstanding_amount": payment.on_account,
        "currency": record["currency"],
        "exchange_rate": payment.exchange_rate,
        "base_currency_net_amount": base,
        "base_currency_tax_amount": ZERO,
        "base_currency_total_amount": base,
        "base_currency_outstanding_amount": base,
        "status": ledger.name("artefact_statuses", "UNPAID"),
    }
    open_item(ledger, ON_ACCOUNT, on_account, payment.side, -1, at, payment_id=record["id"])
    return on_account
