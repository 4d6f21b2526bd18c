"""The opening balances that bring the old books into the new; suspense ends at zero."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sage_sandbox.banking import bank_account
from sage_sandbox.items import move_stock
from sage_sandbox.journals import journal_line
from sage_sandbox.ledger import Ledger, Leg, Side
from sage_sandbox.open_items import open_item
from sage_sandbox.records import FIRST_DAY, ZERO, stub, stub_of
from sage_sandbox.store import Record


def open_books(ledger: Ledger, customers: list[Record], suppliers: list[Record], size: int) -> None:
    """Post the opening balances, dated the day before the books start."""
    day, at = (FIRST_DAY - timedelta(days=1)).isoformat(), f"{FIRST_DAY.isoformat()}T07:00:00Z"
    open_bank(ledger, bank_account(ledger, "bank"), Decimal(20000 + 40 * size), day, at)
    open_bank(ledger, bank_account(ledger, "savings"), Decimal(15000), day, at)
    open_bank(ledger, bank_account(ledger, "credit_card"), Decimal("-640.25"), day, at)
    for role, amount in (
        ("fixed_asset", "42000"),
        ("accumulated_depreciation", "-9500"),
        ("stock", "18250.40"),
        ("loan", "-25000"),
    ):
        open_account(ledger, ledger.account(role), Decimal(amount), day, at)
    for number, contact in enumerate([*customers[:4], *suppliers[:4]]):
        if contact["currency"]["id"] == ledger.currency:
            total = Decimal(310 + 85 * number) + Decimal("0.45")
            open_contact(ledger, contact, total, number % 4 == 3, day, at)
    suspense = ledger.account("suspense")
    capital = Decimal(-10000)
    opening_journal(
        ledger,
        [
            (ledger.account("capital"), capital),
            (ledger.account("retained_earnings"), ledger.balance("suspense") - capital),
            (suspense, -ledger.balance("suspense")),
        ],
        day,
        at,
    )
    for number, item in enumerate(list(ledger.collection("stock_items"))):
        move_stock(ledger, item["id"], Decimal(120 + 30 * number), "Opening stock", day, at)


def open_bank(ledger: Ledger, bank: Record, amount: Decimal, day: str, at: str) -> Record:
    """Store and post a bank account's opening balance against the suspense account."""
    balance_id = ledger.new_id("bank_opening_balances")
    kind = "BANK_OPENING_BALANCE"
    record: Record = {
        **stub("bank_opening_balances", balance_id, f"{bank['displayed_as']} opening balance"),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "bank_account": stub_of(bank),
        "date": day,
        "debit": max(amount, ZERO),
        "credit": max(-amount, ZERO),
    }
    record["transaction"] = _post_opening(
        ledger, kind, record, [(bank["ledger_account"], amount)], day, at
    )
    return ledger.put("bank_opening_balances", record)


def open_account(ledger: Ledger, account: Record, amount: Decimal, day: str, at: str) -> Record:
    """Store and post a ledger account's opening balance against the suspense account.

    Its model has neither date nor transaction; the entries do.
    """
    balance_id = ledger.new_id("ledger_account_opening_balances")
    details = f"{account['displayed_as']} opening balance"
    record: Record = {
        **stub("ledger_account_opening_balances", balance_id, details),
        "created_at": at,
        "updated_at": at,
        "ledger_account": account,
        "details": details,
        "debit": max(amount, ZERO),
        "credit": max(-amount, ZERO),
    }
    _post_opening(ledger, "LEDGER_ACCOUNT_OPENING_BALANCE", record, [(account, amount)], day, at)
    return ledger.put("ledger_account_opening_balances", record)


def open_contact(
    ledger: Ledger, contact: Record, total: Decimal, credit_note: bool, day: str, at: str
) -> Record:
    """Store and post an old invoice or credit note of a contact, tax already declared."""
    balance_id = ledger.new_id("contact_opening_balances")
    sale = contact["contact_types"][0]["id"] == "CUSTOMER"
    kind = "CUSTOMER_OPENING_BALANCE" if sale else "VENDOR_OPENING_BALANCE"
    direction = -1 if credit_note else 1
    reference = f"OB-{ledger.number('contact_opening_balances')}"
    record: Record = {
        **stub("contact_opening_balances", balance_id, reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "contact_opening_balance_type": ledger.name(
            "contact_opening_balance_types", "CREDIT_NOTE" if credit_note else "INVOICE"
        ),
        "contact": stub_of(contact),
        "date": day,
        "reference": reference,
        "details": f"{contact['name']} opening balance",
        "net_amount": total,
        "tax_rate": ledger.rates["no_tax"].stub,
        "tax_amount": ZERO,
        "tax_breakdown": [],
        "total_amount": total,
        "currency": ledger.name("currencies", ledger.currency),
        "exchange_rate": Decimal(1),
        "base_currency_net_amount": total,
        "base_currency_tax_amount": ZERO,
        "base_currency_tax_breakdown": [],
        "base_currency_total_amount": total,
    }
    control = ledger.account("receivable" if sale else "payable")
    signed = direction * total if sale else -direction * total
    record["transaction"] = _post_opening(ledger, kind, record, [(control, signed)], day, at)
    ledger.put("contact_opening_balances", record)
    side: Side = "sale" if sale else "purchase"
    open_item(ledger, "contact_opening_balances", record, side, direction, at)
    return record


def opening_journal(
    ledger: Ledger, amounts: list[tuple[Record, Decimal]], day: str, at: str
) -> Record:
    """Store and post an opening balance journal; its lines must sum to zero."""
    journal_id = ledger.new_id("opening_balance_journals")
    reference = f"OBJ-{ledger.number('opening_balance_journals')}"
    kind = "OPENING_BALANCE_JOURNAL"
    record: Record = {
        **stub("opening_balance_journals", journal_id, reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "date": day,
        "reference": reference,
        "journal_lines": [
            journal_line(journal_id, n, account, "Opening balance", amount)
            for n, (account, amount) in enumerate(amounts, 1)
        ],
    }
    record["transaction"] = ledger.post(
        kind,
        stub_of(record),
        [Leg(account, amount) for account, amount in amounts],
        day=day,
        at=at,
        reference=reference,
        journal="opening",
        total=sum((amount for _, amount in amounts if amount > 0), ZERO),
    )
    return ledger.put("opening_balance_journals", record)


def _post_opening(
    ledger: Ledger,
    kind: str,
    record: Record,
    amounts: list[tuple[Record, Decimal]],
    day: str,
    at: str,
) -> Record:
    """Post against the suspense account, which the last opening journal brings back to zero."""
    total = sum((amount for _, amount in amounts), ZERO)
    return ledger.post(
        kind,
        stub_of(record),
        [
            *(Leg(account, amount) for account, amount in amounts),
            Leg(ledger.account("suspense"), -total),
        ],
        day=day,
        at=at,
        reference=record["displayed_as"],
        journal="opening",
        total=abs(total),
        contact=record.get("contact"),
    )
