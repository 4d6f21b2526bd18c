"""Rows of unified tables made by hand: what a test does not name has a harmless value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

import polars as pl
import pytest

from sage_unified.model import duckdb_types, polars_types

Table: TypeAlias = Callable[..., pl.LazyFrame]

_USUAL: dict[str, dict[str, Any]] = {
    "dim_account": {"class_method": "type", "class_conflict": False, "is_bank": False},
    "dim_business": {"country": "GB", "base_currency": "GBP"},
    "fct_bank_transaction": {"is_deleted": False},
    "fct_document": {
        "resource": "sales_invoices",
        "document_kind": "invoice",
        "direction": "sale",
        "is_posted": True,
        "date": date(2024, 1, 10),
    },
    "fct_ledger_entry": {"is_deleted": False, "is_closing_entry": False},
    "fct_payment": {"payment_kind": "customer_receipt"},
    "fct_payment_allocation": {"source_kind": "payment", "discount": Decimal(0)},
    "fct_tax_line": {
        "document_kind": "sales_invoice",
        "country": "GB",
        "component_seq": 0,
        "is_void": False,
        "direction": "sale",
        "doc": "invoice",
        "vat_scope": "domestic",
        "supply": "goods",
        "treatment": "domestic",
        "rate_class": "standard",
        "tax_type": "VAT",
        "document_date": date(2024, 1, 10),
        "recoverable_share": Decimal(1),
    },
}


@pytest.fixture(scope="session")
def unified() -> Table:
    """A unified table of such rows, with exactly its columns and types."""

    def table(name: str, *rows: dict[str, Any]) -> pl.LazyFrame:
        usual = {"business_id": "b1", **_USUAL.get(name, {})}
        filled = [_complete(name, {**usual, **row}) for row in rows]
        return pl.LazyFrame(filled, schema=dict(polars_types("unified", name)))

    return table


def _complete(name: str, row: dict[str, Any]) -> dict[str, Any]:
    columns = duckdb_types("unified", name)
    unknown = row.keys() - columns.keys()
    assert not unknown, f"{name} has no {unknown}"
    if name == "fct_ledger_entry":
        amount = Decimal(row["amount"])
        row |= {
            "amount": amount,
            "debit": max(amount, Decimal(0)),
            "credit": max(-amount, Decimal(0)),
        }
    if name == "fct_document":
        row = {"base_total_amount": row.get("total_amount"), **row}
    return {column: _exact(row.get(column), kind) for column, kind in columns.items()}


def _exact(value: Any, kind: str) -> Any:
    return Decimal(value) if kind.startswith("DECIMAL") and value is not None else value
