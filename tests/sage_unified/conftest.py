"""Small raw books for the tests of the transforms: one British business, as a load leaves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pytest

from sage_unified.raw import RAW

Raw: TypeAlias = dict[str, pl.LazyFrame]
Row: TypeAlias = Mapping[str, Any]

BUSINESS = "b1"


@pytest.fixture(scope="session")
def vectors() -> Path:
    return Path(__file__).parents[1] / "vectors"


@pytest.fixture(scope="session")
def raw_table() -> Callable[[str, Sequence[Row]], pl.LazyFrame]:
    """A raw table with only the columns that its rows have, as a partial load may leave it."""

    def table(name: str, rows: Sequence[Row]) -> pl.LazyFrame:
        columns = dict.fromkeys(column for row in rows for column in row)
        schema = {column: RAW[name][column] for column in columns}
        return pl.LazyFrame([dict(row) for row in rows], schema=schema)

    return table


@pytest.fixture(scope="session")
def raw_books(raw_table: Callable[[str, Sequence[Row]], pl.LazyFrame]) -> Callable[..., Raw]:
    """Raw books; a table given by name replaces the one of these books."""

    def books(**tables: Sequence[Row]) -> Raw:
        return {name: raw_table(name, rows) for name, rows in {**_BOOKS, **tables}.items()}

    return books


def _rows(**columns: Any) -> Row:
    return {"business_id": BUSINESS, **columns}


def entry(
    entry_id: str,
    transaction_id: str | None,
    account_id: str,
    day: date,
    amount: str,
    **columns: Any,
) -> Row:
    """A raw ledger entry; a positive amount is a debit."""
    value = Decimal(amount)
    return _rows(
        id=entry_id,
        transaction__id=transaction_id,
        ledger_account__id=account_id,
        date=day,
        debit=max(value, Decimal(0)),
        credit=max(-value, Decimal(0)),
        **{"deleted": False, **columns},
    )


_BOOKS: dict[str, Sequence[Row]] = {
    "businesses": [_rows(id=BUSINESS, name="Tyne", country__id="GB", ni_based=False)],
    "financial_settings": [_rows(base_currency__id="GBP", year_end_date=date(2024, 12, 31))],
    "business_settings": [_rows(country_of_registration__id="ENGLAND")],
    "ledger_accounts": [
        _rows(id="bank", nominal_code="1200", name="Bank", ledger_account_type__id="BANK"),
        _rows(id="sales", nominal_code="4000", name="Sales", ledger_account_type__id="SALES"),
        _rows(id="plant", nominal_code="21", name="Plant", ledger_account_type__id="FIXED_ASSETS"),
        _rows(
            id="reserves", nominal_code="3200", name="Reserves", ledger_account_type__id="EQUITY"
        ),
        _rows(id="rent", nominal_code="7100", name="Rent", ledger_account_type__id="OVERHEADS"),
    ],
    "bank_accounts": [_rows(id="ba1", ledger_account__id="bank")],
    "tax_rates": [
        _rows(id="GB_STANDARD", name="Standard", percentage=Decimal(20), is_visible=True),
        _rows(id="own", name="VAT", percentage=Decimal(20), is_visible=True),
    ],
    "tax_rates__percentages": [
        _rows(
            _root_id="GB_STANDARD",
            _list_idx=0,
            percentage=Decimal("17.5"),
            from_date=date(2010, 1, 1),
            to_date=date(2011, 1, 3),
        ),
        _rows(
            _root_id="GB_STANDARD",
            _list_idx=1,
            percentage=Decimal(20),
            from_date=date(2011, 1, 4),
            to_date=None,
        ),
    ],
    "ledger_entries": [
        entry("e1", "t1", "bank", date(2024, 1, 15), "120.00"),
        entry("e2", "t1", "sales", date(2024, 1, 15), "-120.00", tax_rate__id="GB_STANDARD"),
        entry("e3", "t2", "rent", date(2024, 3, 2), "50.25"),
        entry("e4", "t2", "bank", date(2024, 3, 2), "-50.25"),
        entry("e5", "t3", "bank", date(2024, 2, 1), "7.00", deleted=True),
        entry("e6", "t3", "sales", date(2024, 2, 1), "-7.00", deleted=True),
    ],
    "transactions": [
        _rows(id="t1", transaction_type__id="SALES_INVOICE", origin__id="inv1"),
        _rows(id="t2", transaction_type__id="JOURNAL", origin__id=None),
        _rows(id="t3", transaction_type__id="SALES_INVOICE", origin__id="inv2"),
    ],
    "_ledger_account_balances": [
        _rows(
            id=account,
            balance_details__debits=Decimal(debits),
            balance_details__credits=Decimal(credits_),
        )
        for account, debits, credits_ in (
            ("bank", "120", "50.25"),
            ("sales", "0", "120"),
            ("rent", "50.25", "0"),
            ("plant", "0", "0"),
        )
    ],
}
"""120.00 of sales in January, 50.25 of rent in March, a deleted transaction in February."""


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., Row]:
    return entry
