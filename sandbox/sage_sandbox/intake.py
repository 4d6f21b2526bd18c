"""Bodies as a client posts them, turned into what the books write."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sage_sandbox.contacts import Contact, Zone, write_contact, zone_abroad
from sage_sandbox.document_kinds import KINDS, Document
from sage_sandbox.documents import write
from sage_sandbox.journals import journal
from sage_sandbox.ledger import Ledger, Side
from sage_sandbox.lines import Line
from sage_sandbox.payments import Payment, pay
from sage_sandbox.quick_entries import QuickEntry, write_quick_entry
from sage_sandbox.records import ZERO, stub_of
from sage_sandbox.reference import exchange_rate
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate

Body = dict[str, Any]

_QUICK: dict[str, Side] = {
    "sales_quick_entries": "sale",
    "purchase_quick_entries": "purchase",
}
POSTABLE = frozenset((*KINDS, *_QUICK, "contact_payments", "contacts", "journals"))
"""Resources whose creation books something, computes totals or fills in a whole contact."""


class InvalidBodyError(ValueError):
    """A body that the books cannot take; ``source`` is the field as Sage's ``$source`` names it."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = message


def create(ledger: Ledger, resource: str, body: Body, at: str) -> Record:
    """Write and post what a body (without its namespace) asks for; give the record.

    Raises InvalidBodyError for a field that is missing, unknown or no number, before anything is
    written. KeyError: the resource is none of ``POSTABLE``.
    """
    _check_shapes(body)
    if resource in _QUICK:
        return write_quick_entry(ledger, _quick_entry(ledger, _QUICK[resource], body, at), at)
    if resource == "contact_payments":
        return pay(ledger, _payment(ledger, body, at), at)
    if resource == "contacts":
        return _contact(ledger, body, at)
    if resource == "journals":
        return _journal(ledger, body, at)
    record = write(ledger, _document(ledger, resource, body, at), at)
    if own := _own_fields(ledger, resource, body):
        return ledger.update(resource, record["id"], at, **own)
    return record


_OBJECTS = ("main_address", "delivery_address", "main_contact_person", "tax_treatment")


def _check_shapes(body: Body, within: str = "") -> None:
    """Raise InvalidBodyError for a list, object or single value where another is needed."""
    for name, value in body.items():
        is_list = name.endswith(("_lines", "_ids", "_artefacts", "tax_analysis", "_categories"))
        is_object = name in _OBJECTS or name == "journal_code"
        if value is not None and (is_list, is_object) != (
            isinstance(value, list),
            isinstance(value, dict),
        ):
            raise InvalidBodyError(f"{within}{name}", "This field has the wrong type.")
        for each in value if is_list and value and name.endswith(("_lines", "_artefacts")) else ():
            if not isinstance(each, dict):
                raise InvalidBodyError(f"{within}{name}", "This field has the wrong type.")
            _check_shapes(each, f"{name}.")


def _own_fields(ledger: Ledger, resource: str, body: Body) -> Record:
    """What a document shows as it was sent, instead of what the books make up."""
    own: Record = {}
    if body.get("vendor_reference") and resource.startswith("purchase"):
        own["vendor_reference"] = str(body["vendor_reference"])
    if reason := body.get("corrective_reason_code_id"):
        names = ledger.names.get("corrective_reason_codes", {})
        own |= {"corrective_reason_code": names[reason]} if reason in names else {}
    return own


def _quick_entry(ledger: Ledger, side: Side, body: Body, at: str) -> QuickEntry:
    contact = _find(ledger, "contacts", body, "contact_id")
    kind = body.get("quick_entry_type_id")
    if kind not in ("INVOICE", "CREDIT_NOTE"):
        raise InvalidBodyError("quick_entry_type_id", "This quick entry type does not exist.")
    if body.get("currency_id") not in (None, ledger.currency):
        raise InvalidBodyError("currency_id", "The sandbox takes these in base currency only.")
    day = _day(body, "date", at[:10])
    due = date.fromisoformat(day) + timedelta(days=contact["credit_days"])
    return QuickEntry(
        side=side,
        kind="INVOICE" if kind == "INVOICE" else "CREDIT_NOTE",
        contact=contact,
        day=day,
        due=due.isoformat(),
        reference=str(body.get("reference") or ""),
        details=str(body.get("details") or ""),
        account=stub_of(_find(ledger, "ledger_accounts", body, "ledger_account_id")),
        rate=_rate(ledger, body, ""),
        net=_number(body, "net_amount"),
    )


def _contact(ledger: Ledger, body: Body, at: str) -> Record:
    """A contact with its address, and what else the body says of it."""
    home, address = ledger.business.country, body.get("main_address") or {}
    country = str(address.get("country_id") or home)
    types = [str(kind) for kind in body.get("contact_type_ids") or []]
    if not set(types) <= {"CUSTOMER", "VENDOR"} or not types:
        raise InvalidBodyError("contact_type_ids", "These contact types do not exist.")
    if not body.get("name"):
        raise InvalidBodyError("name", "This field is required.")
    if country not in ledger.names["countries"]:
        raise InvalidBodyError("main_address.country_id", "This country does not exist.")
    zone: Zone = "home"
    if country != home:
        zone = zone_abroad(ledger, country, bool(body.get("tax_number")))
    record = write_contact(
        ledger,
        Contact(
            kind="CUSTOMER" if types[0] == "CUSTOMER" else "VENDOR",
            number=len(ledger.collection("contacts")),
            name=str(body["name"]),
            zone=zone,
            place={
                "country": country,
                "kind": "city",
                "value": str(address.get("city") or ""),
                "region": str(address.get("region") or ""),
                "postal_code": str(address.get("postal_code") or ""),
            },
            street=str(address.get("address_line_1") or ""),
            person=str((body.get("main_contact_person") or {}).get("name") or "Main contact"),
        ),
        at,
    )
    fields = {key: body[key] for key in _CONTACT_FIELDS if key in body}
    fields["contact_types"] = [ledger.name("contact_types", kind) for kind in types]
    if body.get("tax_treatment"):
        fields["tax_treatment"] = {**record["tax_treatment"], **body["tax_treatment"]}
    if body.get("credit_limit") is not None:
        fields["credit_limit"] = _number(body, "credit_limit")
    if body.get("currency_id") in ledger.names["currencies"]:
        fields["currency"] = ledger.name("currencies", body["currency_id"])
    label = f"{record['name']} ({fields.get('reference') or record['reference']})"
    return ledger.update("contacts", record["id"], at, displayed_as=label, **fields)


_CONTACT_FIELDS = (
    "reference", "tax_number", "notes", "locale", "credit_days", "email", "auxiliary_account",
)  # fmt: skip


def _document(ledger: Ledger, resource: str, body: Body, at: str) -> Document:
    kind = KINDS[resource]
    contact = _find(ledger, "contacts", body, "contact_id")
    day = _day(body, "date", at[:10])
    due = date.fromisoformat(day) + timedelta(days=contact["credit_days"])
    currency = body.get("currency_id") or contact["currency"]["id"]
    if currency not in ledger.names["currencies"]:
        raise InvalidBodyError("currency_id", "This currency does not exist.")
    rate = exchange_rate(ledger.currency, currency, day)
    if body.get("exchange_rate") is not None:
        rate = _number(body, "exchange_rate")
    posted = body.get(kind.lines)
    if not posted or not isinstance(posted, list):
        raise InvalidBodyError(kind.lines, "This field is required.")
    shipping = None
    if body.get("shipping_net_amount"):
        _find(ledger, "tax_rates", body, "shipping_tax_rate_id")
        shipping_rate = ledger.rate_of[body["shipping_tax_rate_id"]]
        shipping = (_number(body, "shipping_net_amount"), shipping_rate)
    reverse = body.get("vat_reverse_charge") is True
    postponed = body.get("postponed_accounting") is True
    region = body.get("tax_address_region_id")
    return Document(
        resource=resource,
        contact=contact,
        day=day,
        due=_day(body, "expiry_date" if not kind.direction else "due_date", due.isoformat()),
        lines=[_line(ledger, kind.lines, line) for line in posted],
        currency=currency,
        exchange_rate=rate,
        reference=str(body.get("reference") or ""),
        notes=body.get("notes"),
        shipping=shipping,
        uncharged=reverse or postponed or _says_untaxed(posted),
        reverse_charge=reverse,
        postponed=postponed,
        draft=body.get("status_id") == "DRAFT",
        region=ledger.names.get("address_regions", {}).get(region) if region else None,
        original=_original(ledger, resource, body),
    )


def _says_untaxed(lines: list[Body]) -> bool:
    """Whether every line says that its tax is 0: whatever the rate, its buyer accounts for it."""
    given = [line.get("tax_amount") for line in lines]
    return all(amount is not None and str(amount).strip("0.") == "" for amount in given)


def _original(ledger: Ledger, resource: str, body: Body) -> Record | None:
    """The invoice that a corrective one corrects."""
    if body.get("original_invoice_id") is None:
        return None
    invoices = f"{KINDS[resource].side.replace('sale', 'sales')}_invoices"
    return _find(ledger, invoices, body, "original_invoice_id")


def _line(ledger: Ledger, lines: str, body: Body) -> Line:
    account = _find(ledger, "ledger_accounts", body, "ledger_account_id", lines)
    item = None
    for resource in ("products", "services", "stock_items"):
        key = body.get("service_id" if resource == "services" else "product_id")
        found = ledger.collection(resource).live.get(key or "")
        item = stub_of(found) if found else item
    goods = body.get("eu_goods_services_type_id", "GOODS") == "GOODS" and not body.get("service_id")
    return Line(
        description=str(body.get("description") or account["name"]),
        account=stub_of(account),
        rate=_rate(ledger, body, lines),
        quantity=_number(body, "quantity", lines),
        unit_price=_number(body, "unit_price", lines),
        item=item,
        goods=goods,
        discount_percentage=_number({"discount_percentage": 0, **body}, "discount_percentage"),
    )


def _rate(ledger: Ledger, body: Body, within: str) -> Rate:
    rate_id = body.get("tax_rate_id") or ledger.rates["no_tax"].id
    if rate_id not in ledger.rate_of:
        raise InvalidBodyError(f"{within}.tax_rate_id".lstrip("."), "This tax rate does not exist.")
    return ledger.rate_of[rate_id]


def _payment(ledger: Ledger, body: Body, at: str) -> Payment:
    contact = _find(ledger, "contacts", body, "contact_id")
    bank = _find(ledger, "bank_accounts", body, "bank_account_id")
    kind = str(body.get("transaction_type_id"))
    if kind not in ("CUSTOMER_RECEIPT", "CUSTOMER_REFUND", "VENDOR_PAYMENT", "VENDOR_REFUND"):
        raise InvalidBodyError("transaction_type_id", "This transaction type is not a payment.")
    side: Side = "sale" if kind.startswith("CUSTOMER") else "purchase"
    direction = -1 if kind.endswith("_REFUND") else 1
    total, day = _number(body, "total_amount"), _day(body, "date", at[:10])
    pays = []
    for allocated in body.get("allocated_artefacts") or []:
        source = "allocated_artefacts"
        item = ledger.open_items.get(str(allocated.get("artefact_id")))
        amount = _number(allocated, "amount", source)
        discount = _number({"discount": 0, **allocated}, "discount", source)
        fits = item is not None and (item.side, item.direction) == (side, direction)
        if item is None or not fits or not 0 < amount + discount <= item.outstanding:
            raise InvalidBodyError(f"{source}.artefact_id", "It does not leave so much to be paid.")
        pays.append((item, amount, discount))
    rest = total - sum((amount for _, amount, _ in pays), ZERO)
    if rest < 0 or total <= 0:
        raise InvalidBodyError("total_amount", "The payment is less than what it allocates.")
    currency = pays[0][0].currency if pays else ledger.currency
    return Payment(
        side=side,
        contact=contact,
        bank_account=bank,
        day=day,
        reference=str(body.get("reference") or f"PAY-{ledger.number('PAY')}"),
        currency=currency,
        exchange_rate=exchange_rate(ledger.currency, currency, day),
        pays=pays,
        on_account=rest,
        method=str(body.get("payment_method_id") or "ELECTRONIC"),
    )


def _journal(ledger: Ledger, body: Body, at: str) -> Record:
    amounts = []
    for line in body.get("journal_lines") or []:
        account = _find(ledger, "ledger_accounts", line, "ledger_account_id", "journal_lines")
        debit, credit = _number(line, "debit", "journal_lines"), _number(line, "credit")
        amounts.append((stub_of(account), debit - credit))
    if not amounts or sum((amount for _, amount in amounts), ZERO):
        raise InvalidBodyError("journal_lines", "The lines do not balance.")
    reference = str(body.get("reference") or "")
    description = str(body.get("description") or reference)
    return journal(ledger, reference, description, amounts, _day(body, "date", at[:10]), at)


def _find(ledger: Ledger, resource: str, body: Body, field: str, within: str = "") -> Record:
    record = ledger.collection(resource).live.get(str(body.get(field)))
    if record is None:
        raise InvalidBodyError(f"{within}.{field}".lstrip("."), "This record does not exist.")
    return record


def _number(body: Body, field: str, within: str = "") -> Decimal:
    try:
        number = Decimal(str(body[field]))
    except (KeyError, InvalidOperation):
        number = Decimal("NaN")
    if not number.is_finite():
        raise InvalidBodyError(f"{within}.{field}".lstrip("."), "This field is not a number.")
    return number


def _day(body: Body, field: str, default: str) -> str:
    text = str(body.get(field) or default)[:10]
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidBodyError(field, "This field is not a date.") from None
