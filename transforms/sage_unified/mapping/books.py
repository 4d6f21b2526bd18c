"""What one tenant has, to choose from: contacts, accounts, tax rates, items, bank accounts, documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import polars as pl

UNIFIED_BOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    "dim_business": ("business_id", "country", "base_currency", "year_end_lockdown_date"),
    "dim_account": (
        "business_id", "account_id", "code", "display_name", "account_subclass", "is_active",
    ),
    "dim_tax_rate": (
        "business_id", "tax_rate_key", "tax_rate_id", "source_name", "percentage", "valid_from",
        "valid_to", "is_visible", "category_code", "rate_class", "treatment", "tax_type", "agency",
    ),
    "bridge_tax_rate_component": ("tax_rate_key", "component_tax_rate_id", "component_percentage"),
    "dim_contact": (
        "business_id", "contact_id", "reference", "is_customer", "is_supplier", "deleted_at",
    ),
    "dim_item": (
        "business_id", "item_id", "item_type", "code", "sales_account_id", "purchase_account_id",
        "sales_tax_rate_id", "deleted_at",
    ),
    "fct_document": (
        "business_id", "document_id", "resource", "direction", "number", "contact_id", "is_posted",
    ),
}  # fmt: skip
"""Tables of the unified schema that documents are mapped by, and their columns."""
RAW_BOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    "bank_accounts": ("business_id", "id", "displayed_as", "ledger_account__id"),
}
"""Likewise of the raw schema: the unified one has no table of bank accounts."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Books:
    """One business; rows are read when first needed."""

    business_id: str
    frames: Mapping[str, pl.LazyFrame]
    """By name, tables of all businesses; what is missing counts as empty."""

    @cached_property
    def business(self) -> Row | None:
        """None when the business was not synced and transformed."""
        return next(iter(self._rows("dim_business")), None)

    @property
    def locked_until(self) -> date | None:
        """The last day of the years that are closed."""
        locked: date | None = (self.business or {}).get("year_end_lockdown_date")
        return locked

    @cached_property
    def accounts(self) -> list[Row]:
        return self._rows("dim_account")

    @cached_property
    def bank_accounts(self) -> list[Row]:
        return self._rows("bank_accounts")

    @cached_property
    def contacts(self) -> list[Row]:
        return [row for row in self._rows("dim_contact") if row["deleted_at"] is None]

    @cached_property
    def items(self) -> list[Row]:
        return [row for row in self._rows("dim_item") if row["deleted_at"] is None]

    @cached_property
    def documents(self) -> list[Row]:
        return self._rows("fct_document")

    @cached_property
    def tax_rates(self) -> list[Row]:
        """Periods of rates; ``components``: the percentages of a combined rate's parts."""
        components: dict[str, list[Any]] = {}
        for part in self._all("bridge_tax_rate_component").collect().to_dicts():
            components.setdefault(part["tax_rate_key"], []).append(part["component_percentage"])
        return [
            {**row, "components": components.get(row["tax_rate_key"], [])}
            for row in self._rows("dim_tax_rate")
        ]

    def _rows(self, table: str) -> list[Row]:
        mine = self._all(table).filter(pl.col("business_id") == self.business_id)
        return mine.collect().to_dicts()

    def _all(self, table: str) -> pl.LazyFrame:
        columns = UNIFIED_BOOKS.get(table) or RAW_BOOKS[table]
        frame = self.frames.get(table)
        if frame is None:
            return pl.LazyFrame(schema=dict.fromkeys(columns, pl.String))
        present = frame.collect_schema().names()
        return frame.select([pl.col(c) if c in present else pl.lit(None).alias(c) for c in columns])
