"""What must hold in coherent books, checked from the records alone.

A broken tie is a value: each check gives one text per place where it is broken. None of them looks
at the ledger's own bookkeeping, so that generator and edits are held to what a reader sees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from sage_sandbox.document_kinds import KINDS
from sage_sandbox.records import LAST_DAY, ZERO
from sage_sandbox.store import Business, Record

_UNPOSTED = ("DRAFT", "VOID")
_CONTROLS = {
    "TRADE_DEBTORS": "receivable",
    "ACCOUNTS_RECEIVABLE": "receivable",
    "TRADE_CREDITORS": "payable",
    "ACCOUNTS_PAYABLE": "payable",
}
_QUICK = {"sales_quick_entries": 1, "purchase_quick_entries": -1}


def audit(business: Business) -> list[str]:
    """Give every broken tie of a business, each with the name of its check; none is right."""
    return [f"{name}: {broken}" for name, check in CHECKS.items() for broken in check(business)]


def transactions_sum_to_zero(business: Business) -> Iterator[str]:
    """Live and deleted entries each balance within their transaction, on its date."""
    sums: defaultdict[tuple[str, bool], Decimal] = defaultdict(Decimal)
    transactions = business.collections["transactions"].live
    for entry in business.collections["ledger_entries"]:
        transaction = transactions[entry["transaction"]["id"]]
        sums[transaction["id"], entry["deleted"]] += entry["debit"] - entry["credit"]
        if entry["date"] != transaction["date"]:
            yield f"{entry['$path']} is dated {entry['date']}, not {transaction['date']}"
        if transaction["deleted"] and not entry["deleted"]:
            yield f"{entry['$path']} outlives its transaction"
    yield from (f"/transactions/{key[0]} is off by {off}" for key, off in sums.items() if off)


def control_accounts_equal_open_items(business: Business) -> Iterator[str]:
    """Trade debtors and creditors carry what invoices, credits and payments leave open."""
    balances = _balances(business)
    open_items: defaultdict[str, Decimal] = defaultdict(Decimal)
    for role, _, amount in _open_items(business):
        open_items[role] += amount
    for account in business.collections["ledger_accounts"]:
        control = _CONTROLS.get(account["control_name"] or "")
        if control and balances[account["id"]] != open_items[control]:
            yield f"{account['name']} is {balances[account['id']]}, open: {open_items[control]}"


def contact_balances_equal_open_items(business: Business) -> Iterator[str]:
    """A customer's balance is what it owes, a supplier's what we owe it."""
    owed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for role, contact_id, amount in _open_items(business):
        owed[contact_id] += amount if role == "receivable" else -amount
    for contact in business.collections["contacts"]:
        if contact["balance"] != owed[contact["id"]]:
            yield f"{contact['$path']} shows {contact['balance']}, owes {owed[contact['id']]}"


def bank_balances_equal_entries(business: Business) -> Iterator[str]:
    """A base-currency account shows its ledger balance, a foreign one its payments' sum."""
    balances = _balances(business)
    base = business.collections["financial_settings"].live["singleton"]["base_currency"]["id"]
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    for payment in business.collections["contact_payments"]:
        moved[payment["bank_account"]["id"]] += _into_bank(payment) * payment["total_amount"]
    for bank in business.collections["bank_accounts"]:
        expected = balances[bank["ledger_account"]["id"]]
        if bank["currency"]["id"] != base:
            expected = moved[bank["id"]]
        if bank["balance"] != expected:
            yield f"{bank['$path']} shows {bank['balance']}, entries say {expected}"


def documents_equal_their_lines(business: Business) -> Iterator[str]:
    """Header totals are lines plus shipping, in both currencies, as is the tax analysis."""
    for resource, kind in KINDS.items():
        for record in _records(business, resource):
            for prefix in ("", "base_currency_"):
                for part in ("net_amount", "tax_amount", "total_amount"):
                    total = sum((line[prefix + part] for line in record[kind.lines]), ZERO)
                    total += record.get(f"{prefix}shipping_{part}", ZERO)
                    if record[prefix + part] != total:
                        yield f"{record['$path']} {prefix}{part} is not {total}"
            if (
                sum((row["total_amount"] for row in record["tax_analysis"]), ZERO)
                != (record["total_amount"])
            ):
                yield f"{record['$path']} tax_analysis does not sum to its total"
            for line in record[kind.lines]:
                if line["net_amount"] + line["tax_amount"] != line["total_amount"]:
                    yield f"{record['$path']} line {line['id']} does not add up"
                if sum((p["amount"] for p in line["tax_breakdown"]), ZERO) != line["tax_amount"]:
                    yield f"{record['$path']} line {line['id']} breakdown is not its tax"


def outstanding_follows_from_allocations(business: Business) -> Iterator[str]:
    """An artefact leaves open what payments and allocations do not take; never less than nothing."""
    taken = _taken(business)
    for record in _artefacts(business):
        status = record["status"]["id"]
        if status in _UNPOSTED:
            if taken[record["id"]]:
                yield f"{record['$path']} is {status} and paid"
            continue
        left = abs(record["total_amount"]) - taken[record["id"]]
        if left < 0 or abs(record["outstanding_amount"]) != left:
            yield f"{record['$path']} shows {record['outstanding_amount']} open, not {left}"
        expected = "PAID" if not left else "PART_PAID" if taken[record["id"]] else "UNPAID"
        if status != expected:
            yield f"{record['$path']} is {status}, not {expected}"
        if "payments_allocations" in record:
            shown = sum((e["amount"] + e["discount"] for e in record["payments_allocations"]), ZERO)
            if shown != taken[record["id"]]:
                yield f"{record['$path']} lists {shown} as paid, not {taken[record['id']]}"


def payments_are_spent(business: Business) -> Iterator[str]:
    """A payment is what it allocates plus what it leaves on account."""
    for payment in business.collections["contact_payments"]:
        spent = sum((a["amount"] for a in payment["allocated_artefacts"]), ZERO)
        if payment["payment_on_account"]:
            spent += payment["payment_on_account"]["total_amount"]
        if spent != payment["total_amount"]:
            yield f"{payment['$path']} of {payment['total_amount']} spends {spent}"


def documents_equal_their_postings(business: Business) -> Iterator[str]:
    """A posted document moves its control account by its base total; others post nothing live."""
    control: defaultdict[str, Decimal] = defaultdict(Decimal)
    controls = {
        account["id"]
        for account in business.collections["ledger_accounts"]
        if account["control_name"] in _CONTROLS
    }
    for entry in business.collections["ledger_entries"]:
        if not entry["deleted"] and entry["ledger_account"]["id"] in controls:
            control[entry["transaction"]["id"]] += entry["debit"] - entry["credit"]
    for record, sign, posted in _signed_documents(business):
        transaction = (record["transaction"] or {}).get("id", "")
        expected = sign * record["base_currency_total_amount"] if posted else ZERO
        if control[transaction] != expected or (posted and not transaction):
            yield f"{record['$path']} posted {control[transaction]}, not {expected}"


def tax_accounts_equal_tax_charged(business: Business) -> Iterator[str]:
    """The tax accounts carry sales tax less purchase tax of everything posted."""
    balances = _balances(business)
    charged = ZERO
    for record, sign, posted in _signed_documents(business):
        if posted:
            charged += sign * record["base_currency_tax_amount"]
    for payment in business.collections["other_payments"]:
        receipt = payment["transaction_type"]["id"] == "OTHER_RECEIPT"
        charged += payment["tax_amount"] if receipt else -payment["tax_amount"]
    names = ("VAT_ON_", "TAX_ON_", "SALES_TAX_", "GST_", "PST_", "QST_")
    booked = sum(
        (
            balances[account["id"]]
            for account in business.collections["ledger_accounts"]
            if (account["control_name"] or "").startswith(names)
        ),
        ZERO,
    )
    if booked != -charged:
        yield f"tax accounts carry {-booked}, documents {charged}"


def suspense_is_empty(business: Business) -> Iterator[str]:
    """The opening balances came in whole."""
    balances = _balances(business)
    for account in business.collections["ledger_accounts"]:
        if account["control_name"] == "SUSPENSE" and balances[account["id"]]:
            yield f"suspense carries {balances[account['id']]}"


def unallocated_artefacts_are_the_open_ones(business: Business) -> Iterator[str]:
    """The derived list names each artefact that is open, and no other."""
    taken = _taken(business)
    expected = {
        record["id"]
        for record in _artefacts(business)
        if record["outstanding_amount"] and record["status"]["id"] not in _UNPOSTED
    }
    for balance in business.collections["contact_opening_balances"]:
        if balance["total_amount"] != taken[balance["id"]]:
            expected.add(balance["id"])
    listed = set(business.collections["unallocated_artefacts"].live)
    yield from (f"{key} is missing" for key in sorted(expected - listed))
    yield from (f"{key} is not open" for key in sorted(listed - expected))


def stock_equals_movements(business: Business) -> Iterator[str]:
    """A stock item holds what its movements sum to."""
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    for movement in business.collections["stock_movements"]:
        moved[movement["stock_item"]["id"]] += movement["quantity"]
    for item in business.collections["stock_items"]:
        if item["quantity_in_stock"] != moved[item["id"]]:
            yield f"{item['$path']} holds {item['quantity_in_stock']}, moved {moved[item['id']]}"


def pointers_lead_somewhere(business: Business) -> Iterator[str]:
    """Each stub names a record of its collection, live or deleted, by the same id."""
    for collection in business.collections.values():
        for record in collection:
            for pointer in _pointers(record):
                _, resource, key = pointer["$path"].split("/")
                target = business.collections.get(resource)
                if target is None or resource == collection.name:
                    continue
                if key not in target.live and key not in target.deleted:
                    yield f"{collection.name} {record.get('id')} points to {pointer['$path']}"


def times_are_in_order(business: Business) -> Iterator[str]:
    """No record was changed before it was made, or made after the books' last day."""
    for collection in business.collections.values():
        for record in collection:
            made, changed = record.get("created_at"), record.get("updated_at")
            if made and changed and made > changed:
                yield f"{collection.name} {record.get('id')}: {made} after {changed}"


def generated_by_the_last_day(business: Business) -> Iterator[str]:
    """Freshly generated books know nothing of later days (edits may)."""
    end = f"{LAST_DAY.isoformat()}T23:59:59Z"
    for collection in business.collections.values():
        for record in (*collection, *collection.deleted.values()):
            if (record.get("updated_at") or "") > end or (record.get("date") or "") > end:
                yield f"{collection.name} {record.get('id')} is later than {end}"


CHECKS: dict[str, Callable[[Business], Iterable[str]]] = {
    check.__name__: check
    for check in (
        transactions_sum_to_zero,
        control_accounts_equal_open_items,
        contact_balances_equal_open_items,
        bank_balances_equal_entries,
        documents_equal_their_lines,
        outstanding_follows_from_allocations,
        payments_are_spent,
        documents_equal_their_postings,
        tax_accounts_equal_tax_charged,
        suspense_is_empty,
        unallocated_artefacts_are_the_open_ones,
        stock_equals_movements,
        pointers_lead_somewhere,
        times_are_in_order,
    )
}
"""What holds at any time, by name."""


def _records(business: Business, resource: str) -> Iterator[Record]:
    collection = business.collections.get(resource)
    yield from collection or ()


def _balances(business: Business) -> defaultdict[str, Decimal]:
    balances: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in business.collections["ledger_entries"]:
        if not entry["deleted"]:
            balances[entry["ledger_account"]["id"]] += entry["debit"] - entry["credit"]
    return balances


def _artefacts(business: Business) -> Iterator[Record]:
    """Everything that shows an outstanding amount."""
    for resource, kind in KINDS.items():
        if kind.direction:
            yield from _records(business, resource)
    for resource in _QUICK:
        yield from _records(business, resource)
    for payment in business.collections["contact_payments"]:
        if payment["payment_on_account"]:
            yield payment["payment_on_account"]


def _taken(business: Business) -> defaultdict[str, Decimal]:
    """What payments and allocations took, by artefact."""
    taken: defaultdict[str, Decimal] = defaultdict(Decimal)
    for resource in ("contact_payments", "contact_allocations"):
        for record in business.collections[resource]:
            for allocated in record["allocated_artefacts"]:
                taken[allocated["artefact"]["id"]] += allocated["amount"]
                taken[allocated["artefact"]["id"]] += allocated.get("discount", ZERO)
    return taken


def _signed_documents(business: Business) -> Iterator[tuple[Record, int, bool]]:
    """(record, sign, posted) of documents and quick entries.

    The sign is that of the control account's entry and of net tax: a sale +1, its credit note -1.
    """
    for resource, kind in KINDS.items():
        side = 1 if kind.side == "sale" else -1
        if kind.direction:
            for record in _records(business, resource):
                posted = record["status"]["id"] not in _UNPOSTED
                yield record, side * kind.direction, posted
    for resource, side in _QUICK.items():
        for record in _records(business, resource):
            credit = record["quick_entry_type"]["id"] == "CREDIT_NOTE"
            yield record, -side if credit else side, True


def _open_items(business: Business) -> Iterator[tuple[str, str, Decimal]]:
    """(control account, contact id, base amount, debit positive) of whatever is open."""
    for record, sign, posted in _signed_documents(business):
        role = "receivable" if record["$path"].startswith("/sales") else "payable"
        if posted:
            open_amount = record["base_currency_outstanding_amount"]
            yield role, record["contact"]["id"], sign * open_amount
    for payment in business.collections["contact_payments"]:
        on_account = payment["payment_on_account"]
        if on_account:
            sale = payment["transaction_type"]["id"].startswith("CUSTOMER")
            amount = on_account["base_currency_outstanding_amount"]
            role = "receivable" if sale else "payable"
            yield role, payment["contact"]["id"], -amount if sale else amount
    taken = _taken(business)
    for balance in business.collections["contact_opening_balances"]:
        sale = balance["transaction_type"]["id"].startswith("CUSTOMER")
        credit = balance["contact_opening_balance_type"]["id"] == "CREDIT_NOTE"
        amount = balance["total_amount"] - taken[balance["id"]]
        role = "receivable" if sale else "payable"
        yield role, balance["contact"]["id"], amount if sale != credit else -amount


def _into_bank(payment: Record) -> int:
    return 1 if payment["transaction_type"]["id"] in ("CUSTOMER_RECEIPT", "VENDOR_REFUND") else -1


def _pointers(value: object) -> Iterator[Record]:
    """Stubs anywhere in a record (its own attributes are no pointer)."""
    if isinstance(value, dict):
        for part in value.values():
            if isinstance(part, dict) and "$path" in part and "id" in part:
                yield part
            yield from _pointers(part)
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict) and "$path" in part and "id" in part:
                yield part
            yield from _pointers(part)
