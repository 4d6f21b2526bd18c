"""Changes to books that exist: voiding, deleting, editing, each with all that follows from it."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from sage_sandbox.document_kinds import KINDS, Kind
from sage_sandbox.documents import legs_of, totals
from sage_sandbox.ledger import Ledger
from sage_sandbox.open_items import close_item, is_settled_in_part, open_item, unsettle
from sage_sandbox.records import ZERO
from sage_sandbox.store import Record

VOIDABLE = ("sales_invoices", "sales_credit_notes", "sales_corrective_invoices")
"""Where DELETE means void."""
_SHOWN = {
    "addresses": ("main_address", "delivery_address"),
    "contact_persons": ("main_contact_person",),
}
"""Where contacts and bank accounts show a record of its own whole."""
_SETTLING = ("contact_payments", "contact_allocations")


def void(ledger: Ledger, resource: str, record_id: str, reason: str | None, at: str) -> Record:
    """Void a sales document: it stays with its numbers, its entries are flagged deleted.

    Raises ValueError for another resource or a document that is paid in part.
    """
    if resource not in VOIDABLE:
        raise ValueError(f"{resource} cannot be voided, only {', '.join(VOIDABLE)}")
    _withdraw(ledger, resource, record_id, at)
    return ledger.update(
        resource,
        record_id,
        at,
        status=ledger.name("artefact_statuses", "VOID"),
        void_reason=reason,
        editable=False,
        outstanding_amount=ZERO,
        base_currency_outstanding_amount=ZERO,
    )


def delete(ledger: Ledger, resource: str, record_id: str, at: str) -> Record:
    """Move a record to the tombstones and take what it posted out of the books; give the record.

    A deleted payment or allocation gives back what it settled. Raises ValueError when something
    else settled the record (delete that first), or when records that stay refer to it.
    """
    _refuse_in_use(ledger, resource, record_id)
    if resource in _SETTLING:
        _unpay(ledger, resource, record_id, at)
    else:
        _withdraw(ledger, resource, record_id, at)
    return ledger.collection(resource).delete(record_id, at)


def change(
    ledger: Ledger, resource: str, record_id: str, fields: dict[str, Any], at: str
) -> Record:
    """Set attributes; a contact that shows the record (its address, its person) follows."""
    record = ledger.update(resource, record_id, at, **fields)
    for owner in ("contacts", "bank_accounts"):
        for shown in list(ledger.collection(owner)):
            for attribute in _SHOWN.get(resource, ()):
                if (shown.get(attribute) or {}).get("id") == record_id:
                    ledger.update(owner, shown["id"], at, **{attribute: record})
    return record


def drop_fields(
    ledger: Ledger, resource: str, record_id: str, names: Collection[str], at: str
) -> Record:
    """Take attributes away; those that it lacks are no error."""
    changed = ledger.update(resource, record_id, at)
    kept = {name: value for name, value in changed.items() if name not in names}
    ledger.collection(resource).put(record_id, kept)
    return kept


def undelete(ledger: Ledger, resource: str, record_id: str, at: str) -> Record:
    """Bring a deleted record back under its id; what it posted and settled stays out."""
    collection = ledger.collection(resource)
    record = {**collection.deleted.pop(record_id), "updated_at": at}
    record["deleted_at"] = None
    collection.put(record_id, record)
    return record


def change_document(
    ledger: Ledger,
    resource: str,
    record_id: str,
    at: str,
    *,
    drop_line: bool = False,
    fields: dict[str, Any] | None = None,
) -> Record:
    """Edit a document: header ``fields``, and its lines; give it as it is now.

    With ``drop_line`` the last line goes, and totals and entries follow (the old entries stay, flagged
    deleted). Otherwise the first line gets another description. Raises ValueError for a void document,
    and where a line is to go from a document with a single line, or with payments.
    """
    kind = KINDS[resource]
    record = ledger.collection(resource).live[record_id]
    if not record["editable"]:
        raise ValueError(f"{record['$path']} is {record['status']['id']} and stays as it is")
    lines = list(record[kind.lines])
    if drop_line:
        return _drop_line(ledger, kind, record, lines, at, fields or {})
    described = f"{lines[0]['description'].removesuffix(' (revised)')} (revised)"
    lines[0] = {**lines[0], "description": described, "displayed_as": described}
    return ledger.update(resource, record_id, at, **{kind.lines: lines}, **(fields or {}))


def _drop_line(
    ledger: Ledger,
    kind: Kind,
    record: Record,
    lines: list[Record],
    at: str,
    fields: dict[str, Any],
) -> Record:
    item = ledger.open_items.get(record["id"])
    if len(lines) < 2 or (item is not None and is_settled_in_part(item)):
        raise ValueError(
            f"{record['$path']} keeps its lines: it has {len(lines)}"
            f"{', and is paid in part' if item is not None and is_settled_in_part(item) else ''}"
        )
    changed = {**record, **fields, kind.lines: lines[:-1]}
    changed |= totals(changed, kind)
    if kind.direction:
        changed["outstanding_amount"] = changed["total_amount"]
        changed["base_currency_outstanding_amount"] = changed["base_currency_total_amount"]
    if item is not None:
        close_item(ledger, record["id"], at)
        ledger.repost(
            record["transaction"]["id"],
            legs_of(ledger, kind, changed),
            at,
            total=changed["base_currency_total_amount"],
            total_in_transaction_currency=changed["total_amount"],
        )
    result = ledger.update(kind.resource, record["id"], at, **changed)
    if item is not None:
        open_item(ledger, kind.resource, result, kind.side, kind.direction, at)
    return result


def _withdraw(ledger: Ledger, resource: str, record_id: str, at: str) -> None:
    """Take a record's open item and postings out of the books; one without them passes."""
    record = ledger.collection(resource).live[record_id]
    item = ledger.open_items.get(record_id)
    if item is not None:
        if is_settled_in_part(item):
            raise ValueError(
                f"{record['$path']} is paid in part: delete its payments and allocations first"
            )
        close_item(ledger, record_id, at)
    transaction = _transaction_of(ledger, resource, record)
    if transaction:
        ledger.unpost(transaction, at)


def _unpay(ledger: Ledger, resource: str, record_id: str, at: str) -> None:
    record = ledger.collection(resource).live[record_id]
    on_account = record.get("payment_on_account")
    if on_account is not None:
        item = ledger.open_items[on_account["id"]]
        if is_settled_in_part(item):
            raise ValueError(f"{record['$path']} was allocated later: delete the allocations first")
        close_item(ledger, on_account["id"], at)
    unsettle(ledger, record_id, at)
    if record["transaction"]:
        ledger.unpost(record["transaction"]["id"], at)


def _transaction_of(ledger: Ledger, resource: str, record: Record) -> str | None:
    if "transaction" in record:
        return record["transaction"]["id"] if record["transaction"] else None
    if resource == "ledger_account_opening_balances":
        for transaction in ledger.collection("transactions"):
            if transaction["origin"]["id"] == record["id"]:
                return str(transaction["id"])
    return None


def _refuse_in_use(ledger: Ledger, resource: str, record_id: str) -> None:
    used: object = None
    if resource == "contacts":
        used = next(
            (
                e
                for e in ledger.collection("transactions")
                if (e["contact"] or {}).get("id") == record_id
            ),
            None,
        )
    elif resource == "bank_accounts":
        account = ledger.collection(resource).live[record_id]["ledger_account"]["id"]
        used = ledger.balances.get(account, Decimal(0)) or None
    if used:
        raise ValueError(f"/{resource}/{record_id} is in use and stays")
