"""Contacts, payments with what they settle, and journals."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sage_unified.mapping import choices
from sage_unified.mapping.books import Books
from sage_unified.mapping.fields import Fields, Json, without_nulls

PAYMENT_KINDS: Final = ("customer_receipt", "customer_refund", "vendor_payment", "vendor_refund")
_INTO_BANK: Final = ("customer_receipt", "vendor_refund")
_ZONES: Final = {
    "home": "home_tax",
    "eu_registered": "eu_tax_registered",
    "eu_consumer": "eu_not_tax_registered",
    "row": "rest_of_world_tax",
}
_ADDRESS: Final = ("address_line_1", "address_line_2", "city", "postal_code")


def contact(fields: Fields, books: Books) -> dict[str, Json]:  # noqa: ARG001 - one signature for all
    """The body of a contact; the columns of ``dim_contact``."""
    roles = {"CUSTOMER": fields.flag("is_customer"), "VENDOR": fields.flag("is_supplier")}
    types: list[Json] = [role for role, has_it in roles.items() if has_it]
    if not types:
        fields.refuse("is_customer", "a contact is a customer, a supplier or both")
    address: dict[str, Json] = {name: fields.text(name) for name in _ADDRESS}
    address["country_id"] = fields.text("country")
    zone = fields.choice("tax_zone", tuple(_ZONES))
    return without_nulls(
        {
            "name": fields.text("name", required=True),
            "contact_type_ids": types,
            "reference": fields.text("reference"),
            "tax_number": fields.text("tax_number"),
            "currency_id": fields.text("currency"),
            "credit_days": fields.number("credit_days"),
            "credit_limit": fields.number("credit_limit"),
            "auxiliary_account": fields.text("auxiliary_account"),
            "main_address": without_nulls(address) or None,
            "tax_treatment": {flag: flag == _ZONES[zone] for flag in _ZONES.values()}
            if zone
            else None,
        }
    )


def contact_payment(fields: Fields, books: Books) -> dict[str, Json]:
    """The body of a payment; ``amount`` is positive, or signed as ``fct_payment`` has it."""
    kind = fields.choice("payment_kind", PAYMENT_KINDS, required=True)
    direction: choices.Direction = "sale" if (kind or "").startswith("customer") else "purchase"
    contact_id = choices.contact(books, fields, direction)
    day = fields.day("date", required=True)
    amount = fields.number("amount", required=True)
    if amount is not None and amount < 0 and kind in _INTO_BANK:
        fields.refuse("amount", f"is negative, but a {kind} is money into the bank")
    settled: list[Json] = []
    total = Decimal(0)
    for each in fields.objects("allocations"):
        part = each.number("amount", required=True)
        settled.append(
            without_nulls(
                {
                    "artefact_id": choices.document(books, each, "document", contact_id, direction),
                    "amount": part,
                    "discount": each.number("discount"),
                }
            )
        )
        total += part or Decimal(0)
    if amount is not None and total > abs(amount):
        fields.refuse("allocations", f"settle {total:f}, the payment is {abs(amount):f}")
    return without_nulls(
        {
            "transaction_type_id": kind.upper() if kind else None,
            "contact_id": contact_id,
            "bank_account_id": choices.bank_account(books, fields),
            "date": day.isoformat() if day else None,
            "total_amount": None if amount is None else abs(amount),
            "reference": fields.text("reference"),
            "payment_method_id": fields.text("payment_method"),
            "currency_id": fields.text("currency"),
            "exchange_rate": fields.number("exchange_rate"),
            "allocated_artefacts": settled or None,
        }
    )


def journal(fields: Fields, books: Books) -> dict[str, Json]:
    """The body of a journal; a line has ``debit`` or ``credit``, or an ``amount``, debits positive."""
    day = fields.day("date", required=True)
    lines: list[Json] = []
    balance = Decimal(0)
    for each in fields.objects("lines", required=True):
        debit, credit, amount = (each.number(n) for n in ("debit", "credit", "amount"))
        if amount is not None and (debit is not None or credit is not None):
            each.refuse("amount", "use either amount or debit and credit")
        if amount is None:
            if debit is None and credit is None:
                each.refuse("amount", "required, or debit or credit")
            amount = (debit or Decimal(0)) - (credit or Decimal(0))
        balance += amount
        lines.append(
            without_nulls(
                {
                    "ledger_account_id": choices.account(books, each),
                    "details": each.text("description"),
                    "debit": max(amount, Decimal(0)),
                    "credit": max(-amount, Decimal(0)),
                }
            )
        )
    if balance:
        fields.refuse("lines", f"debits and credits differ by {balance:f}")
    return without_nulls(
        {
            "date": day.isoformat() if day else None,
            "reference": fields.text("reference", required=True),
            "description": fields.text("description"),
            "journal_lines": lines,
        }
    )
