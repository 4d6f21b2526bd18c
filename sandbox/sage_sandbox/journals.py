"""Journals."""

from __future__ import annotations

from decimal import Decimal

from sage_sandbox.ledger import Ledger, Leg
from sage_sandbox.records import ZERO, hex_id, stub, stub_of
from sage_sandbox.store import Record


def journal(
    ledger: Ledger,
    reference: str,
    description: str,
    amounts: list[tuple[Record, Decimal]],
    day: str,
    at: str,
) -> Record:
    """Store and post a journal of (account, amount), debit positive."""
    journal_id = ledger.new_id("journals")
    total = sum((amount for _, amount in amounts if amount > 0), ZERO)
    record: Record = {
        **stub("journals", journal_id, reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", "JOURNAL"),
        "deleted_at": None,
        "date": day,
        "reference": reference,
        "description": description,
        "total": total,
        "journal_code": ledger.journal_codes.get("other"),
        "journal_lines": [
            {
                **journal_line(journal_id, n, account, description, amount),
                "analysis_type_categories": [],
                "include_on_tax_return": False,
                "tax_reconciled": False,
                "cleared": False,
                "bank_reconciled": False,
                "journal_line_foreign_currency": None,
            }
            for n, (account, amount) in enumerate(amounts, 1)
        ],
        "migrated": False,
    }
    record["transaction"] = ledger.post(
        "JOURNAL",
        stub_of(record),
        [Leg(account, amount) for account, amount in amounts],
        day=day,
        at=at,
        reference=reference,
        journal="other",
        total=total,
        description=description,
    )
    return ledger.put("journals", record)


def journal_line(
    journal_id: str, position: int, account: Record, details: str, amount: Decimal
) -> Record:
    """Give a line of a journal, as opening balance journals have it too."""
    return {
        "id": hex_id(journal_id, position),
        "ledger_account": account,
        "details": details,
        "debit": max(amount, ZERO),
        "credit": max(-amount, ZERO),
    }
