"""The SII's books: valid by the schema and complete, for any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sii_reader import Sii, read_sii

from sage_unified.exports import sii
from sage_unified.exports.refusals import Business, ExportRefusedError
from sage_unified.exports.sii_invoices import invoices
from sage_unified.exports.sii_xml import Book, closing, opening

NIF = "B12345674"
DAY = date(2025, 3, 14)
SPANISH = {"contact_id": "c", "contact_name": "Acme", "contact_tax_number": "ESA58818501", "contact_country": "ES"}  # fmt: skip
FRENCH = {"contact_id": "c", "contact_name": "Acme", "contact_tax_number": "FR83404833048", "contact_country": "FR"}  # fmt: skip
AMERICAN = {"contact_id": "c", "contact_name": "Acme", "contact_tax_number": "98-76", "contact_country": "US"}  # fmt: skip
TYPES = {
    "tax_point": pl.Date, "document_id": pl.String, "line_id": pl.String, "part": pl.Int16, "doc": pl.String,
    "direction": pl.String, "vat_scope": pl.String, "supply": pl.String, "rate": pl.Decimal(9, 4),
    "rate_class": pl.String, "basis": pl.String, "net": pl.Decimal(19, 4), "tax": pl.Decimal(19, 4),
    "notional_tax": pl.Decimal(19, 4), "itc": pl.Decimal(19, 4), "resource": pl.String,
    "document_kind": pl.String, "number": pl.String, "vendor_reference": pl.String, "date": pl.Date,
    "created_at": pl.Datetime("us", "UTC"), "delivery_date": pl.Date, "description": pl.String,
    "original_number": pl.String, "original_date": pl.Date, "contact_id": pl.String, "contact_name": pl.String,
    "contact_tax_number": pl.String, "contact_country": pl.String,
}  # fmt: skip


@pytest.fixture(scope="module")
def spanish(french: Business) -> Business:
    return replace(
        french, country="ES", name="Mobiliario & Hijos", tax_number=f"ES{NIF}", siret=None
    )


def line(direction: str = "sale", **columns: Any) -> dict[str, Any]:
    """A line of 100.00 at 21 percent on a sales invoice of a Spanish customer."""
    usual = {
        "tax_point": DAY, "document_id": "d1", "line_id": "l1", "part": 0, "doc": "invoice", "vat_scope": "domestic",
        "supply": "goods", "rate": Decimal(21), "rate_class": "standard", "basis": "accrual", "net": Decimal(100),
        "tax": Decimal(21), "notional_tax": Decimal(0), "itc": Decimal(21), "resource": "sales_invoices",
        "document_kind": "invoice", "number": "F-1", "vendor_reference": "V-1", "date": DAY,
        "created_at": datetime(2025, 3, 13, tzinfo=UTC), "description": "Sillas",
    }  # fmt: skip
    return {**usual, **SPANISH, "direction": direction, **columns}


NO_TAX: dict[str, Any] = {"rate": Decimal(0), "tax": Decimal(0), "itc": Decimal(0)}


def reported(business: Business, rows: Sequence[dict[str, Any]]) -> list[str | sii.Unreported]:
    book: Book = "issued" if rows[0]["direction"] == "sale" else "received"
    frame = pl.DataFrame(list(rows), schema=TYPES)
    return list(sii.reported(book, business, NIF, invoices(frame)))


def written(business: Business, *rows: dict[str, Any]) -> Sii:
    book: Book = "issued" if rows[0]["direction"] == "sale" else "received"
    records = [record for record in reported(business, rows) if isinstance(record, str)]
    text = opening(book, business, NIF) + "".join(records) + closing(book)
    return read_sii(text.encode())


def only(found: Sii, name: str) -> str | None:
    (element,) = [e for record in found.records for e in record.iter(name)] or [None]
    return None if element is None else element.text


@pytest.mark.parametrize(
    ("columns", "element", "value"),
    [
        ({}, "TipoNoExenta", "S1"),
        ({**NO_TAX, "rate_class": "exempt"}, "CausaExencion", "E1"),
        ({**NO_TAX, **AMERICAN, "vat_scope": "row"}, "CausaExencion", "E2"),
        ({**NO_TAX, **FRENCH, "vat_scope": "eu"}, "CausaExencion", "E5"),
        ({**NO_TAX, **FRENCH, "vat_scope": "eu", "supply": "services"}, "ImporteTAIReglasLocalizacion", "100.00"),
        ({**NO_TAX, "vat_scope": "out_of_scope"}, "ImportePorArticulos7_14_Otros", "100.00"),
        ({**NO_TAX, **AMERICAN, "vat_scope": "row"}, "ClaveRegimenEspecialOTrascendencia", "02"),
        ({**NO_TAX, **FRENCH, "vat_scope": "oss"}, "ClaveRegimenEspecialOTrascendencia", "17"),
        ({**NO_TAX, "vat_scope": None}, "ClaveRegimenEspecialOTrascendencia", "08"),
        ({**NO_TAX, "vat_scope": "domestic_rc"}, "TipoNoExenta", "S2"),
        ({"contact_tax_number": None}, "TipoFactura", "F2"),
        ({**FRENCH}, "IDType", "02"),
        ({**AMERICAN}, "IDType", "04"),
        ({"contact_tax_number": "ES123"}, "IDType", "07"),
        ({"doc": "credit_note", "net": Decimal(-100), "tax": Decimal(-21)}, "TipoFactura", "R1"),
        ({"doc": "credit_note", "net": Decimal(-100), "tax": Decimal(-21)}, "ImporteTotal", "-121.00"),
        ({"delivery_date": date(2025, 3, 10)}, "FechaOperacion", "10-03-2025"),
    ],
)  # fmt: skip
def test_sale_is_shown_by_what_it_is(
    spanish: Business, columns: dict[str, Any], element: str, value: str
) -> None:
    found = written(spanish, line(**columns))
    assert found.problems == []
    assert only(found, element) == value


@pytest.mark.parametrize(
    ("columns", "element", "value"),
    [
        ({}, "CuotaDeducible", "21.00"),
        ({}, "NumSerieFacturaEmisor", "V-1"),
        ({"vendor_reference": None}, "NumSerieFacturaEmisor", "F-1"),
        ({}, "FechaRegContable", "14-03-2025"),
        ({"created_at": datetime(2025, 3, 20, tzinfo=UTC)}, "FechaRegContable", "20-03-2025"),
        ({**FRENCH, "vat_scope": "eu", "tax": Decimal(0), "notional_tax": Decimal(21)}, "ClaveRegimenEspecialOTrascendencia", "09"),
        ({**FRENCH, "vat_scope": "eu", "tax": Decimal(0), "notional_tax": Decimal(21)}, "CuotaSoportada", "21.00"),
        ({"vat_scope": "import"}, "TipoFactura", "F5"),
    ],
)  # fmt: skip
def test_purchase_is_shown_by_what_it_is(
    spanish: Business, columns: dict[str, Any], element: str, value: str
) -> None:
    found = written(spanish, line("purchase", **columns))
    assert found.problems == []
    assert only(found, element) == value


def test_reverse_charge_of_a_purchase_stands_apart(spanish: Business) -> None:
    scope = {
        "vat_scope": "row",
        "supply": "services",
        "tax": Decimal(0),
        "notional_tax": Decimal(21),
    }
    found = written(spanish, line("purchase", **AMERICAN, **scope))
    assert found.problems == []
    assert found.records[0].find(".//InversionSujetoPasivo//BaseImponible") is not None


def test_surcharge_is_beside_the_rate_it_goes_with(spanish: Business) -> None:
    rows = [
        line(part=1),
        line(part=2, rate=Decimal("5.2"), rate_class="surcharge", tax=Decimal("5.20")),
    ]
    found = written(spanish, *rows)
    assert found.problems == []
    assert (found.bases, found.taxes) == (100, Decimal("26.20"))
    assert only(found, "ImporteTotal") == "126.20"


def test_correction_names_what_it_corrects(spanish: Business) -> None:
    columns = {"doc": "credit_note", "original_number": "F-0", "original_date": date(2025, 1, 2)}
    found = written(spanish, line(**columns))
    assert found.problems == []
    assert found.records[0].findtext(".//IDFacturaRectificada/NumSerieFacturaEmisor") == "F-0"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([line(number=None)], "no number"),
        ([line("purchase", contact_id=None, contact_name=None, contact_tax_number=None)], "no supplier"),
        ([line("purchase", contact_tax_number=None)], "no tax number of the supplier"),
        ([line(document_kind="other_receipt", vat_scope="out_of_scope")], "no VAT: not an invoice"),
        ([line(), line(document_id="d2")], "the number and date of another invoice"),
    ],
)  # fmt: skip
def test_what_can_not_be_reported_is_listed(
    spanish: Business, rows: list[dict[str, Any]], reason: str
) -> None:
    *_, last = reported(spanish, rows)
    assert isinstance(last, sii.Unreported)
    assert last.reason == reason


@given(data=st.data())
def test_any_text_leaves_the_file_valid(
    spanish: Business, awkward: st.SearchStrategy[str | None], data: st.DataObject
) -> None:
    names = ("number", "vendor_reference", "description", "contact_name")
    texts = {name: data.draw(awkward) for name in names}
    texts["contact_tax_number"] = data.draw(st.one_of(awkward, st.just("ESA58818501")))
    direction = data.draw(st.sampled_from(["sale", "purchase"]))
    rows = [line(direction, **texts)]
    found = written(spanish, *rows)
    assert found.problems == []
    assert found.bases in (0, 100)
    assert bool(found.records) == isinstance(reported(spanish, rows)[0], str)


def test_own_nif_is_needed(spanish: Business) -> None:
    with pytest.raises(ExportRefusedError, match="NIF"):
        sii.require_nif(replace(spanish, tax_number="ES1"))


def test_cash_accounting_is_refused(spanish: Business) -> None:
    with pytest.raises(ExportRefusedError, match="cash accounting"):
        reported(spanish, [line(basis="cash")])
