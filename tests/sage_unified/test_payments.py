"""``fct_payment``, ``fct_payment_allocation`` and ``fct_bank_transaction``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sage_unified import build

Books = Callable[..., dict[str, pl.LazyFrame]]
Entry = Callable[..., dict[str, Any]]
DAY = date(2024, 5, 1)
B1 = {"business_id": "b1"}


def made(books: Books, table: str, **raw: Any) -> list[dict[str, Any]]:
    return build(books(**raw), date(2024, 7, 1))["unified", table].to_dicts()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CUSTOMER_RECEIPT", ("customer_receipt", Decimal(12))),
        ("CUSTOMER_REFUND", ("customer_refund", Decimal(-12))),
        ("VENDOR_PAYMENT", ("vendor_payment", Decimal(-12))),
        ("SUPPLIER_REFUND", ("vendor_refund", Decimal(12))),
    ],
)
def test_money_into_the_bank_is_positive(
    raw_books: Books, kind: str, expected: tuple[str, Decimal]
) -> None:
    payment = {**B1, "id": "p", "date": DAY, "total_amount": Decimal(12)}
    (found,) = made(
        raw_books, "fct_payment", contact_payments=[{**payment, "transaction_type__id": kind}]
    )
    assert (found["payment_kind"], found["amount"]) == expected


def test_allocation_reduces_both_its_ends(raw_books: Books) -> None:
    part = {**B1, "_root_id": "al", "amount": Decimal(7)}
    found = made(
        raw_books,
        "fct_payment_allocation",
        contact_allocations=[{**B1, "id": "al", "date": DAY}],
        contact_allocations__allocated_artefacts=[
            {**part, "_list_idx": 0, "id": "x", "artefact__id": "invoice"},
            {**part, "_list_idx": 1, "id": None, "artefact__id": "credit"},
        ],
    )
    assert [(row["allocation_id"], row["document_id"], row["amount"]) for row in found] == [
        ("al-1", "credit", Decimal(7)),
        ("x", "invoice", Decimal(7)),
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CUSTOMER_RECEIPT", "receipt"),
        ("VENDOR_REFUND", "receipt"),
        ("CUSTOMER_REFUND", "payment"),
        ("OTHER_PAYMENT", "payment"),
        ("BANK_TRANSFER", "transfer"),
        ("BANK_OPENING_BALANCE", "opening"),
        ("OPENING_BALANCE_JOURNAL", "opening"),
        ("JOURNAL", "journal"),
        ("SOMETHING_NEW", None),
    ],
)
def test_type_of_the_transaction_tells_the_kind(
    raw_books: Books, make_entry: Entry, kind: str, expected: str | None
) -> None:
    typed = {"transaction__transaction_type__id": kind}
    entries = [make_entry("e1", "t1", "bank", DAY, "1", **typed)]
    (found,) = made(raw_books, "fct_bank_transaction", ledger_entries=entries)
    assert found["kind"] == expected


def test_ends_of_a_transfer_name_each_other(raw_books: Books, make_entry: Entry) -> None:
    entries = [
        make_entry("e1", "t1", "bank", DAY, "-1"),
        make_entry("e2", "t1", "plant", DAY, "1"),
    ]
    banks = [
        {**B1, "id": name, "ledger_account__id": account}
        for name, account in (("a", "bank"), ("b", "plant"))
    ]
    move = {"transaction__id": "t1", "from_bank_account__id": "a", "to_bank_account__id": "b"}
    found = made(
        raw_books,
        "fct_bank_transaction",
        ledger_entries=entries,
        bank_accounts=banks,
        bank_transfers=[{**B1, "id": "m", **move}],
    )
    ends = {row["bank_account_id"]: row["counterpart_bank_account_id"] for row in found}
    assert ends == {"a": "b", "b": "a"}
