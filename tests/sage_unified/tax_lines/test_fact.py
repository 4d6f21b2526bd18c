"""``fct_tax_line``: what rate, document, contact and payments make of a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified import build

Books = Callable[..., dict[str, pl.LazyFrame]]
DAY = date(2024, 5, 1)
B1 = {"business_id": "b1"}
TWELVE = {"net_amount": Decimal(10), "tax_amount": Decimal(2), "total_amount": Decimal(12)}
CASH = [{**B1, "base_currency__id": "GBP", "tax_scheme__id": "CASH"}]


def header(**columns: Any) -> dict[str, Any]:
    return {**B1, "id": "d", "date": DAY, "contact__id": "c", **TWELVE, **columns}


def line(**columns: Any) -> dict[str, Any]:
    base = {**B1, "_root_id": "d", "_list_idx": 0, "id": "l1", "tax_rate__id": "GB_STANDARD"}
    return {**base, **TWELVE, **columns}


def part(index: int, rate: str, percentage: str, amount: str) -> dict[str, Any]:
    owner = {**B1, "_root_id": "d", "_parent_list_idx": 0, "_list_idx": index}
    figures = {"percentage": Decimal(percentage), "amount": Decimal(amount)}
    return {**owner, "tax_rate__id": rate, **figures}


def tax_lines(books: Books, **raw: Any) -> list[dict[str, Any]]:
    return build(books(**raw), date(2024, 7, 1))["unified", "fct_tax_line"].to_dicts()


def sale(books: Books, *, of: dict[str, Any] | None = None, **raw: Any) -> dict[str, Any]:
    (only,) = tax_lines(
        books,
        **{
            "sales_invoices": [header()],
            "sales_invoices__invoice_lines": [line(**of or {})],
            **raw,
        },
    )
    return only


def purchase(
    books: Books, document: dict[str, Any], of: dict[str, Any], **raw: Any
) -> list[dict[str, Any]]:
    return tax_lines(
        books,
        purchase_invoices=[header(**document)],
        purchase_invoices__invoice_lines=[line(**of)],
        **raw,
    )


def test_line_bears_the_meaning_of_its_rate_on_the_date(raw_books: Books) -> None:
    found = sale(raw_books)
    seen = (found["category_code"], found["percentage_on_date"], found["treatment_source"])
    assert seen == ("S", Decimal(20), "rate")
    assert found["tax_rate_key"] is not None


def test_rate_that_was_not_loaded_is_known_by_its_id(raw_books: Books) -> None:
    found = sale(raw_books, tax_rates=[], tax_rates__percentages=[])
    assert (found["category_code"], found["tax_rate_key"]) == ("S", None)


def test_rate_that_nothing_knows_is_unmapped(raw_books: Books) -> None:
    found = sale(raw_books, of={"tax_rate__id": "f" * 32})
    assert (found["mapping_method"], found["unmapped_reason"]) == ("unmapped", "unknown_tax_rate")


def test_date_that_no_period_holds_has_no_percentage(raw_books: Books) -> None:
    found = sale(raw_books, sales_invoices=[header(date=date(2005, 5, 1))])
    assert (found["percentage_on_date"], found["category_code"]) == (None, "S")


def test_line_without_a_rate_says_so(raw_books: Books) -> None:
    found = sale(raw_books, of={"tax_rate__id": None})
    seen = (found["unmapped_reason"], found["treatment_source"], found["vat_scope"])
    assert seen == ("no_tax_rate", "none", None)


def test_reverse_charge_is_notional_and_not_charged(raw_books: Books) -> None:
    uncharged = {"tax_amount": Decimal(0), "total_amount": Decimal(10)}
    (found,) = purchase(raw_books, {"vat_reverse_charge": True, **uncharged}, uncharged)
    amounts = (found["tax_amount"], found["notional_tax_amount"], found["total_amount"])
    assert amounts == (Decimal(0), Decimal(2), Decimal(10))
    assert (found["treatment_source"], found["vat_scope"]) == ("document_flag", "domestic_rc")


def test_withholding_stands_on_the_first_line_only(raw_books: Books) -> None:
    lines = [line(), line(_list_idx=1, id="l2")]
    found = tax_lines(
        raw_books,
        sales_invoices=[header(withholding_tax_amount=Decimal("1.5"))],
        sales_invoices__invoice_lines=lines,
    )
    assert [row["withholding_tax_amount"] for row in found] == [Decimal("1.5"), None]


def test_under_a_cash_scheme_the_tax_point_is_the_payment(raw_books: Books) -> None:
    paid = date(2024, 6, 20)
    allocated = {**B1, "_root_id": "p", "_list_idx": 0, "id": "a", "artefact__id": "d"}
    found = sale(
        raw_books,
        financial_settings=CASH,
        contact_payments=[{**B1, "id": "p", "date": paid, "total_amount": Decimal(12)}],
        contact_payments__allocated_artefacts=[{**allocated, "amount": Decimal(12)}],
    )
    assert found["tax_point"] == paid


def test_under_a_cash_scheme_what_is_unpaid_has_no_tax_point(raw_books: Books) -> None:
    assert sale(raw_books, financial_settings=CASH)["tax_point"] is None


CANADA: dict[str, Any] = {
    "businesses": [{**B1, "id": "b1", "country__id": "CA"}],
    "financial_settings": [{**B1, "base_currency__id": "CAD"}],
    "tax_rates": [
        {**B1, "id": "CA_GST", "name": "GST", "percentage": Decimal(5), "is_combined_rate": False},
        {**B1, "id": "CA_GST_PST_BC", "name": "GST + PST BC", "is_combined_rate": True},
    ],
    "tax_rates__percentages": [],
    "tax_rates__component_tax_rates": [
        {**B1, "_root_id": "CA_GST_PST_BC", "_list_idx": 0, "id": "CA_GST", "name": "GST",
         "percentage": Decimal(5)},
        {**B1, "_root_id": "CA_GST_PST_BC", "_list_idx": 1, "id": "CA_PST_BC", "name": "PST BC",
         "percentage": Decimal(7)},
    ],
}  # fmt: skip
COMBINED = {
    "tax_rate__id": "CA_GST_PST_BC",
    "net_amount": Decimal(100),
    "tax_amount": Decimal(12),
    "total_amount": Decimal(112),
    "tax_recoverable": True,
}
PARTS = [part(0, "CA_GST", "5", "5"), part(1, "CA_PST_BC", "7", "7")]


def canadian(books: Books, document: dict[str, Any], of: dict[str, Any]) -> list[dict[str, Any]]:
    return purchase(
        books,
        {**COMBINED, **document, "tax_rate__id": None},
        {**COMBINED, **of},
        purchase_invoices__invoice_lines__tax_breakdown=PARTS,
        **CANADA,
    )


def test_combined_rate_has_its_parts_below_the_line(raw_books: Books) -> None:
    found = canadian(raw_books, {}, {})
    assert [(row["component_seq"], row["tax_type"], row["tax_amount"]) for row in found] == [
        (0, "GST_PST", Decimal(12)),
        (1, "GST", Decimal(5)),
        (2, "PST", Decimal(7)),
    ]


def test_provincial_tax_is_not_recoverable(raw_books: Books) -> None:
    shares = [row["recoverable_share"] for row in canadian(raw_books, {}, {})]
    assert shares == [Decimal("0.416667"), Decimal(1), Decimal(0)]


def test_line_that_is_flagged_recovers_nothing(raw_books: Books) -> None:
    found = canadian(raw_books, {}, {"tax_recoverable": False})
    assert {row["recoverable_share"] for row in found} == {Decimal(0)}


def test_document_recoverable_in_part_recovers_what_sage_counts(raw_books: Books) -> None:
    in_part = {"part_recoverable": True, "total_itc_amount": Decimal("2.5")}
    found = canadian(raw_books, in_part, {"gst_amount": Decimal(5), "pst_amount": Decimal(7)})
    assert found[1]["recoverable_share"] == Decimal("0.5")


@pytest.mark.parametrize("percentage", ["40", "100"])
def test_percentage_of_the_settings_is_recoverable(raw_books: Books, percentage: str) -> None:
    settings = {**B1, "base_currency__id": "GBP", "recoverable_percentage": Decimal(percentage)}
    (found,) = purchase(raw_books, {}, {}, financial_settings=[settings])
    assert found["recoverable_share"] == Decimal(percentage) / 100
