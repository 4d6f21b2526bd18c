"""What can be told of a body before it is sent: pure, by the catalogue and by arithmetic."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from sage_accounting.catalogue import Method, WriteField, load_catalogue, load_write_fields
from sage_accounting.writes.write import Body, Json, Write

CENT = Decimal("0.01")
_CHANGES_NET = ("unit_price_includes_tax", "discount_amount", "discount_percentage")
_ID = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True)
class Finding:
    """A mistake and the field it is in."""

    field: str
    """``invoice_lines[0].quantity``; empty for the line as a whole."""
    mistake: str

    def __str__(self) -> str:
        return f"{self.field}: {self.mistake}" if self.field else self.mistake


def find_faults(write: Write, locked_until: date | None = None) -> list[Finding]:
    """Every mistake that Sage would refuse, or worse, take.

    ``locked_until``: the business's books are closed up to that day.
    """
    if fault := _target_fault(write):
        return [Finding("", fault)]
    fields = load_write_fields()[write.resource, write.method]
    return [
        *_fields(write.body, fields, write.method),
        *_balance(write.body),
        *_totals(write.body),
        *_allocations(write.body),
        *_locked(write.body, locked_until),
    ]


def _target_fault(write: Write) -> str | None:
    collection = load_catalogue().get(write.resource)
    if collection is None:
        return f"Sage has no collection {write.resource}"
    offered = collection.post_namespace if write.method == "POST" else collection.put_namespace
    if not offered or (write.resource, write.method) not in load_write_fields():
        return f"{write.resource} takes no {write.method}"
    if write.method == "POST" and (write.record_id or write.updated_at):
        return "id and updated_at belong to a line with method PUT"
    if write.method == "PUT" and not write.updated_at:
        return "a PUT needs updated_at, as it was when the record was read"
    if write.method == "PUT" and (collection.kind == "singleton") != (write.record_id is None):
        return "a PUT needs the id of the record, except for settings, which have none"
    if write.record_id and not _ID.fullmatch(write.record_id):
        return "id is no id of Sage"
    return None


def _fields(body: Body, fields: Mapping[str, WriteField], method: Method) -> Iterator[Finding]:
    yield from _object(body, fields, "", "", method)


def _object(
    body: Body, fields: Mapping[str, WriteField], within: str, shown: str, method: Method
) -> Iterator[Finding]:
    """``within`` is the object's name in the catalogue, ``shown`` with the positions in lists."""
    for name, value in body.items():
        field = fields.get(within + name)
        if field is None:
            yield Finding(shown + name, "Sage knows no such field here")
        elif value is not None:
            yield from _value(value, field, fields, within + name, shown + name, method)
    for name, field in fields.items():
        inner = name.removeprefix(within)
        if not name.startswith(within) or "." in inner or not field.is_required:
            continue
        given = body.get(inner)
        # a PUT leaves out what it does not change
        is_missing = given in (None, "", []) and (method == "POST" or inner in body)
        if is_missing:
            yield Finding(shown + inner, "required")


def _value(
    value: Json,
    field: WriteField,
    fields: Mapping[str, WriteField],
    name: str,
    shown: str,
    method: Method,
) -> Iterator[Finding]:
    if field.type.endswith("[]"):
        if not isinstance(value, list):
            yield Finding(shown, "must be a list")
            return
        one = WriteField(field.type.removesuffix("[]"), False)
        for position, each in enumerate(value):
            yield from _value(each, one, fields, name, f"{shown}[{position}]", "POST")
    elif field.type == "object":
        if not isinstance(value, dict):
            yield Finding(shown, "must be an object")
        elif any(other.startswith(f"{name}.") for other in fields):
            yield from _object(value, fields, f"{name}.", f"{shown}.", method)
    elif mistake := _mistake(value, field.type):
        yield Finding(shown, mistake)


def _mistake(value: Json, kind: str) -> str | None:
    if kind == "boolean":
        return (
            None if isinstance(value, bool) or value in ("true", "false") else "must be a boolean"
        )
    if kind in ("decimal", "rate", "integer"):
        number = number_of(value)
        whole = number is not None and (kind != "integer" or number == number.to_integral_value())
        return None if whole else f"must be {'a whole' if kind == 'integer' else 'a'} number"
    if kind == "date":
        return None if _day(value) else "must be a date, YYYY-MM-DD"
    return "must be text" if isinstance(value, bool | dict | list) else None


def _balance(body: Body) -> Iterator[Finding]:
    """A journal's debits and credits."""
    lines = _objects(body.get("journal_lines"))
    total = Decimal(0)
    for position, line in enumerate(lines):
        debit, credit = (number_of(line.get(side)) or Decimal(0) for side in ("debit", "credit"))
        if min(debit, credit) < 0 or (debit and credit):
            yield Finding(
                f"journal_lines[{position}]", "has one of debit and credit, not below zero"
            )
        total += debit - credit
    if total:
        yield Finding("journal_lines", f"debits and credits differ by {total:f}")


def _totals(body: Body) -> Iterator[Finding]:
    """Totals that were given, against the sums of lines that give theirs too."""
    for name in ("invoice_lines", "credit_note_lines", "payment_lines"):
        lines = _objects(body.get(name))
        if lines:
            yield from _sums(body, lines, name)


def _sums(body: Body, lines: list[dict[str, Json]], name: str) -> Iterator[Finding]:
    for amount in ("net_amount", "tax_amount", "total_amount"):
        given = number_of(body.get(amount))
        parts = [number_of(line.get(amount)) for line in lines]
        slack = Decimal(0)
        if amount == "net_amount" and None in parts:
            parts, slack = [_net_of(line) for line in lines], CENT * len(lines)
        shipping = number_of(body.get(f"shipping_{amount}")) or Decimal(0)
        known = [part for part in parts if part is not None]
        if given is None or len(known) < len(parts):
            continue
        found = sum(known, shipping)
        if abs(found - given) > slack:
            yield Finding(amount, f"is {given:f}, the {name} give {found:f}")


def _net_of(line: dict[str, Json]) -> Decimal | None:
    """What Sage makes of a line that gives no net amount; None where it can not be told here."""
    quantity, price = number_of(line.get("quantity", 1)), number_of(line.get("unit_price"))
    is_simple = not any(line.get(name) for name in _CHANGES_NET)
    if quantity is None or price is None or not is_simple:
        return None
    return (quantity * price).quantize(CENT, ROUND_HALF_UP)


def _allocations(body: Body) -> Iterator[Finding]:
    """A payment settles at most what it is."""
    total = number_of(body.get("total_amount"))
    paid = [number_of(each.get("amount")) for each in _objects(body.get("allocated_artefacts"))]
    if total is None or not paid or "bank_account_id" not in body:
        return
    settled = sum((amount for amount in paid if amount is not None), Decimal(0))
    if settled > total:
        yield Finding("allocated_artefacts", f"settle {settled:f}, the payment is {total:f}")


def _locked(body: Body, locked_until: date | None) -> Iterator[Finding]:
    day = _day(body.get("date"))
    if day and locked_until and day <= locked_until:
        yield Finding("date", f"{day} is in a locked year: the books are closed to {locked_until}")


def number_of(value: Json) -> Decimal | None:
    """A number or numeric text, finite; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _day(value: Json) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _objects(value: Json) -> list[dict[str, Json]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
