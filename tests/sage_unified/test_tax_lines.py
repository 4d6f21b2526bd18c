"""Tax lines: the vectors, and what holds of any line."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified import InputError, classify_tax_lines
from sage_unified.vocabulary import CATEGORIES, COUNTRIES, TREATMENTS

VECTORS = Path(__file__).parents[1] / "vectors" / "tax_lines.csv"
CASES = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))
COLUMNS = list(CASES[0])
INPUT = COLUMNS[1 : COLUMNS.index("import") + 1]
TEXTS = (
    "business_country",
    "kind",
    "contact_country",
    "goods_services_type",
    "rate_category",
    "rate_treatment",
)
NUMBERS = ("rate_percentage", "net_amount", "tax_amount")


def typed_cell(column: str, cell: str) -> Any:
    if column in TEXTS or column in NUMBERS:
        return cell or None
    return date.fromisoformat(cell) if column == "document_date" else cell == "1"


def line(**columns: Any) -> dict[str, Any]:
    """A line of the first vector, a plain British sale of 100.00 at 20%, with other columns."""
    return {column: typed_cell(column, CASES[0][column]) for column in INPUT} | columns


def lines(*rows: dict[str, Any]) -> pl.DataFrame:
    schema = {
        column: pl.String
        if column in (*TEXTS, *NUMBERS)
        else pl.Date
        if column == "document_date"
        else pl.Boolean
        for column in INPUT
    }
    return pl.DataFrame(rows, schema=schema)


@cache
def classified() -> pl.DataFrame:
    return classify_tax_lines(
        lines(*({column: typed_cell(column, case[column]) for column in INPUT} for case in CASES))
    )


FOREIGN = {"home_tax": False, "rate_treatment": "reverse_charge", "rate_category": "AE"}


def outcome(**columns: Any) -> dict[str, Any]:
    return classify_tax_lines(lines(line(**columns))).row(0, named=True)


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case["vector_id"] for case in CASES])
def test_vector(index: int) -> None:
    case = CASES[index]
    found = classified().row(index, named=True)
    for column in ("category_code", "treatment", "direction"):
        assert found[column] == (case[column] or None), case["why"]
    assert found["sign"] == int(case["sign"])
    for column in ("signed_net", "signed_tax", "notional_tax"):
        expected = Decimal(case[column]) if case[column] else None
        assert found[column] == expected, case["why"]


@pytest.mark.parametrize(
    ("columns", "scope"),
    [
        ({}, "domestic"),
        ({"rate_treatment": "outside_scope", "rate_category": "O"}, "out_of_scope"),
        ({"vat_reverse_charge": True}, "domestic_rc"),
        ({"contact_country": "US", **FOREIGN}, "row"),
        ({"rate_treatment": "oss", "contact_country": "FR"}, "oss"),
        ({"rate_treatment": "unknown", "rate_category": None}, None),
        ({"kind": "purchase_invoice", "import": True}, "import"),
        ({"kind": "purchase_invoice", "postponed_accounting": True}, "import_pva"),
        ({"rate_treatment": "intra_eu_acquisition", "rate_category": "K"}, None),
    ],
)
def test_vat_scope_follows_from_treatment_side_and_zone(
    columns: dict[str, Any], scope: str | None
) -> None:
    assert outcome(**columns)["vat_scope"] == scope


def test_reverse_charge_of_services_inside_the_union_is_eu() -> None:
    found = outcome(business_country="FR", contact_country="DE", **FOREIGN)
    assert found["vat_scope"] == "eu"


def test_empty_text_is_no_country() -> None:
    assert outcome(contact_country="", rate_category="Z", tax_amount="0")["category_code"] == "Z"


def test_numeric_goods_type_is_not_interpreted() -> None:
    found = outcome(
        business_country="IE",
        contact_country="FR",
        home_tax=False,
        eu_tax_registered=True,
        goods_services_type="2",
        rate_category="Z",
        tax_amount="0",
    )
    assert (found["category_code"], found["treatment"]) == ("Z", "domestic")


def test_half_a_cent_of_notional_tax_goes_up_on_both_signs() -> None:
    bought = {"vat_reverse_charge": True, "net_amount": "0.25", "rate_percentage": "10"}
    invoice = outcome(kind="purchase_invoice", tax_amount="0", **bought)
    credit = outcome(kind="purchase_credit_note", tax_amount="0", **bought)
    assert (invoice["notional_tax"], credit["notional_tax"]) == (Decimal("0.03"), Decimal("-0.03"))


def test_notional_tax_of_an_unknown_percentage_is_unknown() -> None:
    found = outcome(
        kind="purchase_invoice", vat_reverse_charge=True, rate_percentage=None, tax_amount="0"
    )
    assert found["notional_tax"] is None


def test_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="is_importer"):
        classify_tax_lines(classified().drop("is_importer"))


def test_classifying_again_changes_nothing() -> None:
    assert classify_tax_lines(classified()).equals(classified())


def test_rows_keep_their_order() -> None:
    backwards = classified().reverse()
    assert classify_tax_lines(backwards.select(INPUT)).equals(backwards)


def test_no_lines_give_no_rows_with_the_same_types() -> None:
    empty = classify_tax_lines(lines())
    assert empty.is_empty()
    assert empty.schema == classified().schema


amounts = st.none() | st.decimals(-(10**9), 10**9, places=2).map(str)
any_line = st.fixed_dictionaries(
    {
        column: {
            "business_country": st.sampled_from(COUNTRIES),
            "kind": st.sampled_from(sorted({case["kind"] for case in CASES})),
            "document_date": st.none() | st.dates(date(2015, 1, 1), date(2030, 1, 1)),
            "contact_country": st.sampled_from([None, "", "GB", "FR", "US", "XX"]),
            "goods_services_type": st.sampled_from([None, "GOODS", "SERVICES", "2"]),
            "rate_category": st.sampled_from([None, *CATEGORIES]),
            "rate_treatment": st.sampled_from([None, *TREATMENTS]),
            "rate_percentage": st.sampled_from([None, "", "0", "20", "13,5"]),
            "net_amount": amounts,
            "tax_amount": amounts,
        }.get(column, st.sampled_from([None, True, False]))
        for column in INPUT
    }
)


@given(st.lists(any_line, min_size=1, max_size=8))
def test_any_line_has_a_side_and_a_treatment(rows: list[dict[str, Any]]) -> None:
    for row in classify_tax_lines(lines(*rows)).to_dicts():
        assert row["direction"] in ("sale", "purchase")
        assert row["treatment"] in TREATMENTS
        assert row["category_code"] in (*CATEGORIES, None)


@given(any_line)
def test_credit_note_is_the_invoice_with_the_other_sign(row: dict[str, Any]) -> None:
    frame = classify_tax_lines(
        lines(row | {"kind": "purchase_invoice"}, row | {"kind": "purchase_credit_note"})
    )
    for column in ("signed_net", "signed_tax", "notional_tax"):
        invoice, credit = frame[column].to_list()
        assert credit == (None if invoice is None else -invoice)


@given(any_line)
def test_notional_tax_is_never_charged_too(row: dict[str, Any]) -> None:
    found = classify_tax_lines(lines(row)).row(0, named=True)
    assert found["notional_tax"] is None or found["signed_tax"] == 0
