"""The kinds of sales and purchase documents, and a document before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sage_sandbox.charts.tables import settings
from sage_sandbox.ledger import Side
from sage_sandbox.lines import Line
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate


@dataclass(frozen=True, slots=True)
class Kind:
    """What a collection of documents is in the books."""

    resource: str
    side: Side
    direction: int
    transaction_type: str
    lines: str

    @property
    def journal(self) -> str:
        """The French journal."""
        return "sales" if self.side == "sale" else "purchases"


KINDS = {
    kind.resource: kind
    for kind in (
        Kind("sales_invoices", "sale", 1, "SALES_INVOICE", "invoice_lines"),
        Kind("sales_credit_notes", "sale", -1, "SALES_CREDIT_NOTE", "credit_note_lines"),
        Kind("sales_corrective_invoices", "sale", 1, "SALES_CORRECTIVE_INVOICE", "invoice_lines"),
        Kind("purchase_invoices", "purchase", 1, "PURCHASE_INVOICE", "invoice_lines"),
        Kind("purchase_credit_notes", "purchase", -1, "PURCHASE_CREDIT_NOTE", "credit_note_lines"),
        Kind(
            "purchase_corrective_invoices",
            "purchase",
            1,
            "PURCHASE_CORRECTIVE_INVOICE",
            "invoice_lines",
        ),
        Kind("sales_quotes", "sale", 0, "", "quote_lines"),
        Kind("sales_estimates", "sale", 0, "", "estimate_lines"),
    )
}
"""By resource. Direction 0: an offer, never in the books."""


_PREFIXES = {
    "sales_credit_notes": "CN-",
    "sales_corrective_invoices": "R-",
    "sales_quotes": "SQ-",
    "sales_estimates": "SE-",
}


def prefix_of(resource: str, country: str) -> str:
    """Give what the numbers of a kind of document start with; purchases are not numbered."""
    if resource == "sales_invoices":
        return settings(country)["prefix"]
    return _PREFIXES.get(resource, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to be written.

    ``uncharged`` and ``exchange_rate`` as in :class:`~sage_sandbox.lines.Terms`. A draft is stored
    but not posted.
    """

    resource: str
    contact: Record
    day: str
    due: str
    lines: list[Line]
    currency: str
    exchange_rate: Decimal
    reference: str
    notes: str | None = None
    shipping: tuple[Decimal, Rate] | None = None
    uncharged: bool = False
    reverse_charge: bool = False
    postponed: bool = False
    original: Record | None = None
    draft: bool = False
    region: Record | None = None
