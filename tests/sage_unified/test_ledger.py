"""``fct_ledger_entry``, and the journals that close a year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from sage_unified import build

YEAR_END = date(2024, 12, 31)
Books = Callable[..., dict[str, pl.LazyFrame]]
NO_RATES: Any = {"tax_rates": [], "tax_rates__percentages": []}
Entry = Callable[..., dict[str, Any]]


def ledger(books: Books, **tables: Any) -> dict[str, dict[str, Any]]:
    frame = build(books(**{**NO_RATES, **tables}), date(2025, 7, 1))["unified", "fct_ledger_entry"]
    return {row["entry_id"]: row for row in frame.to_dicts()}


def test_debits_are_positive(raw_books: Books) -> None:
    amounts = {name: row["amount"] for name, row in ledger(raw_books).items()}
    assert (amounts["e1"], amounts["e2"]) == (Decimal(120), Decimal(-120))


def test_deleted_entry_stays_flagged(raw_books: Books) -> None:
    flagged = [name for name, row in ledger(raw_books).items() if row["is_deleted"]]
    assert flagged == ["e5", "e6"]


def test_transaction_tells_type_and_origin(raw_books: Books) -> None:
    row = ledger(raw_books)["e1"]
    assert (row["transaction_type"], row["origin_id"]) == ("SALES_INVOICE", "inv1")


def test_type_in_the_entry_comes_first(raw_books: Books, make_entry: Entry) -> None:
    typed = {"transaction__transaction_type__id": "BANK_TRANSFER"}
    entries = [make_entry("e1", "t1", "bank", YEAR_END, "1", **typed)]
    assert ledger(raw_books, ledger_entries=entries)["e1"]["transaction_type"] == "BANK_TRANSFER"


def test_transactions_not_loaded_leave_nulls(raw_books: Books) -> None:
    row = ledger(raw_books, transactions=[])["e1"]
    assert (row["transaction_type"], row["origin_id"], row["currency"]) == (None, None, None)


def test_entry_that_no_document_originated_is_in_base_currency(raw_books: Books) -> None:
    found = ledger(raw_books)
    assert (found["e1"]["currency"], found["e3"]["currency"]) == (None, "GBP")


def test_journal_code_is_looked_up_when_the_entry_has_only_its_id(
    raw_books: Books, make_entry: Entry
) -> None:
    entries = [make_entry("e1", "t1", "bank", YEAR_END, "1", journal_code__id="j")]
    codes = [{"business_id": "b1", "id": "j", "code": "VT"}]
    found = ledger(raw_books, ledger_entries=entries, journal_codes=codes)
    assert found["e1"]["journal_code"] == "VT"


def year(make_entry: Entry, *closing: tuple[str, str, str], day: date = YEAR_END) -> Any:
    """A year of sales 120 and rent 50, and journals of its last day: (transaction, account, amount)."""
    return [
        make_entry("s1", "t1", "bank", date(2024, 1, 15), "120"),
        make_entry("s2", "t1", "sales", date(2024, 1, 15), "-120"),
        make_entry("r1", "t2", "rent", date(2024, 3, 1), "50"),
        make_entry("r2", "t2", "bank", date(2024, 3, 1), "-50"),
        *(
            make_entry(f"c{number}", transaction, account, day, amount)
            for number, (transaction, account, amount) in enumerate(closing)
        ),
    ]


JOURNALS = [
    {"business_id": "b1", "id": name, "transaction_type__id": kind}
    for name, kind in (
        ("t1", "SALES_INVOICE"),
        ("t2", "PURCHASE_INVOICE"),
        ("close", "JOURNAL"),
        ("adjust", "JOURNAL"),
    )
]
CLOSING = (
    ("close", "sales", "120"),
    ("close", "rent", "-50"),
    ("close", "reserves", "-70"),
)


def closing_transactions(books: Books, entries: Any) -> set[str]:
    found = ledger(books, ledger_entries=entries, transactions=JOURNALS)
    return {row["transaction_id"] for row in found.values() if row["is_closing_entry"]}


def test_journal_that_zeroes_the_year_is_closing(raw_books: Books, make_entry: Entry) -> None:
    assert closing_transactions(raw_books, year(make_entry, *CLOSING)) == {"close"}


def test_adjustment_of_the_same_day_is_not_closing(raw_books: Books, make_entry: Entry) -> None:
    adjusted = (
        ("adjust", "rent", "5"),
        ("adjust", "bank", "-5"),
        ("close", "sales", "120"),
        ("close", "rent", "-55"),
        ("close", "reserves", "-65"),
    )
    assert closing_transactions(raw_books, year(make_entry, *adjusted)) == {"close"}


def test_journal_that_leaves_a_balance_is_not_closing(raw_books: Books, make_entry: Entry) -> None:
    partly = (("close", "sales", "120"), ("close", "reserves", "-120"))
    assert closing_transactions(raw_books, year(make_entry, *partly)) == set()


def test_journal_of_another_day_is_not_closing(raw_books: Books, make_entry: Entry) -> None:
    entries = year(make_entry, *CLOSING, day=date(2024, 12, 30))
    assert closing_transactions(raw_books, entries) == set()
