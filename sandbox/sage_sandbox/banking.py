"""Bank accounts and what moves between them; other receipts and payments; reconciliations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from sage_sandbox.ledger import Ledger, Leg
from sage_sandbox.lines import Terms, breakdown
from sage_sandbox.records import ZERO, hex_id, month_end, stub, stub_of
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate

_ACCOUNT_TYPES = {
    "bank": "CHECKING",
    "savings": "SAVINGS",
    "foreign_bank": "CHECKING",
    "cash": "CASH_IN_HAND",
    "credit_card": "CREDIT_CARD",
}


def add_bank_account(
    ledger: Ledger, role: str, currency: str, address: Record | None, at: str
) -> Record:
    """Store the bank account of a ledger role; give its record."""
    account = ledger.account(role)
    bank_id = ledger.new_id("bank_accounts")
    digits = f"{int(bank_id[:12], 16) % 10**8:08d}"
    country = ledger.business.country
    at_bank = role not in ("cash", "credit_card")
    chart = ledger.collection("ledger_accounts").live[account["id"]]
    record: Record = {
        **stub("bank_accounts", bank_id, account["displayed_as"]),
        "created_at": at,
        "updated_at": at,
        "deleted_at": None,
        "bank_account_details": {
            "account_name": chart["name"],
            "account_number": digits if at_bank else None,
            "sort_code": "40-00-00" if at_bank and country in ("GB", "IE") else None,
            "bic": f"SNDB{country}2X" if at_bank and country not in ("US", "CA") else None,
            "iban": f"{country}00SNDB{digits}" if at_bank and country not in ("US", "CA") else None,
        },
        "ledger_account": account,
        "bank_account_type": ledger.name("bank_account_types", _ACCOUNT_TYPES[role]),
        "balance": ZERO,
        "main_address": address,
        "main_contact_person": None,
        "nominal_code": chart["nominal_code"],
        "editable": True,
        "deletable": False,
        "journal_code": ledger.journal_codes.get("bank"),
        "default_payment_method": ledger.name("payment_methods", "ELECTRONIC"),
        "gifi_code": chart["gifi_code"],
        "is_active": True,
        "currency": ledger.name("currencies", currency),
    }
    ledger.bank_of[account["id"]] = bank_id
    return ledger.put("bank_accounts", record)


def bank_account(ledger: Ledger, role: str) -> Record:
    """Give the bank account of a ledger role as it stands."""
    return ledger.collection("bank_accounts").live[ledger.bank_of[ledger.account(role)["id"]]]


def move(
    ledger: Ledger,
    resource: Literal["bank_transfers", "bank_deposits"],
    source: Record,
    target: Record,
    amount: Decimal,
    day: str,
    at: str,
) -> Record:
    """Store and post a transfer, or a deposit of cash and cheques; both accounts in base currency."""
    move_id = ledger.new_id(resource)
    transfer = resource == "bank_transfers"
    kind = "BANK_TRANSFER" if transfer else "BANK_DEPOSIT"
    reference = f"{'TRF' if transfer else 'DEP'}-{ledger.number(resource)}"
    record: Record = {
        **stub(resource, move_id, reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "from_bank_account": stub_of(source),
        "to_bank_account": stub_of(target),
        "date": day,
        "reference": reference,
    }
    if transfer:
        record["amount"] = amount
        record["description"] = f"{source['displayed_as']} to {target['displayed_as']}"
    else:
        cheques = (amount / 4).quantize(Decimal(1)) + ZERO
        record |= {
            "cash_amount": amount - cheques,
            "cheque_amount": cheques,
            "total_amount": amount,
        }
    record["transaction"] = ledger.post(
        kind,
        stub_of(record),
        [Leg(target["ledger_account"], amount), Leg(source["ledger_account"], -amount)],
        day=day,
        at=at,
        reference=reference,
        journal="bank",
        total=amount,
    )
    return ledger.put(resource, record)


@dataclass(frozen=True, slots=True)
class OtherLine:
    """One line of an other payment or receipt, in base currency."""

    account: Record
    details: str
    net: Decimal
    rate: Rate


def other_payment(
    ledger: Ledger,
    kind: Literal["OTHER_PAYMENT", "OTHER_RECEIPT"],
    bank: Record,
    lines: list[OtherLine],
    day: str,
    at: str,
    contact: Record | None = None,
    method: str = "ELECTRONIC",
) -> Record:
    """Store and post money paid or received without an invoice, on a base-currency account."""
    payment_id = ledger.new_id("other_payments")
    receipt = kind == "OTHER_RECEIPT"
    reference = f"{'OR' if receipt else 'OP'}-{ledger.number(kind)}"
    terms = Terms(payment_id, day, Decimal(1), False, False)
    canadian = ledger.business.country == "CA"
    records = [_other_line(line, terms, n, canadian) for n, line in enumerate(lines, 1)]
    net = sum((line["net_amount"] for line in records), ZERO)
    tax = sum((line["tax_amount"] for line in records), ZERO)
    input_tax = tax if canadian and not receipt else None
    record: Record = {
        **stub("other_payments", payment_id, reference),
        "created_at": at,
        "updated_at": at,
        "transaction": None,
        "transaction_type": ledger.name("transaction_types", kind),
        "deleted_at": None,
        "base_currency_total_itc_amount": input_tax,
        "total_itc_amount": input_tax,
        "base_currency_total_itr_amount": None,
        "total_itr_amount": None,
        "part_recoverable": False if canadian else None,
        "payment_method": ledger.name("payment_methods", method),
        "contact": stub_of(contact) if contact else None,
        "bank_account": stub_of(bank),
        "tax_address_region": ledger.home_region(),
        "date": day,
        "net_amount": net,
        "tax_amount": tax,
        "total_amount": net + tax,
        "reference": reference,
        "payment_lines": records,
        "editable": True,
        "deletable": True,
        "withholding_tax_rate": None,
        "withholding_tax_amount": None,
    }
    record["transaction"] = ledger.post(
        kind,
        stub_of(record),
        _other_legs(ledger, bank, records, receipt),
        day=day,
        at=at,
        reference=reference,
        journal="bank",
        total=net + tax,
        contact=record["contact"],
        description=lines[0].details,
    )
    return ledger.put("other_payments", record)


def reconcile(ledger: Ledger, bank: Record) -> None:
    """Store a finished reconciliation for each month in which the account moved."""
    account_id = bank["ledger_account"]["id"]
    months: dict[str, list[Decimal]] = {}
    for entry in ledger.collection("ledger_entries"):
        if entry["ledger_account"]["id"] == account_id and not entry["deleted"]:
            sums = months.setdefault(entry["date"][:7], [ZERO, ZERO])
            sums[0] += entry["debit"]
            sums[1] += entry["credit"]
    starting = ZERO
    for month, (received, paid) in sorted(months.items()):
        closing = starting + received - paid
        last = month_end(date.fromisoformat(f"{month}-01")).isoformat()
        at = f"{last}T19:00:00Z"
        reconciliation_id = ledger.new_id("bank_reconciliations")
        record = {
            **stub("bank_reconciliations", reconciliation_id, f"{bank['displayed_as']} {last}"),
            "created_at": at,
            "updated_at": at,
            "bank_account": stub_of(bank),
            "statement_date": last,
            "statement_end_balance": closing,
            "reference": f"STMT-{month}",
            "total_received": received,
            "total_paid": paid,
            "starting_balance": starting,
            "closing_balance": closing,
            "reconciled_balance": closing,
            "balance_difference": ZERO,
            "status": {"id": "FINISHED", "displayed_as": "Finished"},
        }
        ledger.put("bank_reconciliations", record)
        starting = closing


def _other_line(line: OtherLine, terms: Terms, position: int, canadian: bool) -> Record:
    parts, tax = breakdown(line.rate, line.net, terms)
    return {
        "id": hex_id(terms.document_id, position),
        "displayed_as": line.details,
        "analysis_type_categories": [],
        "ledger_account": line.account,
        "details": line.details,
        "tax_rate": line.rate.stub,
        "net_amount": line.net,
        "tax_amount": tax,
        "total_amount": line.net + tax,
        "tax_breakdown": parts,
        "is_purchase_for_resale": None,
        "trade_of_asset": False,
        "gst_amount": parts[0]["amount"] if canadian else None,
        "pst_amount": tax - parts[0]["amount"] if canadian else None,
        "tax_recoverable": True if canadian else None,
    }


def _other_legs(ledger: Ledger, bank: Record, lines: list[Record], receipt: bool) -> list[Leg]:
    sign = 1 if receipt else -1
    side = "sales" if receipt else "purchases"
    legs = [Leg(bank["ledger_account"], sign * sum((x["total_amount"] for x in lines), ZERO))]
    for line in lines:
        legs.append(Leg(line["ledger_account"], -sign * line["net_amount"], line["tax_rate"]))
        for part in line["tax_breakdown"]:
            suffix = ledger.rate_of[part["tax_rate"]["id"]].account
            account = ledger.account(f"tax_on_{side}{suffix}")
            legs.append(Leg(account, -sign * part["amount"], part["tax_rate"]))
    return legs
