"""POST, PUT and DELETE, through the books.

What posts something or computes totals is booked; any other record is stored as it is sent, with its
references resolved.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from sage_sandbox.answers import Answer, Call, invalid, not_allowed, not_found
from sage_sandbox.bodies import fields_of, require, resolved
from sage_sandbox.books import Books
from sage_sandbox.collections import Endpoint
from sage_sandbox.document_kinds import KINDS
from sage_sandbox.intake import POSTABLE, InvalidBodyError
from sage_sandbox.records import inverse
from sage_sandbox.state import SandboxState, now
from sage_sandbox.store import Business, Record
from sage_sandbox.wire import record_bytes

IDEMPOTENCY_ID = "idempotency_id"


def written(
    state: SandboxState, business: Business, endpoint: Endpoint, key: str | None, call: Call
) -> Answer:
    """Carry out a write on a collection (``key`` None) or a record of it."""
    books = state.books[business.id]
    if call.method == "POST" and key is None and endpoint.post_namespace:
        return _once(state, books, endpoint, endpoint.post_namespace, None, call)
    if call.method == "PUT" and endpoint.put_namespace:
        if endpoint.kind == "singleton":
            key = next(iter(business.collections[endpoint.name].live), None)
        if key is not None:
            return _once(state, books, endpoint, endpoint.put_namespace, key, call)
    if call.method == "DELETE" and key is not None and endpoint.deletion:
        return _deleted(state, books, endpoint, key, call)
    raise not_allowed(call.method)


def _once(
    state: SandboxState,
    books: Books,
    endpoint: Endpoint,
    namespace: str,
    key: str | None,
    call: Call,
) -> Answer:
    """Store what the body says, or give the first answer again when it was sent before."""
    fields = fields_of(call.body, namespace)
    business_id = books.business.id
    idempotency_id = str(fields.pop(IDEMPOTENCY_ID, "") or "") if endpoint.idempotent else ""
    if idempotency_id:
        first = state.replays.answer(business_id, idempotency_id, call)
        if first is not None:
            return first
    if key is None:
        require(endpoint, fields)
        answer = Answer(201, record_bytes(_created(books, endpoint, fields), state.style))
    else:
        record = _changed(books, endpoint, key, _resolved(books.business, fields))
        answer = Answer(200, record_bytes(record, state.style))
    if idempotency_id:
        state.replays.remember(business_id, idempotency_id, call, answer)
    return answer


def _created(books: Books, endpoint: Endpoint, fields: Record) -> Record:
    if endpoint.name == "business_exchange_rates":
        return _exchange_rate(books, fields)
    if endpoint.name not in POSTABLE:
        return books.add(endpoint.name, _resolved(books.business, fields), at=now())
    try:
        return books.create(endpoint.name, fields, at=now())
    except InvalidBodyError as error:
        raise invalid(error.message, error.source) from None


def _exchange_rate(books: Books, fields: Record) -> Record:
    """A rate has no id: it is that of its currency, and another one replaces it."""
    record = _resolved(books.business, fields)
    try:
        rate = Decimal(str(record["rate"]))
        currency = record["currency"]
    except (KeyError, InvalidOperation):
        raise invalid("This field is not a number.", "rate") from None
    if not rate.is_finite() or rate <= 0:
        raise invalid("This field is not above 0.", "rate")
    at = now()
    base = books.business.collections["financial_settings"].live["singleton"]["base_currency"]
    stored = {
        "displayed_as": currency["displayed_as"],
        "$path": f"/business_exchange_rates/{currency['id']}",
        "rate": rate,
        "inverse_rate": inverse(rate),
        "currency": currency,
        "base_currency": base,
        "created_at": at,
        "updated_at": at,
    }
    books.business.collections["business_exchange_rates"].put(currency["id"], stored)
    return stored


def _resolved(business: Business, fields: Record) -> Record:
    try:
        record: Record = resolved(business, fields)
    except TypeError:  # an object or list where an id must stand
        raise invalid("A reference has the wrong type.", "base") from None
    return record


def _changed(books: Books, endpoint: Endpoint, key: str, fields: Record) -> Record:
    held = books.business.collections[endpoint.name]
    if key not in held.live:
        raise not_found(f"{endpoint.name} {key}")
    if endpoint.name in KINDS and KINDS[endpoint.name].lines in fields:
        # stored as sent, they would contradict totals and ledger
        raise invalid("The sandbox changes headers only.", KINDS[endpoint.name].lines)
    if "id" in held.live[key]:
        return books.change(endpoint.name, key, fields, at=now())
    record = {**held.live[key], **fields}
    if "updated_at" in record:
        record["updated_at"] = now()
    held.put(key, record)
    return record


def _deleted(state: SandboxState, books: Books, endpoint: Endpoint, key: str, call: Call) -> Answer:
    if key not in books.business.collections[endpoint.name].live:
        raise not_found(f"{endpoint.name} {key}")
    asked = dict(call.parameters())
    try:
        if endpoint.deletion == "void":
            reason = asked.get("void_reason")
            record = books.void(endpoint.name, key, at=now(), reason=reason)
            return Answer(200, record_bytes(record, state.style))
        books.delete(endpoint.name, key, at=now())
    except ValueError as error:
        raise invalid(str(error), "base") from None
    return Answer(204)
