"""Invoices as the SII counts them: the tax lines of a document summed by what they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import polars as pl

from sage_unified.exports.sii_parties import Party, party

ZERO: Final = Decimal(0)
_SURCHARGE: Final = "surcharge"
_SURCHARGES: Final = {
    Decimal("5.2"): Decimal(21),
    Decimal("1.75"): Decimal(21),
    Decimal("1.4"): Decimal(10),
    Decimal("0.5"): Decimal(4),
    Decimal("0.62"): Decimal(5),
}
"""The rate that a surcharge goes with (LIVA art. 161), where it is on a line of its own."""
_WITHOUT_INVOICE: Final = ("other_payment", "other_receipt")

Kind = str
"""What a line is: taxed, reverse_charge, E1, E2, E5, located (taxed elsewhere), one_stop, not_subject, eu, import."""


@dataclass
class Sums:
    """Lines of one kind and rate."""

    net: Decimal = ZERO
    tax: Decimal = ZERO
    surcharge: Decimal = ZERO


@dataclass(frozen=True)
class Invoice:
    """A document of a period; amounts in base currency, negative on credit notes."""

    document_id: str
    resource: str
    number: str | None
    vendor_reference: str | None
    day: date
    registered: date
    delivered: date | None
    tax_point: date
    is_corrective: bool
    is_by_payment: bool
    description: str | None
    original: tuple[str, date] | None
    who: Party | None
    has_contact: bool
    has_invoice: bool
    """False for money that came or went without any VAT: wages, interest, bank charges."""
    sums: Mapping[tuple[Kind, bool, Decimal, Decimal], Sums]
    """By kind, whether services, rate and rate of the surcharge."""
    net: Decimal
    tax: Decimal
    """Charged on the document, surcharges too."""
    deductible: Decimal
    has_other_tax: bool
    """IGIC or IPSI, which are not the tax of this book."""

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    @property
    def kinds(self) -> set[Kind]:
        return {kind for kind, *_ in self.sums}


def invoices(rows: pl.DataFrame) -> Iterator[Invoice]:
    """The documents of a batch of whole documents, in its order.

    ``rows`` are tax lines of ``marts.vat_lines`` beside their document and contact.
    """
    for _, lines in groupby(rows.iter_rows(named=True), key=lambda row: row["document_id"]):
        yield _invoice(list(lines))


def _invoice(lines: Sequence[Mapping[str, Any]]) -> Invoice:
    head = lines[0]
    created = head["created_at"].date() if head["created_at"] else head["date"]
    counted = [line for line in lines if line["rate_class"] != _SURCHARGE]
    original = head["original_number"]
    return Invoice(
        document_id=head["document_id"],
        resource=head["resource"],
        number=head["number"],
        vendor_reference=head["vendor_reference"],
        day=head["date"],
        registered=max(created, head["date"]),
        delivered=head["delivery_date"],
        tax_point=head["tax_point"],
        is_corrective=head["doc"] == "credit_note" or head["document_kind"] == "corrective",
        is_by_payment=head["basis"] == "cash",
        description=head["description"],
        original=(original, head["original_date"]) if original else None,
        who=party(head["contact_name"], head["contact_tax_number"], head["contact_country"]),
        has_contact=head["contact_id"] is not None,
        has_invoice=head["document_kind"] not in _WITHOUT_INVOICE
        or any(line["vat_scope"] != "out_of_scope" for line in lines),
        sums=_sums(lines),
        net=sum((line["net"] or ZERO for line in counted), ZERO),
        tax=sum((line["tax"] for line in lines), ZERO),
        deductible=sum((line["itc"] for line in lines), ZERO),
        has_other_tax=any(line["vat_scope"] is None for line in lines),
    )


def _sums(
    lines: Sequence[Mapping[str, Any]],
) -> dict[tuple[Kind, bool, Decimal, Decimal], Sums]:
    with_own_tax = {
        line["line_id"]: line["rate"] for line in lines if line["rate_class"] != _SURCHARGE
    }
    surcharges = {
        line["line_id"]: line["rate"] for line in lines if line["rate_class"] == _SURCHARGE
    }
    sums: dict[tuple[Kind, bool, Decimal, Decimal], Sums] = defaultdict(Sums)
    for line in lines:
        services = line["supply"] == "services"
        own = line["rate"] or ZERO
        if line["rate_class"] == _SURCHARGE:
            rate = with_own_tax.get(line["line_id"]) or _SURCHARGES.get(own.normalize(), ZERO)
            sums[_kind(line), services, rate, own].surcharge += line["tax"]
            continue
        added = surcharges.get(line["line_id"]) or ZERO
        place = sums[_kind(line), services, own, added]
        place.net += line["net"] or ZERO
        place.tax += line["tax"] + line["notional_tax"]
    return dict(sums)


def _kind(line: Mapping[str, Any]) -> Kind:
    scope, is_sale = line["vat_scope"], line["direction"] == "sale"
    if scope in ("out_of_scope", None):
        return "not_subject"
    if scope == "domestic":
        return "E1" if line["rate_class"] == "exempt" else "taxed"
    if not is_sale:
        return _PURCHASES[scope, line["supply"] == "services"]
    return _SALES[scope, line["supply"] == "services"]


_SALES: Final[Mapping[tuple[str, bool], Kind]] = {
    ("domestic_rc", False): "reverse_charge",
    ("domestic_rc", True): "reverse_charge",
    ("eu", False): "E5",
    ("eu", True): "located",
    ("row", False): "E2",
    ("row", True): "located",
    ("oss", False): "one_stop",
    ("oss", True): "one_stop",
}
_PURCHASES: Final[Mapping[tuple[str, bool], Kind]] = {
    ("domestic_rc", False): "reverse_charge",
    ("domestic_rc", True): "reverse_charge",
    ("eu", False): "eu",
    ("eu", True): "eu",
    ("row", False): "import",
    ("row", True): "reverse_charge",
    ("import", False): "import",
    ("import", True): "import",
    ("import_pva", False): "import",
    ("import_pva", True): "import",
}
