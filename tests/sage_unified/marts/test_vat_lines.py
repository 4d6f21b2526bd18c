"""Tax lines as returns count them, and the returns of periods."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sage_unified import vat_return
from sage_unified.marts.vat_lines import vat_lines
from sage_unified.marts.vat_summary import vat_summary

Table = Callable[..., pl.LazyFrame]

VECTORS = Path(__file__).parents[2] / "vectors" / "vat_returns.json"
CASES = [
    case
    for case in json.loads(VECTORS.read_text(encoding="utf-8"), parse_float=Decimal)
    if not case.get("agency")
]
SALE = {"tax_line_key": "k1", "document_id": "inv", "line_id": "1"}
FULL = {**SALE, "base_net_amount": "100", "base_tax_amount": "20", "percentage_on_date": "20"}
INVOICE = {"document_id": "inv", "total_amount": "120"}


def as_tax_line(number: int, line: dict[str, Any], country: str) -> dict[str, Any]:
    """A vector's line as the table has it; what the formulas call exempt is a treatment there."""
    rate_class = line.get("rate_class", "standard")
    given = {
        "tax_line_key": f"k{number}",
        "country": country,
        "document_id": "inv",
        "line_id": str(number),
        "base_net_amount": line["net"],
        "base_tax_amount": line.get("tax", 0),
        "base_notional_tax_amount": line.get("notional_tax", 0),
        "percentage_on_date": line["rate"],
        "rate_class": "none" if rate_class == "exempt" else rate_class,
        "treatment": "exempt" if rate_class == "exempt" else "domestic",
        "tax_type": "RE" if rate_class == "surcharge" else line.get("tax_type", "VAT"),
    }
    same = ("direction", "doc", "vat_scope", "supply", "recoverable_share", "agency")
    return given | {name: line[name] for name in same if name in line}


def lines_of(
    unified: Table,
    *lines: dict[str, Any],
    documents: list[dict[str, Any]] | None = None,
    allocations: list[dict[str, Any]] | None = None,
    **business: Any,
) -> pl.DataFrame:
    return vat_lines(
        unified("fct_tax_line", *lines),
        unified("fct_document", *(documents or [INVOICE])),
        unified("fct_payment_allocation", *(allocations or [])),
        unified("dim_business", business),
    ).collect()


def summary(lines: pl.DataFrame, frequency: str | None = None) -> pl.DataFrame:
    settings = pl.LazyFrame(
        {"business_id": ["b1"], "tax_return_frequency__id": [frequency]},
        schema={"business_id": pl.String, "tax_return_frequency__id": pl.String},
    )
    return vat_summary(lines.lazy(), settings).collect()


def amounts(found: pl.DataFrame) -> dict[str, Decimal]:
    return dict(found.select("box", "amount").iter_rows())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_month_of_a_vector_is_its_return(unified: Table, case: dict[str, Any]) -> None:
    tax_lines = [as_tax_line(n, line, case["country"]) for n, line in enumerate(case["lines"])]
    lines = lines_of(unified, *tax_lines, country=case["country"], tax_scheme_id="STANDARD")
    found = amounts(summary(lines))
    assert {box: found[box] for box in case["expected"]} == {
        box: Decimal(amount) for box, amount in case["expected"].items()
    }, case["description"]


def test_line_says_which_boxes_it_is_in(unified: Table) -> None:
    found = lines_of(unified, FULL)
    assert json.loads(found["boxes"].item()) == [
        {"box": "1", "amount": "20.0000"},
        {"box": "6", "amount": "100.0000"},
    ]


def test_unmapped_line_is_in_no_box(unified: Table) -> None:
    found = lines_of(unified, {**FULL, "vat_scope": None})
    assert found["boxes"].to_list() == ["[]"]


def test_service_from_abroad_that_is_booked_as_an_asset_is_in_the_boxes_of_services(
    unified: Table,
) -> None:
    licence = {
        **FULL,
        "direction": "purchase",
        "treatment": "reverse_charge",
        "vat_scope": "row",
        "supply": "capital",
        "base_tax_amount": "0",
        "base_notional_tax_amount": "20",
    }
    found = amounts(summary(lines_of(unified, licence)))
    assert (found["1"], found["4"]) == (Decimal(20), Decimal(20))


def test_line_of_a_draft_is_left_out(unified: Table) -> None:
    draft = [{**INVOICE, "is_posted": False}]
    assert lines_of(unified, FULL, documents=draft).is_empty()


def test_void_line_is_left_out(unified: Table) -> None:
    assert lines_of(unified, {**FULL, "is_void": True}).is_empty()


def test_quarter_stands_beside_its_months(unified: Table) -> None:
    march = {**FULL, "tax_line_key": "k2", "line_id": "2", "document_date": date(2024, 3, 5)}
    found = summary(lines_of(unified, FULL, march), "QUARTERLY").filter(pl.col("box") == "1")
    columns = ["period_kind", "period_start", "period_end", "amount", "line_count"]
    assert found.select(columns).rows() == [
        ("month", date(2024, 1, 1), date(2024, 1, 31), Decimal(20), 1),
        ("month", date(2024, 3, 1), date(2024, 3, 31), Decimal(20), 1),
        ("return", date(2024, 1, 1), date(2024, 3, 31), Decimal(40), 2),
    ]


def test_monthly_return_is_the_month_alone(unified: Table) -> None:
    found = summary(lines_of(unified, FULL), "MONTHLY")
    assert found["period_kind"].unique().to_list() == ["month"]


PAYMENTS = [
    {"document_id": "inv", "date": date(2024, 2, 1), "amount": "40"},
    {"document_id": "inv", "date": date(2024, 3, 1), "amount": "80"},
]


def test_under_a_cash_scheme_tax_is_due_as_it_is_paid(unified: Table) -> None:
    found = lines_of(unified, FULL, allocations=PAYMENTS, tax_scheme_id="CASH")
    assert found.select("tax_point", "net", "tax").rows() == [
        (date(2024, 2, 1), Decimal("33.33"), Decimal("6.67")),
        (date(2024, 3, 1), Decimal("66.67"), Decimal("13.33")),
    ]


def test_under_a_cash_scheme_nothing_is_due_unpaid(unified: Table) -> None:
    assert lines_of(unified, FULL, tax_scheme_id="CASH").is_empty()


@pytest.mark.parametrize("scope", ["eu", "domestic_rc", "import_pva", "row"])
def test_what_the_buyer_accounts_for_is_no_matter_of_payment(unified: Table, scope: str) -> None:
    found = lines_of(unified, {**FULL, "vat_scope": scope}, tax_scheme_id="CASH")
    assert found["tax_point"].to_list() == [date(2024, 1, 10)]


@pytest.mark.parametrize(("supply", "lines"), [("services", 0), ("goods", 1)])
def test_french_services_without_a_scheme_are_due_on_payment(
    unified: Table, supply: str, lines: int
) -> None:
    french = {**FULL, "country": "FR", "supply": supply}
    assert lines_of(unified, french, country="FR").height == lines


def test_french_services_under_a_scheme_by_debits_are_due_at_once(unified: Table) -> None:
    french = {**FULL, "country": "FR", "supply": "services"}
    found = lines_of(unified, french, country="FR", tax_scheme_id="STANDARD")
    assert found.height == 1


def part(seq: int, tax_type: str, tax: str, **columns: Any) -> dict[str, Any]:
    line = {**FULL, "tax_line_key": f"p{seq}", "component_seq": seq, "tax_type": tax_type}
    return {**line, "base_tax_amount": tax, **columns}


def test_federal_return_takes_the_federal_component(unified: Table) -> None:
    lines = [
        part(0, "GST_QST", "14.98", country="CA"),
        part(1, "GST", "5", country="CA"),
        part(2, "QST", "9.98", country="CA"),
    ]
    found = amounts(summary(lines_of(unified, *lines, country="CA")))
    assert (found["101"], found["103"]) == (Decimal(100), Decimal(5))


def test_components_of_one_agency_sell_once(unified: Table) -> None:
    lines = [
        part(0, "SALES_TAX", "9", country="US", agency=None),
        part(1, "SALES_TAX", "7", country="US", agency="state"),
        part(2, "SALES_TAX", "1", country="US", agency="state"),
        part(3, "SALES_TAX", "1", country="US", agency="city"),
    ]
    found = summary(lines_of(unified, *lines, country="US"))
    boxes = {(row["agency"], row["box"]): row["amount"] for row in found.iter_rows(named=True)}
    assert boxes["state", "gross_sales"] == boxes["city", "gross_sales"] == 100
    assert (boxes["state", "tax_collected"], boxes["city", "tax_collected"]) == (8, 1)


RECARGO = {
    **FULL,
    "country": "ES",
    "tax_type": "VAT_RE",
    "percentage_on_date": "26.2",
    "base_tax_amount": "26.20",
}


def test_recargo_is_parted_from_the_tax(unified: Table) -> None:
    found = amounts(summary(lines_of(unified, RECARGO, country="ES")))
    boxes = {box: amount for box, amount in found.items() if amount}
    assert boxes["09"] == 21
    assert (boxes["22"], boxes["24"]) == (Decimal(100), Decimal("5.20"))


def test_recargo_of_no_law_stays_whole(unified: Table) -> None:
    odd = {**RECARGO, "percentage_on_date": "25"}
    assert lines_of(unified, odd, country="ES")["part"].to_list() == [1]


def test_tax_of_the_canaries_is_in_no_box_of_the_mainland(unified: Table) -> None:
    canary = {**FULL, "country": "ES", "tax_type": "IGIC", "percentage_on_date": "7"}
    assert lines_of(unified, canary, country="ES")["boxes"].to_list() == ["[]"]


def test_summary_of_a_month_is_the_return_of_its_lines(unified: Table) -> None:
    lines = lines_of(unified, FULL, {**FULL, "tax_line_key": "k2", "direction": "purchase"})
    of_function = vat_return(lines, "GB")
    assert amounts(summary(lines)) == dict(of_function.iter_rows())
