"""Documents against what their transactions booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified.marts.document_ledger import document_ledger_check

Table = Callable[..., pl.LazyFrame]

INVOICE = {"document_id": "inv", "transaction_id": "t1", "total_amount": "120"}
CONTROL = {
    "entry_id": "e1",
    "transaction_id": "t1",
    "transaction_type": "SALES_INVOICE",
    "account_id": "debtors",
    "date": date(2024, 1, 10),
    "amount": "120",
}
SALE = {**CONTROL, "entry_id": "e2", "account_id": "sales", "amount": "-120"}


@pytest.fixture(scope="module")
def rows(unified: Table) -> Callable[..., list[tuple[Any, ...]]]:
    accounts = unified(
        "dim_account",
        {"account_id": "debtors", "account_subclass": "receivable", "is_control_account": True},
        {"account_id": "creditors", "account_subclass": "payable", "is_control_account": True},
        {"account_id": "sales", "account_subclass": "sales"},
        {"account_id": "bank", "account_subclass": "bank"},
    )

    def compared(
        documents: list[dict[str, Any]],
        entries: list[dict[str, Any]],
        banked: list[dict[str, Any]] | None = None,
    ) -> list[tuple[Any, ...]]:
        found = document_ledger_check(
            unified("fct_document", *documents),
            unified("fct_ledger_entry", *entries),
            unified("fct_bank_transaction", *(banked or [])),
            accounts,
        ).collect()
        return found.select("document_id", "transaction_id", "difference", "problem").rows()

    return compared


def test_document_that_was_booked_as_it_is_has_no_problem(rows: Any) -> None:
    assert rows([INVOICE], [CONTROL, SALE]) == [("inv", "t1", Decimal(0), None)]


def test_document_booked_otherwise_differs(rows: Any) -> None:
    assert rows([INVOICE], [{**CONTROL, "amount": "119"}, SALE]) == [
        ("inv", "t1", Decimal(-1), "difference")
    ]


def test_purchase_is_compared_with_what_is_owed(rows: Any) -> None:
    bill = {**INVOICE, "direction": "purchase"}
    assert rows([bill], [{**CONTROL, "account_id": "creditors", "amount": "-120"}]) == [
        ("inv", "t1", Decimal(0), None)
    ]


def test_other_payment_is_compared_with_its_bank_account(rows: Any) -> None:
    paid = {
        **INVOICE,
        "resource": "other_payments",
        "document_kind": "other_payment",
        "direction": "purchase",
        "bank_account_id": "current",
    }
    legs = [{**CONTROL, "account_id": "bank", "amount": "-120"}]
    banked = [
        {"bank_transaction_id": "e1", "bank_account_id": "current", "date": date(2024, 1, 10)}
    ]
    assert rows([paid], legs, banked) == [("inv", "t1", Decimal(0), None)]


def test_posted_document_without_transaction_is_listed(rows: Any) -> None:
    assert rows([{**INVOICE, "transaction_id": None}], []) == [
        ("inv", None, Decimal(-120), "no_transaction")
    ]


def test_document_whose_entries_are_gone_is_listed(rows: Any) -> None:
    gone = [{**CONTROL, "is_deleted": True}, {**SALE, "is_deleted": True}]
    assert rows([INVOICE], gone) == [("inv", "t1", Decimal(-120), "no_entries")]


def test_transaction_without_document_is_listed(rows: Any) -> None:
    assert rows([], [CONTROL, SALE]) == [(None, "t1", Decimal(120), "no_document")]


def test_void_document_that_is_still_booked_is_listed(rows: Any) -> None:
    assert rows([{**INVOICE, "is_posted": False}], [CONTROL, SALE]) == [
        (None, "t1", Decimal(120), "no_document")
    ]


def test_journal_needs_no_document(rows: Any) -> None:
    assert rows([], [{**CONTROL, "transaction_type": "JOURNAL"}]) == []
