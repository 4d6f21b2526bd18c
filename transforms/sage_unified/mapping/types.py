"""The types of documents that can be pushed, and the collection of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from sage_unified.mapping.books import Books
from sage_unified.mapping.documents import KINDS, document, quick_entry
from sage_unified.mapping.fields import Fields, Json, Refusal
from sage_unified.mapping.money import contact, contact_payment, journal

_Map: TypeAlias = Callable[[Fields, Books], dict[str, Json]]

_TYPES: Final[Mapping[str, tuple[str, _Map]]] = {
    **{name: (kind.resource, partial(document, kind)) for name, kind in KINDS.items()},
    "sales_quick_entry": ("sales_quick_entries", partial(quick_entry, "sale")),
    "purchase_quick_entry": ("purchase_quick_entries", partial(quick_entry, "purchase")),
    "contact": ("contacts", contact),
    "contact_payment": ("contact_payments", contact_payment),
    "journal": ("journals", journal),
}
RESOURCES: Final[Mapping[str, str]] = {name: resource for name, (resource, _) in _TYPES.items()}
"""Sage's collection by type."""


_UNIFIED: Final[Mapping[str, str]] = {
    "invoice_lines": "lines",
    "credit_note_lines": "lines",
    "journal_lines": "lines",
    "allocated_artefacts": "allocations",
    "contact_id": "contact",
    "currency_id": "currency",
    "ledger_account_id": "account",
    "tax_rate_id": "tax",
    "tax_amount": "tax",
    "product_id": "item",
    "service_id": "item",
    "bank_account_id": "bank_account",
    "artefact_id": "document",
    "original_invoice_id": "original_document",
    "corrective_reason_code_id": "reason",
    "quick_entry_type_id": "document_kind",
    "transaction_type_id": "payment_kind",
    "payment_method_id": "payment_method",
    "details": "description",
    "contact_type_ids": "is_customer",
    "country_id": "country",
}
"""Names of the unified vocabulary by Sage's, where they differ."""


@dataclass(frozen=True)
class Mapped:
    """A document as Sage takes it."""

    resource: str
    body: dict[str, Json]
    """Without its namespace; incomplete where there are refusals."""
    refusals: tuple[Refusal, ...]
    """Empty: the body can be sent."""


def map_document(kind: str, data: Mapping[str, Json], books: Books) -> Mapped:
    """The body for a document of type ``kind`` (of :data:`RESOURCES`) in the unified vocabulary."""
    resource, mapping = _TYPES[kind]
    if books.business is None:
        reason = "this business was not synced and transformed: run sage-elt run, then push again"
        return Mapped(resource, {}, (Refusal("business_id", reason),))
    fields = Fields(data)
    body = mapping(fields, books)
    return Mapped(resource, body, tuple(fields.refusals()))


def unified_field(kind: str, sage_field: str) -> str:
    """The field of ``data`` by Sage's ``$source``: ``lines.tax`` by ``invoice_lines.tax_rate_id``."""
    names = [_UNIFIED.get(part, part) for part in sage_field.split(".")]
    if names[0] == "main_address":
        names = names[1:] or names
    if kind == "contact_payment" and names == ["total_amount"]:
        names = ["amount"]
    return ".".join(names)
