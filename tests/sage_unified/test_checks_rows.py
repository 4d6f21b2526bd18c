"""Single checks over rows made by hand: what is a break, what is not, what is told of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import sage_unified as su

Row = dict[str, Any]


def outcome(check: str, **tables: list[Row]) -> list[tuple[Any, ...]]:
    """``subject, difference, status`` of a check, of one business."""
    return found(check, **tables).select("subject", "difference", "status").rows()


def found(check: str, **tables: list[Row]) -> pl.DataFrame:
    rows: dict[str, list[Row]] = {"dim_business": [{"base_currency": "GBP"}], **tables}
    frames = {
        table: pl.LazyFrame(
            [{"business_id": "b1", **row} for row in given], infer_schema_length=None
        )
        for table, given in rows.items()
    }
    return su.check(frames).filter(pl.col("check") == check)


INVOICE = {"document_id": "inv", "resource": "sales_invoices", "is_posted": True}


def line(total: str) -> Row:
    return {"document_id": "inv", "resource": "sales_invoices", "total_amount": total}


@pytest.mark.parametrize(("second", "status"), [("50.02", "ok"), ("50.03", "broken")])
def test_document_may_differ_from_its_lines_by_a_cent_a_line(second: str, status: str) -> None:
    documents = [{**INVOICE, "total_amount": "100"}]
    lines = [line("50"), line(second)]
    assert [
        row[2]
        for row in outcome("documents_equal_lines", fct_document=documents, fct_document_line=lines)
    ] == [status]


def test_opening_balance_needs_no_lines() -> None:
    opening = {**INVOICE, "resource": "contact_opening_balances", "total_amount": "100"}
    assert outcome("documents_equal_lines", fct_document=[opening])[0][2] == "missing"


def open_items(*contacts: Row) -> list[tuple[Any, ...]]:
    day = date(2024, 6, 30)
    item = {"contact_id": "c", "as_of": day, "base_outstanding": "70"}
    owed = {**item, "base_outstanding": "20"}
    return outcome(
        "open_items_equal_contact_balances",
        dim_contact=list(contacts),
        aged_receivables=[item],
        aged_payables=[owed],
    )


@pytest.mark.parametrize(
    ("customer", "supplier", "balance"), [(True, False, 50), (True, True, 50), (False, True, -50)]
)
def test_contact_of_both_kinds_owes_the_one_less_the_other(
    customer: bool, supplier: bool, balance: int
) -> None:
    contact = {"contact_id": "c", "is_customer": customer, "is_supplier": supplier}
    assert open_items({**contact, "balance": balance}) == [("c", Decimal(0), "ok")]


def test_foreign_bank_account_is_not_held_against_its_base_balance() -> None:
    banks = [
        {"id": "euro", "ledger_account__id": "a", "currency__id": "EUR", "balance": "7"},
        {"id": "home", "ledger_account__id": "b", "currency__id": "GBP", "balance": "5"},
    ]
    balances = [
        {"bank_account_id": account, "date": date(2024, 1, 1), "balance": "5"}
        for account in ("euro", "home")
    ]
    entries = [{"is_deleted": False, "account_id": "b", "date": date(2024, 1, 1), "amount": "5"}]
    assert outcome(
        "bank_equals_sage", bank_accounts=banks, bank_balance=balances, fct_ledger_entry=entries
    ) == [("home", Decimal(0), "ok")]


def test_unmapped_lines_are_listed_by_rate_with_reason_and_net() -> None:
    usual = {"component_seq": 0, "is_void": False, "base_net_amount": "10"}
    lines = [
        {**usual, "tax_rate_id": "a", "vat_scope": "domestic", "unmapped_reason": None},
        {**usual, "tax_rate_id": "b", "vat_scope": None, "unmapped_reason": "zero_rate_ambiguous"},
        {**usual, "tax_rate_id": "b", "vat_scope": None, "unmapped_reason": "zero_rate_ambiguous"},
    ]
    listed = found("tax_lines_mapped", fct_tax_line=lines)
    assert listed.select("subject", "expected", "found", "status", "hint").rows() == [
        ("b", None, None, "ok", "zero_rate_ambiguous: 2 lines, net 20.0000 in base currency"),
        ("tax lines", Decimal(3), Decimal(1), "ok", ""),
    ]


def test_payment_to_the_tax_office_is_no_break() -> None:
    paid = {**INVOICE, "resource": "other_payments", "direction": "purchase", "transaction_id": "t"}
    row = outcome(
        "tax_lines_equal_tax_accounts",
        fct_document=[paid],
        fct_document_line=[
            {
                "document_id": "inv",
                "resource": "other_payments",
                "account_id": "vat",
                "base_net_amount": "90",
            }
        ],
        fct_ledger_entry=[
            {
                "transaction_id": "t",
                "transaction_type": "OTHER_PAYMENT",
                "account_id": "vat",
                "amount": "90",
                "is_deleted": False,
            }
        ],
        dim_account=[{"account_id": "vat", "account_subclass": "tax"}],
    )
    assert row == [("inv", Decimal(0), "ok")]


def test_tax_that_can_not_be_recovered_is_expected_in_the_cost() -> None:
    bill = {**INVOICE, "direction": "purchase", "transaction_id": "t"}
    row = outcome(
        "tax_lines_equal_tax_accounts",
        fct_document=[bill],
        fct_tax_line=[
            {
                "document_id": "inv",
                "component_seq": 0,
                "is_void": False,
                "direction": "purchase",
                "base_tax_amount": "20",
                "recoverable_share": "0.5",
            }
        ],
        fct_ledger_entry=[
            {"transaction_id": "t", "account_id": "vat", "amount": "10", "is_deleted": False}
        ],
        dim_account=[{"account_id": "vat", "account_subclass": "tax"}],
    )
    assert row == [("inv", Decimal(0), "ok")]


def test_unclassified_balance_is_named_where_the_balance_sheet_breaks() -> None:
    day = date(2024, 6, 30)
    sheet = [
        {"period_end": day, "account_class": "unclassified", "balance": "-5"},
        {"period_end": day, "account_class": "asset", "balance": "5"},
    ]
    broken = found(
        "balance_sheet_balances", balance_sheet=sheet, dim_account=[{"account_id": "odd"}]
    )
    assert broken["hint"].item().startswith("Unclassified accounts carry -5")


def test_resource_that_only_the_ledger_knows_is_named() -> None:
    entry = {"transaction_type": "PURCHASE_INVOICE", "transaction_id": "t", "is_deleted": False}
    missing = found("documents_equal_ledger", fct_ledger_entry=[entry])
    assert "purchase_invoices" in missing["hint"].item()
    assert missing["status"].to_list() == ["missing"]


@pytest.mark.parametrize(
    ("boxes", "status"),
    [
        ('[{"box":"A1","amount":"100"},{"box":"08","amount":"20"}]', "ok"),
        ('[{"box":"A1","amount":"100"}]', "broken"),
        ("[]", "broken"),
    ],
)
def test_tax_that_no_box_takes_is_named_by_its_document(boxes: str, status: str) -> None:
    tax_line = {
        "document_id": "inv",
        "country": "FR",
        "direction": "sale",
        "vat_scope": "domestic",
        "tax": "20",
        "notional_tax": "0",
        "itc": "20",
        "boxes": boxes,
    }
    told = outcome("vat_return_takes_all_tax", vat_lines=[tax_line])
    assert [(row[0], row[2]) for row in told] == [("inv", status)]


def test_provincial_tax_is_not_missed_in_the_federal_return() -> None:
    qst = {
        "document_id": "inv",
        "country": "CA",
        "direction": "sale",
        "vat_scope": "domestic",
        "tax_type": "QST",
        "tax": "9.98",
        "boxes": "[]",
    }
    assert outcome("vat_return_takes_all_tax", vat_lines=[qst])[0][2] == "missing"
