"""Documents in the unified vocabulary become bodies with the tenant's own ids, or are refused."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.mapping import (
    RAW_BOOKS,
    RESOURCES,
    UNIFIED_BOOKS,
    Books,
    Mapped,
    map_document,
    unified_field,
)

B = "b"
OPEN, EVER = date(1, 1, 1), date(9999, 12, 31)


def frame(table: str, *rows: dict[str, Any]) -> pl.LazyFrame:
    columns = UNIFIED_BOOKS.get(table) or RAW_BOOKS[table]
    filled = [
        {column: row.get(column, B if column == "business_id" else None) for column in columns}
        for row in rows
    ]
    return pl.LazyFrame(filled, infer_schema_length=None)


def rate(rate_id: str, category: str, percentage: str, **more: Any) -> dict[str, Any]:
    return {
        "tax_rate_key": f"{rate_id}{more.get('valid_from', '')}",
        "tax_rate_id": rate_id,
        "source_name": f"rate {rate_id}",
        "category_code": category,
        "percentage": Decimal(percentage),
        "valid_from": OPEN,
        "valid_to": EVER,
        "is_visible": True,
        "rate_class": "standard",
        "treatment": "domestic",
        "tax_type": "VAT",
        **more,
    }


FRAMES = {
    "dim_business": frame(
        "dim_business", {"country": "GB"}, {"business_id": "other", "country": "IE"}
    ),
    "dim_account": frame(
        "dim_account",
        {"account_id": "sales", "code": "4000", "account_subclass": "sales", "is_active": True},
        {"account_id": "goods", "code": "5000", "account_subclass": "cost_of_sales"},
        {"account_id": "tools", "code": "21", "account_subclass": "fixed_asset"},
        {"account_id": "vans", "code": "22", "account_subclass": "fixed_asset"},
        {"account_id": "old", "code": "23", "account_subclass": "sales", "is_active": False},
        {"account_id": "bank", "code": "1200", "account_subclass": "bank"},
    ),
    "dim_tax_rate": frame(
        "dim_tax_rate",
        rate("STANDARD", "S", "17.5", valid_to=date(2010, 12, 31)),
        rate("STANDARD", "S", "20", valid_from=date(2011, 1, 1)),
        rate("HIDDEN", "S", "20", is_visible=False),
        rate("LOWER", "S", "5", rate_class="reduced"),
        rate("SITE", "S", "5", rate_class="reduced", tax_type="OTHER"),
        rate("REVERSE", "AE", "20", treatment="reverse_charge"),
        rate("COMBINED", "S", "14.975", tax_type="GST_QST"),
        {**rate("FOREIGN", "S", "23"), "business_id": "other"},
    ),
    "bridge_tax_rate_component": frame(
        "bridge_tax_rate_component",
        {
            "tax_rate_key": "COMBINED",
            "component_tax_rate_id": "GST",
            "component_percentage": Decimal("5"),
        },
        {
            "tax_rate_key": "COMBINED",
            "component_tax_rate_id": "QST",
            "component_percentage": Decimal("9.975"),
        },
    ),
    "dim_contact": frame(
        "dim_contact",
        {"contact_id": "c1", "reference": "C1", "is_customer": True, "is_supplier": False},
        {"contact_id": "s1", "reference": "S1", "is_customer": False, "is_supplier": True},
        {"contact_id": "t1", "reference": "TWIN", "is_customer": True, "is_supplier": False},
        {"contact_id": "t2", "reference": "TWIN", "is_customer": True, "is_supplier": True},
    ),
    "dim_item": frame(
        "dim_item",
        {"item_id": "chair", "item_type": "product", "code": "CH", "sales_account_id": "sales"},
        {"item_id": "care", "item_type": "service", "code": "CA", "sales_account_id": "sales"},
    ),
    "fct_document": frame(
        "fct_document",
        {"document_id": "i1", "number": "SI-1", "contact_id": "c1", "direction": "sale"},
        {"document_id": "i2", "number": "SI-1", "contact_id": "t1", "direction": "sale"},
    ),
    "bank_accounts": frame("bank_accounts", {"id": "account", "ledger_account__id": "bank"}),
}
LINE: dict[str, Any] = {
    "description": "Chairs",
    "quantity": 3,
    "unit_price": Decimal("19.99"),
    "account": {"code": "4000"},
    "tax": {"category_code": "S", "percentage": 20},
}
INVOICE: dict[str, Any] = {
    "contact": {"reference": "C1"},
    "date": "2026-07-01",
    "due_date": "2026-07-31",
    "lines": [LINE],
}
PAYMENT: dict[str, Any] = {
    "payment_kind": "customer_receipt",
    "contact": {"id": "c1"},
    "bank_account": {"code": "1200"},
    "date": "2026-07-01",
    "amount": Decimal("71.96"),
    "allocations": [{"document": {"number": "SI-1"}, "amount": Decimal("71.96")}],
}
JOURNAL: dict[str, Any] = {
    "date": "2026-07-01",
    "reference": "J1",
    "lines": [
        {"account": {"code": "4000"}, "debit": 10},
        {"account": {"code": "5000"}, "amount": -10},
    ],
}


def mapped(kind: str, data: dict[str, Any], business: str = B) -> Mapped:
    return map_document(kind, data, Books(business, FRAMES))


def body(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    result = mapped(kind, data)
    assert result.refusals == ()
    return result.body


def reasons(kind: str, data: dict[str, Any]) -> dict[str, str]:
    return {each.field: each.reason for each in mapped(kind, data).refusals}


def with_line(**changes: Any) -> dict[str, Any]:
    return {**INVOICE, "lines": [{**LINE, **changes}]}


def test_invoice_carries_the_tenants_own_ids() -> None:
    assert body("sales_invoice", INVOICE) == {
        "contact_id": "c1",
        "date": "2026-07-01",
        "due_date": "2026-07-31",
        "invoice_lines": [
            {
                "description": "Chairs",
                "ledger_account_id": "sales",
                "quantity": 3,
                "unit_price": Decimal("19.99"),
                "tax_rate_id": "STANDARD",
                "tax_amount": Decimal("11.99"),
            }
        ],
    }


@pytest.mark.parametrize("kind", [k for k in RESOURCES if "note" in k or "invoice" in k])
def test_every_document_with_lines_names_its_collection_and_lines(kind: str) -> None:
    contact = {"reference": "C1" if kind.startswith("sales") else "S1"}
    data = {**INVOICE, "contact": contact, "due_date": None}
    result = mapped(kind, data)
    lines = "credit_note_lines" if "credit_note" in kind else "invoice_lines"
    assert (result.refusals, result.resource) == ((), f"{kind}s")
    assert len(result.body[lines]) == 1  # type: ignore[arg-type]


# --- tax


def test_rate_is_the_one_of_the_documents_date() -> None:
    old = {**with_line(tax={"category_code": "S", "percentage": Decimal("17.5")})}
    assert "none fits" in reasons("sales_invoice", old)["lines[0].tax"]
    assert body("sales_invoice", {**old, "date": "2010-07-01"})


def test_rate_that_the_tenant_hides_is_not_chosen_but_can_be_named() -> None:
    line = body("sales_invoice", with_line(tax={"id": "HIDDEN"}))["invoice_lines"][0]
    assert line["tax_rate_id"] == "HIDDEN"


def test_several_rates_are_refused_with_the_candidates() -> None:
    reason = reasons("sales_invoice", with_line(tax={"category_code": "S", "percentage": 5}))
    assert reason == {
        "lines[0].tax": "several fit: LOWER rate LOWER 5, SITE rate SITE 5; name one by id"
    }


def test_several_rates_are_told_apart_by_further_words() -> None:
    tax = {"category_code": "S", "percentage": 5, "tax_type": "OTHER"}
    assert body("sales_invoice", with_line(tax=tax))["invoice_lines"][0]["tax_rate_id"] == "SITE"


def test_no_rate_is_refused_with_those_of_the_category() -> None:
    tax = {"category_code": "S", "percentage": 19}
    reason = reasons("sales_invoice", with_line(tax=tax))["lines[0].tax"]
    assert reason.startswith("none fits; there are STANDARD rate STANDARD 20")


def test_rate_of_another_business_is_none() -> None:
    assert "none fits" in reasons("sales_invoice", with_line(tax={"id": "FOREIGN"}))["lines[0].tax"]


def test_tax_of_a_combined_rate_is_rounded_by_component() -> None:
    line = with_line(
        unit_price=Decimal("0.10"), quantity=1, tax={"category_code": "S", "percentage": "14.975"}
    )
    # 0.5 and 0.9975 cents: 0.01 + 0.01, where 1.4975 cents together would be 0.01
    assert body("sales_invoice", line)["invoice_lines"][0]["tax_amount"] == Decimal("0.02")


def test_reverse_charge_bears_no_tax() -> None:
    tax = {"category_code": "AE", "percentage": 20}
    assert body("sales_invoice", with_line(tax=tax))["invoice_lines"][0]["tax_amount"] == 0


@given(
    st.decimals("0.01", "99999", places=2),
    st.decimals("0.01", "999", places=3),
)
def test_tax_is_to_the_cent_and_within_half_a_cent(price: Decimal, quantity: Decimal) -> None:
    line = body("sales_invoice", with_line(unit_price=price, quantity=quantity))["invoice_lines"][0]
    net = (price * quantity).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert abs(line["tax_amount"] - net / 5) <= Decimal("0.005")
    assert line["tax_amount"] == line["tax_amount"].quantize(Decimal("0.01"))


# --- contacts, accounts, items


@pytest.mark.parametrize("code", ["21", "0021", 21])
def test_leading_zeros_of_a_code_do_not_matter(code: str | int) -> None:
    line = body("sales_invoice", with_line(account={"code": code}))["invoice_lines"][0]
    assert line["ledger_account_id"] == "tools"


def test_account_of_a_subclass_is_the_only_active_one() -> None:
    line = body("sales_invoice", with_line(account={"subclass": "sales"}))["invoice_lines"][0]
    assert line["ledger_account_id"] == "sales"


def test_several_accounts_of_a_subclass_are_refused_with_the_candidates() -> None:
    reason = reasons("sales_invoice", with_line(account={"subclass": "fixed_asset"}))
    assert reason == {"lines[0].account": "several fit: tools 21, vans 22; name one by id"}


def test_several_contacts_of_a_reference_are_refused_with_the_candidates() -> None:
    reason = reasons("sales_invoice", {**INVOICE, "contact": {"reference": "TWIN"}})
    assert reason == {"contact": "several fit: t1 TWIN, t2 TWIN; name one by id"}


def test_contact_of_a_purchase_is_a_supplier() -> None:
    data = {**INVOICE, "contact": {"reference": "TWIN"}}
    assert body("purchase_invoice", data)["contact_id"] == "t2"
    assert "contact" in reasons("purchase_invoice", INVOICE)


def test_id_of_a_contact_is_taken_though_the_warehouse_lacks_it() -> None:
    assert body("sales_invoice", {**INVOICE, "contact": {"id": "new"}})["contact_id"] == "new"


@pytest.mark.parametrize("named", [{}, {"id": "c1", "reference": "C1"}])
def test_record_is_named_in_one_way(named: dict[str, str]) -> None:
    assert "needs one of" in reasons("sales_invoice", {**INVOICE, "contact": named})["contact"]


def test_item_brings_its_account() -> None:
    line = body("sales_invoice", with_line(item={"code": "CA"}, account=None))["invoice_lines"][0]
    assert (line["service_id"], line["ledger_account_id"]) == ("care", "sales")


# --- mistakes


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({**INVOICE, "colour": "red"}, "colour"),
        (with_line(price=1), "lines[0].price"),
        (with_line(account={"code": "4000", "name": "x"}), "lines[0].account.name"),
        ({**INVOICE, "lines": []}, "lines"),
        ({**INVOICE, "lines": ["chairs"]}, "lines[0]"),
        (with_line(quantity="many"), "lines[0].quantity"),
        (with_line(unit_price=None), "lines[0].unit_price"),
        (with_line(description=""), "lines[0].description"),
        ({**INVOICE, "date": "2026-13-01"}, "date"),
        ({**INVOICE, "date": 20260701}, "date"),
        (with_line(tax={"category_code": "S"}), "lines[0].tax.percentage"),
    ],
)
def test_mistake_is_refused_at_its_place(data: dict[str, Any], field: str) -> None:
    assert field in reasons("sales_invoice", data)


def test_business_that_was_not_transformed_is_refused() -> None:
    (refusal,) = map_document("sales_invoice", INVOICE, Books("unknown", FRAMES)).refusals
    assert "sage-elt run" in refusal.reason


@pytest.mark.parametrize(
    ("totals", "is_refused"),
    [
        ({"net_amount": "59.97", "tax_amount": "11.99", "total_amount": "71.96"}, False),
        ({"tax_amount": "12.00"}, False),
        ({"net_amount": "59.98"}, True),
        ({"total_amount": "72.50"}, True),
    ],
)
def test_totals_are_compared_with_the_lines(totals: dict[str, str], is_refused: bool) -> None:
    assert bool(reasons("sales_invoice", {**INVOICE, **totals})) == is_refused


def test_totals_of_credit_notes_may_have_the_sign_of_the_unified_schema() -> None:
    data = {**INVOICE, "due_date": None}
    for total in ("71.96", "-71.96"):
        assert body("sales_credit_note", {**data, "total_amount": total})


# --- the others


def test_quick_entry_is_one_amount_with_its_tax() -> None:
    data = {
        "document_kind": "quick_credit",
        "contact": {"reference": "C1"},
        "date": "2026-07-01",
        "reference": "Q1",
        "account": {"code": "4000"},
        "tax": {"category_code": "S", "percentage": 20},
        "net_amount": Decimal("-59.97"),
    }
    found = body("sales_quick_entry", data)
    assert found["quick_entry_type_id"] == "CREDIT_NOTE"
    assert (found["net_amount"], found["total_amount"]) == (Decimal("59.97"), Decimal("71.96"))


def test_payment_settles_the_documents_of_its_contact() -> None:
    found = body("contact_payment", PAYMENT)
    assert found["transaction_type_id"] == "CUSTOMER_RECEIPT"
    assert found["bank_account_id"] == "account"
    assert found["allocated_artefacts"] == [{"artefact_id": "i1", "amount": Decimal("71.96")}]


def test_payment_out_of_the_bank_may_be_negative_as_in_the_unified_schema() -> None:
    data = {
        **PAYMENT, "payment_kind": "vendor_payment", "amount": -5, "allocations": [],
        "contact": {"id": "s1"},
    }  # fmt: skip
    assert body("contact_payment", data)["total_amount"] == 5
    assert "amount" in reasons("contact_payment", {**PAYMENT, "amount": -5, "allocations": []})


def test_payment_settles_at_most_what_it_is() -> None:
    assert "allocations" in reasons("contact_payment", {**PAYMENT, "amount": 10})


def test_journal_has_debits_and_credits() -> None:
    lines = body("journal", JOURNAL)["journal_lines"]
    assert [(each["debit"], each["credit"]) for each in lines] == [(10, 0), (0, 10)]


def test_journal_that_does_not_balance_is_refused() -> None:
    lines = [JOURNAL["lines"][0], {**JOURNAL["lines"][1], "amount": -9}]
    assert reasons("journal", {**JOURNAL, "lines": lines}) == {
        "lines": "debits and credits differ by 1"
    }


def test_contact_has_the_columns_of_its_dimension() -> None:
    data = {
        "name": "Somebody",
        "is_customer": True,
        "reference": "N1",
        "country": "IE",
        "city": "Cork",
        "tax_zone": "eu_registered",
    }
    found = body("contact", data)
    assert found["contact_type_ids"] == ["CUSTOMER"]
    assert found["main_address"] == {"city": "Cork", "country_id": "IE"}
    assert found["tax_treatment"]["eu_tax_registered"] is True


@pytest.mark.parametrize(
    ("kind", "sage_field", "field"),
    [
        ("sales_invoice", "invoice_lines.tax_rate_id", "lines.tax"),
        ("contact_payment", "allocated_artefacts.artefact_id", "allocations.document"),
        ("contact_payment", "total_amount", "amount"),
        ("contact", "main_address.country_id", "country"),
    ],
)
def test_field_that_sage_names_is_one_of_the_data(kind: str, sage_field: str, field: str) -> None:
    assert unified_field(kind, sage_field) == field


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(RESOURCES)), st.data())
def test_whatever_a_field_holds_it_is_mapped_or_refused(kind: str, data: st.DataObject) -> None:
    example = {**INVOICE, **PAYMENT, **JOURNAL, "document_kind": "quick_invoice", "name": "N"}
    name = data.draw(st.sampled_from(sorted(example)))
    result = mapped(kind, {**example, name: data.draw(JSON)})
    assert json.dumps(result.body, default=str)
