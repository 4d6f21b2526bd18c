"""Choosing the tenant's own record by what a caller says of it: one fits, or it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from sage_unified.mapping.books import Books, Row
from sage_unified.mapping.fields import Fields

Direction = Literal["sale", "purchase"]
MOST_LISTED = 10
TAX_WORDS = ("rate_class", "treatment", "tax_type", "agency")
"""What narrows a category and percentage down, where a tenant has several such rates."""


def contact(books: Books, fields: Fields, direction: Direction) -> str | None:
    """The contact's id, by ``id`` or ``reference``; a customer of a sale, a supplier of a purchase.

    An id is taken as it is: Sage may have the contact since the last sync.
    """
    named = fields.object("contact", required=True)
    if named is None:
        return None
    contact_id, reference = named.text("id"), named.text("reference")
    if not _said_one(fields, "contact", id=contact_id, reference=reference):
        return None
    if contact_id:
        return contact_id
    role = "is_customer" if direction == "sale" else "is_supplier"
    fitting = [row for row in books.contacts if row[role] is not False]
    found = [row for row in fitting if row["reference"] == reference]
    row = _only(fields, "contact", found, fitting, "contact_id", "reference")
    return None if row is None else str(row["contact_id"])


def account(books: Books, fields: Fields, *, required: bool = True) -> str | None:
    """The ledger account's id, by ``id``, ``code`` or ``subclass``."""
    named = fields.object("account", required=required)
    if named is None:
        return None
    account_id, code, subclass = named.text("id"), named.text("code"), named.text("subclass")
    if not _said_one(fields, "account", id=account_id, code=code, subclass=subclass):
        return None
    if account_id:
        found = [row for row in books.accounts if row["account_id"] == account_id]
    elif code:
        # Sage's codes are integers: 0021 is 21 there
        wanted = code.lstrip("0") or "0"
        found = [r for r in books.accounts if (str(r["code"] or "").lstrip("0") or "0") == wanted]
    else:
        found = [
            row
            for row in books.accounts
            if row["account_subclass"] == subclass and row["is_active"] is not False
        ]
    row = _only(fields, "account", found, books.accounts, "account_id", "code")
    return None if row is None else str(row["account_id"])


def tax_rate(books: Books, fields: Fields, day: date | None) -> Row | None:
    """The period of a tax rate that holds on ``day``, by ``id`` or by category and percentage."""
    named = fields.object("tax")
    if named is None:
        return None
    rate_id, category = named.text("id"), named.text("category_code")
    percentage = named.number("percentage")
    words = {word: named.text(word) for word in TAX_WORDS}
    if day is None or not _said_one(fields, "tax", id=rate_id, category_code=category):
        return None
    holding = [r for r in books.tax_rates if r["valid_from"] <= day <= r["valid_to"]]
    if rate_id:
        found = [row for row in holding if row["tax_rate_id"] == rate_id]
        return _only(fields, "tax", found, holding, "tax_rate_id", "source_name")
    if percentage is None:
        fields.refuse("tax.percentage", "required with category_code")
        return None
    found = [
        row
        for row in holding
        if row["category_code"] == category
        and row["percentage"] == percentage
        and row["is_visible"] is not False
        and all(value in (None, row[word]) for word, value in words.items())
    ]
    near = [row for row in holding if row["category_code"] == category]
    return _only(fields, "tax", found, near, "tax_rate_id", "source_name", "percentage")


def item(books: Books, fields: Fields) -> Row | None:
    """By ``id`` or ``code``."""
    named = fields.object("item")
    if named is None:
        return None
    item_id, code = named.text("id"), named.text("code")
    if not _said_one(fields, "item", id=item_id, code=code):
        return None
    column, value = ("item_id", item_id) if item_id else ("code", code)
    found = [row for row in books.items if row[column] == value]
    return _only(fields, "item", found, books.items, "item_id", "code")


def bank_account(books: Books, fields: Fields) -> str | None:
    """The bank account's id, by ``id`` or by the ``code`` of its ledger account."""
    named = fields.object("bank_account", required=True)
    if named is None:
        return None
    bank_id, code = named.text("id"), named.text("code")
    if not _said_one(fields, "bank_account", id=bank_id, code=code):
        return None
    codes = {row["account_id"]: str(row["code"] or "").lstrip("0") for row in books.accounts}
    coded = [{**row, "code": codes.get(row["ledger_account__id"])} for row in books.bank_accounts]
    if bank_id:
        found = [row for row in coded if row["id"] == bank_id]
    else:
        found = [row for row in coded if row["code"] == (code or "").lstrip("0")]
    row = _only(fields, "bank_account", found, coded, "id", "code")
    return None if row is None else str(row["id"])


def document(
    books: Books, fields: Fields, name: str, contact_id: str | None, direction: Direction
) -> str | None:
    """The id of a document of a contact, by ``id`` or ``number``."""
    named = fields.object(name, required=True)
    if named is None:
        return None
    document_id, number = named.text("id"), named.text("number")
    if not _said_one(fields, name, id=document_id, number=number):
        return None
    if document_id:
        return document_id  # Sage may have it since the last sync
    theirs = [
        row
        for row in books.documents
        if row["contact_id"] == contact_id
        and row["direction"] == direction
        and row["is_posted"] is not False
    ]
    found = [row for row in theirs if row["number"] == number]
    row = _only(fields, name, found, theirs, "document_id", "number")
    return None if row is None else str(row["document_id"])


def _said_one(fields: Fields, name: str, **said: str | None) -> bool:
    """Whether exactly one of the ways to name a record is used."""
    used = [way for way, value in said.items() if value]
    if len(used) == 1:
        return True
    fields.refuse(name, f"needs one of {', '.join(said)}" + (", not several" if used else ""))
    return False


def _only(
    fields: Fields, name: str, found: Sequence[Row], others: Iterable[Row], *shown: str
) -> Row | None:
    """The one row found; refused with the candidates otherwise."""
    if len(found) == 1:
        return found[0]
    if found:
        fields.refuse(name, f"several fit: {_listed(found, shown)}; name one by id")
    else:
        have = _listed(list(others), shown)
        fields.refuse(name, "none fits" + (f"; there are {have}" if have else "; there is none"))
    return None


def _listed(rows: Sequence[Row], shown: Sequence[str]) -> str:
    texts = dict.fromkeys(
        " ".join(_text(row[column]) for column in shown if row[column] is not None) for row in rows
    )
    listed = ", ".join(list(texts)[:MOST_LISTED])
    return listed + (f" and {len(texts) - MOST_LISTED} more" if len(texts) > MOST_LISTED else "")


def _text(value: object) -> str:
    return str(value).rstrip("0").rstrip(".") if "." in str(value) else str(value)
